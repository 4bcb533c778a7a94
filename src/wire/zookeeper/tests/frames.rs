//! Frames of writes, watches and multis, byte by byte as the official client and server send them.

use super::*;

/// A frame of a header and a record.
fn request(xid: i32, op: OpCode, record: &impl JuteRecord) -> Vec<u8> {
    let mut to = JuteWriter::default();
    let op = op.number();
    RequestHeader { xid, op }.write(&mut to);
    record.write(&mut to);
    to.frame().unwrap()
}

/// The frame of these parts, with its length before them.
fn frame(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&length[..], &body].concat()
}

fn world() -> Vec<AclEntry> {
    let entry = AclEntry {
        permissions: 31,
        scheme: "world".to_owned(),
        id: "anyone".to_owned(),
    };
    vec![entry]
}

const WORLD: &[u8] = b"\0\0\0\x01\0\0\0\x1f\0\0\0\x05world\0\0\0\x06anyone";

fn node(path: &str, data: Option<&[u8]>, flags: i32) -> CreateRequest {
    CreateRequest {
        path: path.to_owned(),
        data: data.map(<[u8]>::to_vec),
        acl: world(),
        flags,
    }
}

#[test]
fn first_frame_of_a_client_in_go_has_44_bytes() {
    let connect = ConnectRequest {
        version: 0,
        last_zxid: 0,
        timeout_ms: 10_000,
        session: 0,
        password: Secret(vec![0; 16]),
        read_only: None,
    };
    let bytes = [
        &b"\0\0\0\x2c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x27\x10\0\0\0\0\0\0\0\0\0\0\0\x10"[..],
        &[0; 16],
    ];
    assert_eq!(written(&connect), bytes.concat());
    // As long as one sends it: a server ignores what follows the last field.
    let long = [&written(&connect)[4..], &[0; 56]].concat();
    let read = ConnectRequest::parse_leniently(&long).unwrap();
    assert_eq!(read.read_only, Some(false));
}

#[test]
fn creates_and_changes_equal_those_of_zookeeper() {
    let create = node("/a", Some(b"x"), create_flags::EPHEMERAL_SEQUENTIAL);
    assert_eq!(
        request(1, OpCode::Create, &create),
        frame(&[
            b"\0\0\0\x01\0\0\0\x01\0\0\0\x02/a\0\0\0\x01x",
            WORLD,
            b"\0\0\0\x03"
        ])
    );
    // Null data is not empty data.
    let null = node("/a", None, create_flags::PERSISTENT);
    assert_eq!(
        request(2, OpCode::Create2, &null),
        frame(&[
            b"\0\0\0\x02\0\0\0\x0f\0\0\0\x02/a\xff\xff\xff\xff",
            WORLD,
            b"\0\0\0\0"
        ])
    );
    let path = "/a".to_owned();
    let delete = VersionedPath {
        path: path.clone(),
        version: -1,
    };
    assert_eq!(
        request(3, OpCode::Delete, &delete),
        b"\0\0\0\x12\0\0\0\x03\0\0\0\x02\0\0\0\x02/a\xff\xff\xff\xff"
    );
    let set = SetDataRequest {
        path: path.clone(),
        data: Some(Vec::new()),
        version: 4,
    };
    assert_eq!(
        request(4, OpCode::SetData, &set),
        b"\0\0\0\x16\0\0\0\x04\0\0\0\x05\0\0\0\x02/a\0\0\0\0\0\0\0\x04"
    );
    let acl = SetAclRequest {
        path,
        acl: world(),
        acl_version: 0,
    };
    assert_eq!(
        request(5, OpCode::SetAcl, &acl),
        frame(&[b"\0\0\0\x05\0\0\0\x07\0\0\0\x02/a", WORLD, b"\0\0\0\0"])
    );
    assert_eq!(
        request(6, OpCode::CloseSession, &()),
        b"\0\0\0\x08\0\0\0\x06\xff\xff\xff\xf5"
    );
}

#[test]
fn watches_and_events_equal_those_of_zookeeper() {
    let path = "/a".to_owned();
    let add = AddWatchRequest {
        path: path.clone(),
        mode: PERSISTENT_RECURSIVE,
    };
    assert_eq!(
        request(1, OpCode::AddWatch, &add),
        b"\0\0\0\x12\0\0\0\x01\0\0\0\x6a\0\0\0\x02/a\0\0\0\x01"
    );
    assert_eq!(written(&ErrorReply(0)), b"\0\0\0\x04\0\0\0\0");
    let remove = WatcherPath {
        path: path.clone(),
        kind: 3,
    };
    assert_eq!(
        request(2, OpCode::RemoveWatches, &remove),
        b"\0\0\0\x12\0\0\0\x02\0\0\0\x12\0\0\0\x02/a\0\0\0\x03"
    );
    let again = SetWatchesRequest {
        relative_zxid: 5,
        data: vec![path.clone()],
        exist: Vec::new(),
        child: vec!["/b".to_owned()],
    };
    let bytes = b"\0\0\0\x28\xff\xff\xff\xf8\0\0\0\x65\0\0\0\0\0\0\0\x05\0\0\0\x01\0\0\0\x02/a\0\0\0\0\0\0\0\x01\0\0\0\x02/b";
    assert_eq!(request(xid::SET_WATCHES, OpCode::SetWatches, &again), bytes);
    let event = WatcherEvent {
        kind: event_kind::DATA_CHANGED,
        state: 3,
        path,
    };
    let mut to = JuteWriter::default();
    let header = ReplyHeader {
        xid: xid::EVENT,
        zxid: -1,
        error: 0,
    };
    header.write(&mut to);
    event.write(&mut to);
    assert_eq!(
        to.frame().unwrap(),
        b"\0\0\0\x1e\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\x03\0\0\0\x03\0\0\0\x02/a"
    );
}

/// The end of a multi.
const END: &[u8] = b"\xff\xff\xff\xff\x01\xff\xff\xff\xff";

#[test]
fn multis_equal_those_of_zookeeper() {
    // As libkv sends it.
    let empty = MultiRequest::default();
    assert_eq!(
        request(1, OpCode::Multi, &empty),
        frame(&[b"\0\0\0\x01\0\0\0\x0e", END])
    );
    assert_eq!(written(&MultiReply::default()), frame(&[END]));
    let path = || "/a".to_owned();
    let delete = MultiOperation::Delete(VersionedPath {
        path: path(),
        version: 2,
    });
    let check = MultiOperation::Check(VersionedPath {
        path: path(),
        version: 3,
    });
    let create = MultiOperation::Create(node("/a", Some(b"x"), 0));
    let several = MultiRequest(vec![check, delete, create]);
    assert_eq!(
        written(&several),
        frame(&[
            b"\0\0\0\x0d\0\xff\xff\xff\xff\0\0\0\x02/a\0\0\0\x03",
            b"\0\0\0\x02\0\xff\xff\xff\xff\0\0\0\x02/a\0\0\0\x02",
            b"\0\0\0\x01\0\xff\xff\xff\xff\0\0\0\x02/a\0\0\0\x01x",
            WORLD,
            b"\0\0\0\0",
            END
        ])
    );
    let done = MultiReply(vec![
        MultiResult::Checked,
        MultiResult::Deleted,
        MultiResult::Created(path()),
    ]);
    assert_eq!(
        written(&done),
        frame(&[
            b"\0\0\0\x0d\0\0\0\0\0",
            b"\0\0\0\x02\0\0\0\0\0",
            b"\0\0\0\x01\0\0\0\0\0\0\0\0\x02/a",
            END
        ])
    );
    let failed = MultiReply::of_failure(3, 1, ErrorCode::BadVersion);
    assert_eq!(
        written(&failed),
        frame(&[
            b"\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0",
            b"\xff\xff\xff\xff\0\xff\xff\xff\x99\xff\xff\xff\x99",
            b"\xff\xff\xff\xff\0\xff\xff\xff\xfe\xff\xff\xff\xfe",
            END
        ])
    );
}

#[test]
fn requests_are_read_as_leniently_as_zookeeper_reads_them() {
    // Any number but 0 is true.
    let watch = WatchablePath::parse(b"\0\0\0\x01/\x02").unwrap();
    assert!(watch.watch);
    // A null access list is an empty one, which the operation refuses; a null path is no request.
    let create = b"\0\0\0\x02/a\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0";
    let read = CreateRequest::parse(create).unwrap();
    assert_eq!((read.data, read.acl), (None, Vec::new()));
    let null = CreateRequest::parse(b"\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(null, Err(Malformed::Null));
    // An operation that is unknown, or has no place in a multi.
    for op in [3, 9, 14, 99] {
        let header = [&i32::to_be_bytes(op)[..], b"\0\xff\xff\xff\xff"].concat();
        let bytes = [&header[..], END].concat();
        assert_eq!(MultiRequest::parse(&bytes), Err(Malformed::Operation));
    }
    // Without its end.
    assert_eq!(MultiRequest::parse(b""), Err(Malformed::CutOff));
}
