//! Every record survives encoding, no part of a record decodes, and no bytes make the decoder panic.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

mod frames;
mod fuzz;
mod requests;
mod round_trips;
mod traffic;

fn stat() -> impl Strategy<Value = Stat> {
    let longs = any::<[i64; 6]>();
    let ints = any::<[i32; 5]>();
    (longs, ints).prop_map(|(longs, ints)| Stat {
        created: longs[0],
        modified: longs[1],
        ctime_ms: longs[2],
        mtime_ms: longs[3],
        version: ints[0],
        children_version: ints[1],
        acl_version: ints[2],
        ephemeral_owner: longs[4],
        length: ints[3],
        children: ints[4],
        children_modified: longs[5],
    })
}

fn secret() -> impl Strategy<Value = Secret> {
    vec(any::<u8>(), 0..20).prop_map(Secret)
}

fn written(record: &impl JuteRecord) -> Vec<u8> {
    let mut to = JuteWriter::default();
    record.write(&mut to);
    to.frame().unwrap()
}

/// Decodes a record, whole and cut off anywhere. `optional` bytes at its end may be missing.
fn assert_round_trip<T: JuteRecord + PartialEq + std::fmt::Debug>(record: &T, optional: usize) {
    let bytes = written(record);
    let mut input = BytesMut::from(&bytes[..]);
    let body = take_frame(&mut input, bytes.len()).unwrap().unwrap();
    assert!(input.is_empty());
    assert_eq!(T::parse(&body).as_ref(), Ok(record));
    for cut in 0..body.len() - optional {
        assert_eq!(T::parse(&body[..cut]), Err(Malformed::CutOff), "{cut}");
    }
    let more = [&body[..], b"x"].concat();
    assert_eq!(T::parse(&more), Err(Malformed::Trailing));
    assert_eq!(T::parse_leniently(&more).as_ref(), Ok(record));
}

proptest! {
    #[test]
    fn handshakes_survive_encoding(
        numbers in any::<(i32, i64, i32, i64)>(), password in secret(), read_only: bool,
    ) {
        let (version, last_zxid, timeout_ms, session) = numbers;
        let read_only = Some(read_only);
        let request = ConnectRequest {
            version, last_zxid, timeout_ms, session, password: password.clone(), read_only,
        };
        let body = written(&request);
        prop_assert_eq!(ConnectRequest::parse(&body[4..]), Ok(request.clone()));
        // As old clients send it.
        let old = ConnectRequest::parse(&body[4..body.len() - 1]);
        prop_assert_eq!(&old, &Ok(ConnectRequest { read_only: None, ..request }));
        prop_assert_eq!(written(&old.unwrap())[4..].to_vec(), body[4..body.len() - 1].to_vec());
        let response = ConnectResponse { version, timeout_ms, session, password, read_only };
        assert_round_trip(&response, 1);
    }

    #[test]
    fn records_survive_encoding_and_no_part_of_one_decodes(
        numbers in any::<(i32, i64, i32)>(),
        (text, more) in any::<(String, String)>(),
        names in vec(any::<String>(), 0..4),
        data in vec(any::<u8>(), 0..40),
        stat in stat(),
        watch: bool,
    ) {
        let (xid, zxid, error) = numbers;
        assert_round_trip(&RequestHeader { xid, op: error }, 0);
        assert_round_trip(&ReplyHeader { xid, zxid, error }, 0);
        assert_round_trip(&NodePath(text.clone()), 0);
        assert_round_trip(&WatchablePath { path: text.clone(), watch }, 0);
        assert_round_trip(&stat, 0);
        for credentials in [None, Some(Secret(data.clone()))] {
            assert_round_trip(&AuthPacket { kind: xid, scheme: text.clone(), credentials }, 0);
        }
        assert_round_trip(&DataReply { data: Some(data), stat }, 0);
        assert_round_trip(&DataReply { data: None, stat }, 0);
        assert_round_trip(&ChildrenReply { names, stat }, 0);
        let entry = AclEntry { permissions: xid, scheme: text, id: more };
        assert_round_trip(&AclReply { list: vec![entry; 2], stat }, 0);
    }

    #[test]
    fn arbitrary_bytes_never_panic(data in vec(any::<u8>(), 0..120), longest in 0_usize..200) {
        let mut input = BytesMut::from(&data[..]);
        while let Ok(Some(frame)) = take_frame(&mut input, longest) {
            prop_assert!(frame.len() <= longest);
        }
        let _read = (ConnectRequest::parse(&data), ConnectResponse::parse(&data));
        let _read = (RequestHeader::parse(&data), ReplyHeader::parse(&data));
        let _read = (NodePath::parse(&data), WatchablePath::parse(&data), AuthPacket::parse(&data));
        let _read = (DataReply::parse(&data), ChildrenReply::parse(&data), AclReply::parse(&data));
    }

    #[test]
    fn frames_are_taken_one_by_one_however_they_are_split(
        bodies in vec(vec(any::<u8>(), 0..30), 0..6), step in 1_usize..9,
    ) {
        let frames: Vec<u8> = bodies
            .iter()
            .flat_map(|body| {
                let length = u32::try_from(body.len()).unwrap().to_be_bytes();
                [&length[..], body].concat()
            })
            .collect();
        let (mut input, mut taken) = (BytesMut::new(), Vec::new());
        for part in frames.chunks(step) {
            input.extend_from_slice(part);
            while let Some(frame) = take_frame(&mut input, 30).unwrap() {
                taken.push(frame.to_vec());
            }
        }
        prop_assert_eq!(taken, bodies);
    }
}

#[test]
fn false_lengths_are_refused_before_memory_is_reserved() {
    let text = |length: i32| [&length.to_be_bytes()[..], b"ab"].concat();
    assert_eq!(NodePath::parse(&text(-1)), Err(Malformed::Null));
    assert_eq!(NodePath::parse(&text(-2)), Err(Malformed::Length));
    assert_eq!(NodePath::parse(&text(i32::MAX)), Err(Malformed::CutOff));
    let names = ChildrenReply::parse(&i32::MAX.to_be_bytes());
    assert_eq!(names, Err(Malformed::CutOff));
    assert_eq!(NodePath::parse(b"\0\0\0\x01\xff"), Err(Malformed::Text));
    for length in [-1, i32::MIN, 11, i32::MAX] {
        let mut input = BytesMut::from(&length.to_be_bytes()[..]);
        assert_eq!(take_frame(&mut input, 10), Err(BadLength(length)));
    }
}

/// Compared byte by byte with the output of the official client and server.
#[test]
fn records_equal_those_of_zookeeper() {
    let request = ConnectRequest {
        version: 0,
        last_zxid: 0,
        timeout_ms: 30_000,
        session: 0,
        password: Secret(vec![0; 16]),
        read_only: Some(false),
    };
    let mut bytes =
        b"\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10".to_vec();
    bytes.extend([0; 17]);
    assert_eq!(written(&request), bytes);
    let mut to = JuteWriter::default();
    let op = OpCode::GetData.number();
    RequestHeader { xid: 1, op }.write(&mut to);
    let path = "/a".to_owned();
    WatchablePath { path, watch: false }.write(&mut to);
    let bytes = b"\0\0\0\x0f\0\0\0\x01\0\0\0\x04\0\0\0\x02/a\0";
    assert_eq!(to.frame().unwrap(), bytes);
}

#[test]
fn op_codes_and_error_codes_have_names() {
    let numbers = -130..=110;
    let named: Vec<i32> = numbers
        .filter(|number| OpCode::of(*number).is_some())
        .collect();
    let all = [-11]
        .into_iter()
        .chain(1..=9)
        .chain(11..=22)
        .chain(100..=107);
    assert_eq!(named, all.collect::<Vec<_>>());
    for number in named {
        assert_eq!(OpCode::of(number).unwrap().number(), number);
    }
    assert_eq!(ErrorCode::of(0), None);
    assert_eq!(ErrorCode::of(-102).unwrap().to_string(), "NOAUTH (-102)");
    assert_eq!(ErrorCode::of(7).unwrap().to_string(), "error 7");
    let shown = format!("{:?}", Secret(b"me:secret".to_vec()));
    assert_eq!(shown, "Secret");
}
