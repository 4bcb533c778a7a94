//! Every record comes back as it went, no part of one passes for one, and no bytes do harm.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

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

fn written(record: &impl Record) -> Vec<u8> {
    let mut to = Writer::default();
    record.write(&mut to);
    to.frame().unwrap()
}

/// A record, whole and cut off anywhere. `optional` bytes at its end may be missing.
fn comes_back<T: Record + PartialEq + std::fmt::Debug>(record: &T, optional: usize) {
    let bytes = written(record);
    let mut input = BytesMut::from(&bytes[..]);
    let body = take(&mut input, bytes.len()).unwrap().unwrap();
    assert!(input.is_empty());
    assert_eq!(T::parse(&body).as_ref(), Ok(record));
    for cut in 0..body.len() - optional {
        assert_eq!(T::parse(&body[..cut]), Err(Malformed::CutOff), "{cut}");
    }
    let more = [&body[..], b"x"].concat();
    assert_eq!(T::parse(&more), Err(Malformed::Trailing));
}

proptest! {
    #[test]
    fn connections_begin_as_they_were_written(
        numbers in any::<(i32, i64, i32, i64)>(), password in secret(), read_only: bool,
    ) {
        let (version, last_zxid, timeout_ms, session) = numbers;
        let request = ConnectRequest {
            version, last_zxid, timeout_ms, session, password: password.clone(), read_only,
        };
        let body = written(&request);
        prop_assert_eq!(ConnectRequest::parse(&body[4..]), Ok(request.clone()));
        // What old clients send.
        let old = ConnectRequest::parse(&body[4..body.len() - 1]);
        prop_assert_eq!(old, Ok(ConnectRequest { read_only: false, ..request }));
        let response = ConnectResponse { version, timeout_ms, session, password, read_only };
        comes_back(&response, 1);
    }

    #[test]
    fn records_come_back_and_no_part_of_one_passes_for_one(
        numbers in any::<(i32, i64, i32)>(),
        (text, more) in any::<(String, String)>(),
        names in vec(any::<String>(), 0..4),
        data in vec(any::<u8>(), 0..40),
        stat in stat(),
        watch: bool,
    ) {
        let (xid, zxid, error) = numbers;
        comes_back(&RequestHeader { xid, op: error }, 0);
        comes_back(&ReplyHeader { xid, zxid, error }, 0);
        comes_back(&Path(text.clone()), 0);
        comes_back(&WatchedPath { path: text.clone(), watch }, 0);
        comes_back(&stat, 0);
        let shown = Secret(data.clone());
        comes_back(&AuthPacket { kind: xid, scheme: text.clone(), shown }, 0);
        comes_back(&DataReply { data, stat }, 0);
        comes_back(&ChildrenReply { names, stat }, 0);
        let entry = AclEntry { permissions: xid, scheme: text, id: more };
        comes_back(&AclReply { list: vec![entry; 2], stat }, 0);
    }

    #[test]
    fn any_bytes_are_read_or_refused(data in vec(any::<u8>(), 0..120), longest in 0_usize..200) {
        let mut input = BytesMut::from(&data[..]);
        while let Ok(Some(frame)) = take(&mut input, longest) {
            prop_assert!(frame.len() <= longest);
        }
        let _read = (ConnectRequest::parse(&data), ConnectResponse::parse(&data));
        let _read = (RequestHeader::parse(&data), ReplyHeader::parse(&data));
        let _read = (Path::parse(&data), WatchedPath::parse(&data), AuthPacket::parse(&data));
        let _read = (DataReply::parse(&data), ChildrenReply::parse(&data), AclReply::parse(&data));
    }

    #[test]
    fn frames_are_taken_one_by_one_however_they_arrive(
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
            while let Some(frame) = take(&mut input, 30).unwrap() {
                taken.push(frame.to_vec());
            }
        }
        prop_assert_eq!(taken, bodies);
    }
}

#[test]
fn lengths_that_lie_are_found_before_room_is_made_for_them() {
    let text = |length: i32| [&length.to_be_bytes()[..], b"ab"].concat();
    assert_eq!(Path::parse(&text(-1)), Err(Malformed::Trailing));
    assert_eq!(Path::parse(&text(-2)), Err(Malformed::Length));
    assert_eq!(Path::parse(&text(i32::MAX)), Err(Malformed::CutOff));
    let names = ChildrenReply::parse(&i32::MAX.to_be_bytes());
    assert_eq!(names, Err(Malformed::CutOff));
    assert_eq!(Path::parse(b"\0\0\0\x01\xff"), Err(Malformed::Text));
    let truth = WatchedPath::parse(b"\0\0\0\x01/\x02");
    assert_eq!(truth, Err(Malformed::Bool));
    for length in [-1, i32::MIN, 11, i32::MAX] {
        let mut input = BytesMut::from(&length.to_be_bytes()[..]);
        assert_eq!(take(&mut input, 10), Err(BadLength(length)));
    }
}

/// As the official client and server write them, byte by byte.
#[test]
fn records_are_those_of_zookeeper() {
    let request = ConnectRequest {
        version: 0,
        last_zxid: 0,
        timeout_ms: 30_000,
        session: 0,
        password: Secret(vec![0; 16]),
        read_only: false,
    };
    let mut bytes =
        b"\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10".to_vec();
    bytes.extend([0; 17]);
    assert_eq!(written(&request), bytes);
    let mut to = Writer::default();
    let op = Op::GetData.number();
    RequestHeader { xid: 1, op }.write(&mut to);
    let path = "/a".to_owned();
    WatchedPath { path, watch: false }.write(&mut to);
    let bytes = b"\0\0\0\x0f\0\0\0\x01\0\0\0\x04\0\0\0\x02/a\0";
    assert_eq!(to.frame().unwrap(), bytes);
}

#[test]
fn numbers_have_names() {
    for number in -130..=110 {
        let named = Op::of(number).is_none_or(|op| op.number() == number);
        assert!(named, "{number}");
    }
    assert_eq!(Code::of(0), None);
    assert_eq!(Code::of(-102).unwrap().to_string(), "NOAUTH (-102)");
    assert_eq!(Code::of(7).unwrap().to_string(), "error 7");
    let shown = format!("{:?}", Secret(b"me:secret".to_vec()));
    assert_eq!(shown, "Secret");
}
