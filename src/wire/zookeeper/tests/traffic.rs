//! Traffic between real clients and ZooKeeper 3.8.0: every frame is decoded, and encoded to the same bytes.

use std::collections::VecDeque;

use super::*;
use crate::wire::zookeeper::fuzz::encoded;

/// Connections, each after a line with a title; `>` is before a client's frame, `<` before a server's.
const TRAFFIC: &str = include_str!("traffic.txt");

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The frames of clients.
pub(super) fn sent() -> Vec<Vec<u8>> {
    let sent = TRAFFIC.lines().filter_map(|line| line.strip_prefix("> "));
    sent.map(bytes).collect()
}

/// Encodes the record of a reply to an operation again.
fn write_again(op: OpCode, body: &[u8], to: &mut JuteWriter) {
    fn again<T: JuteRecord>(body: &[u8], to: &mut JuteWriter) {
        T::parse(body).unwrap().write(to);
    }
    match op {
        OpCode::Create | OpCode::Sync => again::<NodePath>(body, to),
        OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
            again::<CreatedReply>(body, to);
        }
        OpCode::Exists | OpCode::SetData | OpCode::SetAcl => again::<Stat>(body, to),
        OpCode::GetData => again::<DataReply>(body, to),
        OpCode::GetAcl => again::<AclReply>(body, to),
        OpCode::GetChildren => again::<ChildNames>(body, to),
        OpCode::GetChildren2 => again::<ChildrenReply>(body, to),
        OpCode::Multi | OpCode::MultiRead => again::<MultiReply>(body, to),
        OpCode::GetEphemerals => again::<EphemeralPaths>(body, to),
        OpCode::GetAllChildrenNumber => again::<NodeCount>(body, to),
        OpCode::AddWatch => again::<ErrorReply>(body, to),
        OpCode::WhoAmI => again::<Identities>(body, to),
        OpCode::Delete
        | OpCode::Ping
        | OpCode::Check
        | OpCode::Reconfig
        | OpCode::CheckWatches
        | OpCode::RemoveWatches
        | OpCode::DeleteContainer
        | OpCode::Auth
        | OpCode::SetWatches
        | OpCode::Sasl
        | OpCode::SetWatches2
        | OpCode::CloseSession => assert_eq!(body, b"", "{op:?}"),
    }
}

/// Encodes a frame of the server again; `waiting` has the requests that have no reply yet.
fn reply_again(frame: &[u8], waiting: &mut VecDeque<RequestHeader>) -> Vec<u8> {
    let mut from = JuteReader::new(frame);
    let header = ReplyHeader::read(&mut from).unwrap();
    let mut sent = Vec::new();
    if header.xid == xid::EVENT {
        let event = WatcherEvent::parse(from.rest()).unwrap();
        assert_eq!(event.state, 3);
        append_event(&mut sent, header.zxid, event.kind, &event.path).unwrap();
        return sent;
    }
    let request = waiting.pop_front().unwrap();
    assert_eq!(request.xid, header.xid);
    let op = OpCode::of(request.op).unwrap();
    match ErrorCode::of(header.error) {
        Some(error) => append_error(&mut sent, header.xid, header.zxid, error),
        None if op == OpCode::Ping => append_ping(&mut sent, header.zxid),
        None => append_reply(&mut sent, header.xid, header.zxid, |to| {
            write_again(op, from.rest(), to);
        })
        .unwrap(),
    }
    sent
}

#[test]
fn traffic_of_real_clients_and_servers_is_encoded_to_the_same_bytes() {
    let mut operations = Vec::new();
    for connection in TRAFFIC.split("# ").skip(1) {
        let mut frames = connection.lines().skip(1).map(|line| {
            let (side, hex) = line.split_once(' ').unwrap();
            (side, bytes(hex))
        });
        let (_, hello) = frames.next().unwrap();
        let request = ConnectRequest::parse_leniently(&hello).unwrap();
        assert_eq!(written(&request)[4..], hello);
        let (_, answer) = frames.next().unwrap();
        let response = ConnectResponse::parse(&answer).unwrap();
        assert_eq!(written(&response)[4..], answer);
        if response.session == 0 {
            assert_eq!(response, ConnectResponse::refusal(&request));
        }
        let mut waiting = VecDeque::new();
        for (side, frame) in frames {
            if side == ">" {
                let (header, request) = decode_request(&frame).unwrap();
                let request = request.unwrap();
                operations.push(header.op);
                if !matches!(request, ClientRequest::Refused(_)) {
                    assert_eq!(encoded(header, &request)[4..], frame, "{request:?}");
                }
                waiting.push_back(header);
            } else {
                let again = reply_again(&frame, &mut waiting);
                assert_eq!(again[4..], frame);
                assert_eq!(again.len(), frame.len() + 4);
            }
        }
        assert!(waiting.is_empty());
    }
    operations.sort_unstable();
    operations.dedup();
    // No client sends 13, 17 and 20 by themselves; those missing are of the same records as others that are there.
    let missing = [13, 15, 17, 20, 102];
    let known = (-20..=120).filter(|op| OpCode::of(*op).is_some() && !missing.contains(op));
    assert_eq!(operations, known.collect::<Vec<_>>());
}
