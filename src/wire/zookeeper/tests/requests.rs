//! Requests, decoded as leniently as a real server decodes them.

use super::*;

/// A frame of a request, whose xid is 7.
pub(super) fn request(op: i32, parts: &[&[u8]]) -> Vec<u8> {
    [&7_i32.to_be_bytes()[..], &op.to_be_bytes(), &parts.concat()].concat()
}

/// Bytes with their length before them.
pub(super) fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = i32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[..], bytes].concat()
}

const NULL: &[u8] = b"\xff\xff\xff\xff";
const ZERO: &[u8] = b"\0\0\0\0";
const WORLD: &[u8] = b"\0\0\0\x01\0\0\0\x1f\0\0\0\x05world\0\0\0\x06anyone";
const END: &[u8] = b"\xff\xff\xff\xff\x01\xff\xff\xff\xff";

fn decoded(op: i32, parts: &[&[u8]]) -> Result<ClientRequest, Malformed> {
    let (header, request) = decode_request(&request(op, parts)).unwrap();
    assert_eq!((header.xid, header.op), (7, op));
    request
}

fn path(path: &str) -> NodePath {
    NodePath(path.to_owned())
}

/// Each operation by its number, with a request of it.
fn each() -> Vec<(i32, Vec<u8>)> {
    let a = &sized(b"/a")[..];
    let create = [a, &sized(b"x"), WORLD, b"\0\0\0\x04"].concat();
    let ttl = [a, &sized(b"x"), WORLD, b"\0\0\0\x05\0\0\0\0\0\0\0\x09"].concat();
    let watchable = [a, b"\x01"].concat();
    let versioned = [a, b"\0\0\0\x03"].concat();
    let set_data = [a, &sized(b"x"), b"\0\0\0\x03"].concat();
    let set_acl = [a, WORLD, b"\0\0\0\x03"].concat();
    let multi = |op: i32, record: &[u8]| {
        [&op.to_be_bytes()[..], b"\0\xff\xff\xff\xff", record, END].concat()
    };
    let lists = |count: usize| [&[0; 8][..], &ZERO.repeat(count)].concat();
    let auth = [ZERO, &sized(b"digest"), &sized(b"me:secret")].concat();
    vec![
        (1, create.clone()),
        (15, create.clone()),
        (19, create.clone()),
        (21, ttl),
        (2, versioned.clone()),
        (3, watchable.clone()),
        (4, watchable.clone()),
        (5, set_data),
        (6, a.to_vec()),
        (7, set_acl),
        (8, watchable.clone()),
        (12, watchable.clone()),
        (9, a.to_vec()),
        (14, multi(1, &create)),
        (22, multi(4, &watchable)),
        (17, versioned.clone()),
        (18, versioned.clone()),
        (100, auth),
        (101, lists(3)),
        (105, lists(5)),
        (103, a.to_vec()),
        (104, a.to_vec()),
        (106, versioned),
        (16, [NULL, &sized(b"1"), NULL, &[0; 8]].concat()),
    ]
}

/// Operations that have no record, or are refused whatever it says.
const WITHOUT_RECORD: [i32; 6] = [11, 107, -11, 13, 20, 102];

#[test]
fn each_operation_is_decoded_and_what_follows_its_record_is_ignored() {
    for (op, record) in each() {
        let exact = decoded(op, &[&record]);
        assert!(exact.is_ok(), "{op}: {exact:?}");
        assert_eq!(decoded(op, &[&record, b"\xff\0more"]), exact, "{op}");
    }
    let listed = WITHOUT_RECORD
        .into_iter()
        .chain(each().into_iter().map(|(op, _)| op));
    let mut listed: Vec<i32> = listed.collect();
    listed.sort_unstable();
    let all = (-20..=120).filter(|op| OpCode::of(*op).is_some());
    assert_eq!(listed, all.collect::<Vec<_>>());
    for op in WITHOUT_RECORD {
        assert_eq!(
            decoded(op, &[]),
            decoded(op, &[b"\xff\xff\xff\xff"]),
            "{op}"
        );
    }
    for op in [0, 10, 23, 99, 500, -10, i32::MIN] {
        assert_eq!(decoded(op, &[b"x"]), Ok(ClientRequest::Unknown(op)));
    }
}

#[test]
fn a_missing_field_is_a_marshalling_error_of_that_request_alone() {
    let auth = OpCode::Auth.number();
    for (op, record) in each().into_iter().filter(|(op, _)| *op != auth) {
        for cut in 0..record.len() {
            assert_eq!(
                decoded(op, &[&record[..cut]]),
                Err(Malformed::CutOff),
                "{op} {cut}"
            );
        }
    }
    // One that proves nothing is not answered, and neither is a frame without a header.
    let cut = request(auth, &[b"\0\0\0\0\0\0\0\x06dig"]);
    assert_eq!(decode_request(&cut), Err(Malformed::CutOff));
    for short in 0..8 {
        let whole = request(11, &[]);
        assert_eq!(decode_request(&whole[..short]), Err(Malformed::CutOff));
    }
}

#[test]
fn a_null_path_and_a_bad_length_are_marshalling_errors() {
    for op in [3, 4, 8, 12] {
        assert_eq!(decoded(op, &[NULL, b"\0"]), Err(Malformed::Null));
        assert_eq!(
            decoded(op, &[b"\xff\xff\xff\xfe\0"]),
            Err(Malformed::Length)
        );
        assert_eq!(
            decoded(op, &[b"\x7f\xff\xff\xff/a\0"]),
            Err(Malformed::CutOff)
        );
    }
    assert_eq!(decoded(1, &[NULL, ZERO, WORLD, ZERO]), Err(Malformed::Null));
    // A list of watches may be empty, and is so with a negative length, but is not null.
    let lists = |one: &[u8]| decoded(101, &[&[0; 8], ZERO, one, ZERO]);
    assert_eq!(lists(NULL), Err(Malformed::Null));
    let none = SetWatches2Request::default();
    assert_eq!(
        lists(b"\xff\xff\xff\xf9"),
        Ok(ClientRequest::SetWatches(none))
    );
}

/// As 3.9.4 answers each: `BadArguments`, `NoWatcher` or nothing at all, as for the path of no node.
#[test]
fn a_null_path_is_an_empty_one_to_operations_that_look_no_node_up_before_they_check_it() {
    let version = &b"\0\0\0\x03"[..];
    for (op, rest) in [
        (5, [&sized(b"x")[..], version].concat()),
        (7, [WORLD, version].concat()),
        (9, Vec::new()),
        (17, version.to_vec()),
        (18, version.to_vec()),
        (106, ZERO.to_vec()),
    ] {
        let of_null = decoded(op, &[NULL, &rest]);
        assert!(of_null.is_ok(), "{op}: {of_null:?}");
        assert_eq!(of_null, decoded(op, &[ZERO, &rest]), "{op}");
    }
    // Within a multi it is refused with all of it.
    let set = [
        &5_i32.to_be_bytes()[..],
        b"\0\xff\xff\xff\xff",
        NULL,
        ZERO,
        ZERO,
    ]
    .concat();
    assert_eq!(decoded(14, &[&set, END]), Err(Malformed::Null));
}

/// As 3.9.4 answers each: a marshalling error where the scheme looks into the id, else `InvalidACL`.
#[test]
fn a_null_id_of_a_list_is_a_marshalling_error_to_the_schemes_that_look_into_it() {
    let with = |scheme: &[u8]| {
        let list = [&b"\0\0\0\x01\0\0\0\x1f"[..], scheme, NULL].concat();
        decoded(7, &[&sized(b"/a"), &list, ZERO])
    };
    for scheme in ["world", "digest", "ip"] {
        assert_eq!(with(&sized(scheme.as_bytes())), Err(Malformed::Null));
    }
    for scheme in [&sized(b"auth")[..], &sized(b"sasl"), NULL] {
        assert!(with(scheme).is_ok());
    }
}

#[test]
fn every_byte_but_zero_is_true() {
    for byte in 0..=u8::MAX {
        let read = decoded(4, &[&sized(b"/a"), &[byte]]);
        let wanted = WatchablePath {
            path: "/a".to_owned(),
            watch: byte != 0,
        };
        assert_eq!(read, Ok(ClientRequest::GetData(wanted)));
    }
}

#[test]
fn text_that_is_not_utf_8_becomes_text_that_no_path_may_contain() {
    let bad = sized(b"/\xff");
    let read = decoded(9, &[&bad]);
    assert_eq!(read, Ok(ClientRequest::Sync(path("/\u{fffd}"))));
    // The rest of the request is decoded all the same.
    let delete = decoded(2, &[&bad, b"\0\0\0\x05"]);
    let wanted = VersionedPath {
        path: "/\u{fffd}".to_owned(),
        version: 5,
    };
    assert_eq!(
        delete,
        Ok(ClientRequest::Change(ClientChange::Delete(wanted)))
    );
    // A client that reads a reply refuses it instead.
    assert_eq!(NodePath::parse(&bad), Err(Malformed::Text));
}

#[test]
fn null_and_empty_differ_where_the_server_tells_them_apart() {
    let data = |data: &[u8]| match decoded(5, &[&sized(b"/a"), data, ZERO]) {
        Ok(ClientRequest::Change(ClientChange::SetData(set))) => set.data,
        other => panic!("{other:?}"),
    };
    assert_eq!((data(NULL), data(ZERO)), (None, Some(Vec::new())));
    let credentials = |bytes: &[u8]| match decoded(100, &[ZERO, &sized(b"digest"), bytes]) {
        Ok(ClientRequest::Auth(packet)) => packet.credentials,
        other => panic!("{other:?}"),
    };
    assert_eq!(credentials(NULL), None);
    assert_eq!(credentials(ZERO), Some(Secret::default()));
    let prefix = |bytes: &[u8]| decoded(103, &[bytes]);
    let wanted = |prefix| Ok(ClientRequest::GetEphemerals(EphemeralPrefix(prefix)));
    assert_eq!(prefix(NULL), wanted(None));
    assert_eq!(prefix(ZERO), wanted(Some(String::new())));
    // A null access list is an empty one: both are refused later.
    for list in [NULL, ZERO, b"\xff\xff\xff\xf0"] {
        match decoded(7, &[&sized(b"/a"), list, ZERO]) {
            Ok(ClientRequest::Change(ClientChange::SetAcl(set))) => assert_eq!(set.acl, []),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn ephemerals_are_asked_for_by_a_prefix_of_text() {
    let of = |prefix: &str| EphemeralPrefix(Some(prefix.to_owned()));
    for all in [EphemeralPrefix(None), of(""), of(" "), of("/"), of(" / ")] {
        assert!(all.matches("/a/b"), "{all:?}");
    }
    assert!(of("/a").matches("/ab") && of("/a/b").matches("/a/b"));
    assert!(!of("/b").matches("/a/b") && !of("a").matches("/a") && !of(" /a").matches("/a"));
}

#[test]
fn a_multi_has_the_operations_of_its_kind_only() {
    let one =
        |op: i32, record: &[u8]| [&op.to_be_bytes()[..], b"\0\xff\xff\xff\xff", record].concat();
    let get = one(4, &[&sized(b"/a")[..], b"\0"].concat());
    let list = one(8, &[&sized(b"/a")[..], b"\0"].concat());
    let delete = one(2, &[&sized(b"/a")[..], NULL].concat());
    let create = |op: i32, flags: i32| {
        let (path, data) = (sized(b"/a"), sized(b"x"));
        one(
            op,
            &[&path[..], &data, WORLD, &flags.to_be_bytes()].concat(),
        )
    };
    // Empty is legal.
    for op in [14, 22] {
        assert!(decoded(op, &[END]).is_ok());
    }
    assert!(decoded(22, &[&get, &list, END]).is_ok());
    assert!(decoded(14, &[&delete, &create(1, 3), END]).is_ok());
    let refused = Err(Malformed::Operation);
    for operations in [&[&get[..]][..], &[&delete, &get], &[&one(3, &sized(b"/a"))]] {
        assert_eq!(decoded(14, &[&operations.concat(), END]), refused);
    }
    assert_eq!(decoded(22, &[&delete, END]), refused);
    // Flags that belong to no create, or to one with a TTL, leave no operation to answer.
    for op in [1, 15, 19] {
        for flags in 0..=4 {
            assert!(decoded(14, &[&create(op, flags), END]).is_ok());
        }
        for flags in [-1, 5, 6, 7, i32::MAX] {
            assert_eq!(decoded(14, &[&create(op, flags), END]), refused);
        }
    }
    assert_eq!(decoded(14, &[&delete]), Err(Malformed::CutOff));
}

#[test]
fn replies_without_a_body_have_sixteen_bytes() {
    let mut sent = Vec::new();
    append_error(&mut sent, 7, 0x1_0000_0002, ErrorCode::NoNode);
    append_ping(&mut sent, 3);
    append_event(&mut sent, 4, event_kind::CREATED, "/a").unwrap();
    append_reply(&mut sent, 0, 5, |to| ErrorReply(0).write(to)).unwrap();
    append_reply(&mut sent, -3, 6, |_| {}).unwrap();
    let wanted: [&[u8]; 5] = [
        b"\0\0\0\x10\0\0\0\x07\0\0\0\x01\0\0\0\x02\xff\xff\xff\x9b",
        b"\0\0\0\x10\xff\xff\xff\xfe\0\0\0\0\0\0\0\x03\0\0\0\0",
        b"\0\0\0\x1e\xff\xff\xff\xff\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\x03\0\0\0\x02/a",
        b"\0\0\0\x14\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0",
        b"\0\0\0\x10\xff\xff\xff\xfd\0\0\0\0\0\0\0\x06\0\0\0\0",
    ];
    assert_eq!(sent, wanted.concat());
}

#[test]
fn every_error_has_the_number_it_was_read_from() {
    for number in (-200..0).chain(1..5) {
        assert_eq!(ErrorCode::of(number).unwrap().number(), number);
    }
}

proptest! {
    #[test]
    fn a_sequence_is_a_vector_whose_length_was_not_known(names in vec(any::<String>(), 0..5)) {
        let mut to = JuteWriter::default();
        to.sequence(&names, |to, name| to.text(name));
        prop_assert_eq!(to.frame().unwrap(), written(&ChildNames(names)));
    }
}
