//! Decisions of ZooKeeper's face: each operation with and without the verb that it needs, and beside access lists.

use kubekv::wire::zookeeper::{ErrorCode, MultiOperation, MultiResult, NodePath, OpCode};

use super::gateway::{ADMIN, Gateway, ME, rule};
use super::zookeeper_client::{create_of, data_of, versioned, watchable};

async fn with(verbs: &str) -> Gateway {
    let body = format!("allow = [{verbs}]\nbeneath = [\"a\"]\nsessions = \"own\"");
    let gateway = Gateway::start(&rule("own", &body)).await;
    for key in ["a", "a/there", "a/d", "a/d/x", "b"] {
        gateway.set(key, "1").await;
    }
    gateway
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Get,
    GetWatched,
    Exists,
    Children,
    ChildrenWatched,
    CountBeneath,
    GetAcl,
    AddWatch,
    Set,
    SetVersion,
    Create,
    CreateEphemeral,
    CreateSequential,
    Delete,
    MultiSet,
    MultiCheckSet,
}

const OPERATIONS: &[(Operation, &str)] = &[
    (Operation::Get, r#""read""#),
    (Operation::GetWatched, r#""read", "watch""#),
    (Operation::Exists, r#""read""#),
    (Operation::Children, r#""read", "list""#),
    (Operation::ChildrenWatched, r#""read", "list", "watch""#),
    (Operation::CountBeneath, r#""read", "list""#),
    (Operation::GetAcl, r#""read""#),
    (Operation::AddWatch, r#""read", "watch""#),
    (Operation::Set, r#""read", "write""#),
    (Operation::SetVersion, r#""read", "cas""#),
    (Operation::Create, r#""read", "create""#),
    (Operation::CreateEphemeral, r#""read", "create""#),
    (Operation::CreateSequential, r#""read", "create""#),
    (Operation::Delete, r#""read", "delete""#),
    (Operation::MultiSet, r#""read", "write""#),
    (Operation::MultiCheckSet, r#""read", "cas""#),
];

async fn ask(gateway: &Gateway, operation: Operation) -> Result<(), ErrorCode> {
    let mut client = gateway.zookeeper(ME).await;
    let there = "/a/there";
    let path = |path: &str| NodePath(path.to_owned());
    let done = match operation {
        Operation::Get => client.get(there, false).await.map(|_| ()),
        Operation::GetWatched => client.get(there, true).await.map(|_| ()),
        Operation::Exists => client.exists(there, false).await.map(|_| ()),
        Operation::Children => client.children("/a", false).await.map(|_| ()),
        Operation::ChildrenWatched => client.children("/a", true).await.map(|_| ()),
        Operation::CountBeneath => {
            let counted = client.call(OpCode::GetAllChildrenNumber, &path("/a")).await;
            counted.map(|_| ())
        }
        Operation::GetAcl => client.call(OpCode::GetAcl, &path(there)).await.map(|_| ()),
        Operation::AddWatch => {
            let request = kubekv::wire::zookeeper::AddWatchRequest {
                path: there.to_owned(),
                mode: 0,
            };
            client.call(OpCode::AddWatch, &request).await.map(|_| ())
        }
        Operation::Set => client.set(there, b"2", -1).await.map(|_| ()),
        Operation::SetVersion => client.set(there, b"2", 0).await.map(|_| ()),
        Operation::Create => client.create("/a/new", b"", 0).await.map(|_| ()),
        Operation::CreateEphemeral => client.create("/a/new", b"", 1).await.map(|_| ()),
        Operation::CreateSequential => client.create("/a/d/s-", b"", 2).await.map(|_| ()),
        Operation::Delete => client.delete(there, -1).await,
        Operation::MultiSet => {
            let steps = vec![MultiOperation::SetData(data_of(there, b"2", -1))];
            failure(&client.multi(steps).await)
        }
        Operation::MultiCheckSet => {
            let steps = vec![
                MultiOperation::Check(versioned(there, 0)),
                MultiOperation::SetData(data_of(there, b"2", -1)),
            ];
            failure(&client.multi(steps).await)
        }
    };
    client.close().await;
    done
}

fn failure(results: &[MultiResult]) -> Result<(), ErrorCode> {
    let failed = |result: &MultiResult| match result {
        MultiResult::Failed(0) => None,
        MultiResult::Failed(error) => ErrorCode::of(*error),
        _ => None,
    };
    let all = results.iter().filter_map(failed);
    // Of those before and after the failure it is said that they were not made.
    match all
        .into_iter()
        .find(|error| *error != ErrorCode::RuntimeInconsistency)
    {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

#[tokio::test]
async fn each_operation_needs_each_of_its_verbs_and_no_other() {
    for (operation, verbs) in OPERATIONS {
        let verbs: Vec<&str> = verbs.split(", ").collect();
        let gateway = with(&verbs.join(", ")).await;
        assert_eq!(ask(&gateway, *operation).await, Ok(()), "{operation:?}");
        for missing in &verbs {
            let all = [
                "read", "list", "watch", "create", "write", "cas", "delete", "lock",
            ];
            let all = all.map(|verb| format!("{verb:?}"));
            let swaps = ["\"cas\"", "\"write\""];
            let is_given = |verb: &&String| {
                let implies = swaps.contains(missing) && swaps.contains(&verb.as_str());
                verb.as_str() != *missing && !implies
            };
            let given: Vec<&str> = all.iter().filter(is_given).map(String::as_str).collect();
            let gateway = with(&given.join(", ")).await;
            let before = gateway.state();
            let refused = ask(&gateway, *operation).await;
            assert_eq!(
                refused,
                Err(ErrorCode::NoAuth),
                "{operation:?} without {missing}"
            );
            assert_eq!(gateway.state(), before, "{operation:?} without {missing}");
        }
    }
}

#[tokio::test]
async fn what_is_hidden_is_refused_whether_it_is_there_or_not() {
    let gateway = with(r#""all""#).await;
    let mut client = gateway.zookeeper(ME).await;
    for path in ["/b", "/none", "/b/beneath", "/ab"] {
        assert_eq!(
            client.get(path, false).await,
            Err(ErrorCode::NoAuth),
            "{path}"
        );
        assert_eq!(
            client.exists(path, true).await,
            Err(ErrorCode::NoAuth),
            "{path}"
        );
        assert_eq!(
            client.children(path, false).await,
            Err(ErrorCode::NoAuth),
            "{path}"
        );
        assert_eq!(
            client.set(path, b"", -1).await,
            Err(ErrorCode::NoAuth),
            "{path}"
        );
        assert_eq!(
            client.set(path, b"", 7).await,
            Err(ErrorCode::NoAuth),
            "{path}"
        );
        assert_eq!(
            client.delete(path, -1).await,
            Err(ErrorCode::NoAuth),
            "{path}"
        );
        assert_eq!(
            client.create(path, b"", 0).await,
            Err(ErrorCode::NoAuth),
            "{path}"
        );
        let steps = vec![
            MultiOperation::Create(create_of("/a/new", None, 0)),
            MultiOperation::Check(versioned(path, 0)),
        ];
        assert_eq!(
            failure(&client.multi(steps).await),
            Err(ErrorCode::NoAuth),
            "{path}"
        );
    }
    // The root has what may be seen.
    assert_eq!(
        client.children("/", false).await.unwrap(),
        ["a", "zookeeper"]
    );
    assert_eq!(client.stat("/").await.unwrap().children, 2);
    let recursive = kubekv::wire::zookeeper::AddWatchRequest {
        path: "/".to_owned(),
        mode: 1,
    };
    client.call(OpCode::AddWatch, &recursive).await.unwrap();
    gateway.set("b/new", "1").await;
    gateway.set("a/new", "1").await;
    assert_eq!(client.event().await, (1, "/a/new".to_owned()));
}

#[tokio::test]
async fn policy_and_access_lists_must_both_allow() {
    let gateway = with(r#""all""#).await;
    let mut admin = gateway.zookeeper(ADMIN).await;
    let closed = kubekv::wire::zookeeper::SetAclRequest {
        path: "/a/there".to_owned(),
        acl: vec![super::zookeeper_client::acl(2, "world", "anyone")],
        acl_version: -1,
    };
    admin.call(OpCode::SetAcl, &closed).await.unwrap();
    let mut client = gateway.zookeeper(ME).await;
    assert_eq!(client.get("/a/there", false).await, Err(ErrorCode::NoAuth));
    client.set("/a/there", b"2", -1).await.unwrap();
    let reading = with(r#""read""#).await;
    let mut client = reading.zookeeper(ME).await;
    assert_eq!(
        client.call(OpCode::SetAcl, &closed).await,
        Err(ErrorCode::NoAuth)
    );
    // What it proved to the gateway is none of its identities in ZooKeeper.
    let (_, body) = {
        client.send(OpCode::WhoAmI, &()).await;
        client.reply().await.unwrap()
    };
    assert!(!String::from_utf8_lossy(&body).contains(ME));
    let _unused = watchable("/", false);
}
