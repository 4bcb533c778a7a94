//! Round trips of the records of writes, watches and multis.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

fn create() -> impl Strategy<Value = CreateRequest> {
    let data = option::of(vec(any::<u8>(), 0..40));
    (any::<(String, i32)>(), data, 0_usize..3).prop_map(|((path, flags), data, entries)| {
        let entry = AclEntry {
            permissions: flags,
            scheme: "digest".to_owned(),
            id: path.clone(),
        };
        CreateRequest {
            path,
            data,
            acl: vec![entry; entries],
            flags,
        }
    })
}

fn versioned() -> impl Strategy<Value = VersionedPath> {
    any::<(String, i32)>().prop_map(|(path, version)| VersionedPath { path, version })
}

fn set_data() -> impl Strategy<Value = SetDataRequest> {
    create().prop_map(|from| SetDataRequest {
        path: from.path,
        data: from.data,
        version: from.flags,
    })
}

fn write() -> impl Strategy<Value = MultiOperation> {
    prop_oneof![
        create().prop_map(MultiOperation::Create),
        create().prop_map(MultiOperation::Create2),
        create().prop_map(MultiOperation::CreateContainer),
        create().prop_map(|node| MultiOperation::CreateTtl(CreateTtlRequest { node, ttl_ms: 7 })),
        versioned().prop_map(MultiOperation::Delete),
        versioned().prop_map(MultiOperation::Check),
        set_data().prop_map(MultiOperation::SetData),
    ]
}

fn read() -> impl Strategy<Value = MultiOperation> {
    let path = || any::<(String, bool)>().prop_map(|(path, watch)| WatchablePath { path, watch });
    prop_oneof![
        path().prop_map(MultiOperation::GetData),
        path().prop_map(MultiOperation::GetChildren),
    ]
}

fn result() -> impl Strategy<Value = MultiResult> {
    let created = (any::<String>(), stat()).prop_map(|(path, stat)| CreatedReply { path, stat });
    let data = (option::of(vec(any::<u8>(), 0..40)), stat());
    prop_oneof![
        any::<String>().prop_map(MultiResult::Created),
        created.prop_map(MultiResult::Created2),
        Just(MultiResult::Deleted),
        stat().prop_map(MultiResult::DataSet),
        Just(MultiResult::Checked),
        data.prop_map(|(data, stat)| MultiResult::Data(DataReply { data, stat })),
        vec(any::<String>(), 0..3).prop_map(MultiResult::Children),
        any::<i32>().prop_map(MultiResult::Failed),
    ]
}

proptest! {
    #[test]
    fn writes_survive_encoding(
        create in create(), versioned in versioned(), set_data in set_data(), ttl_ms: i64, stat in stat(),
    ) {
        let set_acl = SetAclRequest {
            path: create.path.clone(), acl: create.acl.clone(), acl_version: create.flags,
        };
        assert_round_trip(&create, 0);
        assert_round_trip(&CreateTtlRequest { node: create, ttl_ms }, 0);
        assert_round_trip(&CreatedReply { path: versioned.path.clone(), stat }, 0);
        assert_round_trip(&versioned, 0);
        assert_round_trip(&set_data, 0);
        assert_round_trip(&set_acl, 0);
    }

    #[test]
    fn watches_and_lists_survive_encoding(
        number: i32, state: i32, relative_zxid: i64, path: String,
        (data, exist) in (vec(any::<String>(), 0..3), vec(any::<String>(), 0..3)),
    ) {
        assert_round_trip(&WatcherEvent { kind: number, state, path: path.clone() }, 0);
        assert_round_trip(&AddWatchRequest { path: path.clone(), mode: number }, 0);
        assert_round_trip(&WatcherPath { path: path.clone(), kind: number }, 0);
        assert_round_trip(&ErrorReply(number), 0);
        assert_round_trip(&NodeCount(number), 0);
        assert_round_trip(&ChildNames(data.clone()), 0);
        assert_round_trip(&EphemeralPaths(exist.clone()), 0);
        assert_round_trip(&EphemeralPrefix(None), 0);
        assert_round_trip(&EphemeralPrefix(Some(path.clone())), 0);
        assert_round_trip(&Identities(vec![(path.clone(), path)]), 0);
        let once = SetWatchesRequest {
            relative_zxid, data: data.clone(), exist: exist.clone(), child: data.clone(),
        };
        assert_round_trip(&once, 0);
        assert_round_trip(&SetWatches2Request { once, persistent: exist, recursive: data }, 0);
    }

    #[test]
    fn multis_survive_encoding(
        writes in vec(write(), 0..5), reads in vec(read(), 0..5), results in vec(result(), 0..5),
    ) {
        assert_round_trip(&MultiRequest(writes), 0);
        assert_round_trip(&MultiRequest(reads), 0);
        assert_round_trip(&MultiReply(results), 0);
    }

    #[test]
    fn multis_that_read_and_write_are_refused(write in write(), read in read()) {
        let mixed = written(&MultiRequest(vec![write, read]));
        prop_assert_eq!(MultiRequest::parse(&mixed[4..]), Err(Malformed::Operation));
    }

    #[test]
    fn arbitrary_bytes_of_requests_never_panic(data in vec(any::<u8>(), 0..160)) {
        let _read = (CreateRequest::parse(&data), CreateTtlRequest::parse(&data));
        let _read = (SetDataRequest::parse(&data), SetAclRequest::parse(&data));
        let _read = (MultiRequest::parse(&data), MultiReply::parse(&data));
        let _read = (SetWatches2Request::parse(&data), WatcherEvent::parse(&data));
        let _read = (AddWatchRequest::parse(&data), Identities::parse(&data));
    }

    #[test]
    fn frames_are_appended_to_a_buffer(before in vec(any::<u8>(), 0..9), create in create()) {
        let mut buffer = before.clone();
        append_frame(&mut buffer, |to| create.write(to)).unwrap();
        prop_assert_eq!(buffer, [before, written(&create)].concat());
    }
}
