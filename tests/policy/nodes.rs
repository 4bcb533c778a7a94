//! Decisions of ZooKeeper's face: each operation with and without the verb that it needs, and beside access lists.

use kubekv::wire::zookeeper::{
    ClientChange, ClientRequest, ErrorCode, MultiOperation, MultiReply, MultiRequest, MultiResult,
    NodePath, OpCode,
};

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

fn error_of(result: &MultiResult) -> i32 {
    if let MultiResult::Failed(error) = result {
        *error
    } else {
        0
    }
}

fn failure(results: &[MultiResult]) -> Result<(), ErrorCode> {
    let all = results
        .iter()
        .filter_map(|result| ErrorCode::of(error_of(result)));
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
}

#[tokio::test]
async fn the_root_shows_and_tells_what_may_be_seen() {
    let gateway = with(r#""all""#).await;
    let mut client = gateway.zookeeper(ME).await;
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
}

/// What an operation asks of the rights of its client. A new one needs a row here, and one among [`OPERATIONS`] where it asks
/// for something.
fn is_asked(request: &ClientRequest) -> bool {
    match request {
        ClientRequest::Change(change) => match change {
            ClientChange::Create(_)
            | ClientChange::Create2(_)
            | ClientChange::CreateContainer(_)
            | ClientChange::CreateTtl(_)
            | ClientChange::Delete(_)
            | ClientChange::SetData(_)
            | ClientChange::SetAcl(_)
            | ClientChange::Multi(_) => true,
        },
        ClientRequest::Exists(_)
        | ClientRequest::GetData(_)
        | ClientRequest::GetAcl(_)
        | ClientRequest::GetChildren(_)
        | ClientRequest::GetChildren2(_)
        | ClientRequest::MultiRead(_)
        | ClientRequest::AddWatch(_)
        | ClientRequest::GetAllChildrenNumber(_) => true,
        // Of what may not be watched nothing is told; there is no answer that could say so.
        ClientRequest::SetWatches(_)
        // Of the connection and its session alone.
        | ClientRequest::Sync(_)
        | ClientRequest::Ping
        | ClientRequest::CheckWatches(_)
        | ClientRequest::RemoveWatches(_)
        | ClientRequest::Auth(_)
        | ClientRequest::GetEphemerals(_)
        | ClientRequest::WhoAmI
        | ClientRequest::CloseSession
        | ClientRequest::Refused(_)
        | ClientRequest::Unknown(_) => false,
    }
}

#[test]
fn every_operation_has_a_decision() {
    assert!(!is_asked(&ClientRequest::WhoAmI));
    assert!(is_asked(&ClientRequest::GetAcl(NodePath("/a".to_owned()))));
}

#[tokio::test]
async fn reads_of_many_nodes_refuse_each_by_itself() {
    let gateway = with(r#""all""#).await;
    let mut client = gateway.zookeeper(ME).await;
    let all =
        ["/a/there", "/b", "/none"].map(|path| MultiOperation::GetData(watchable(path, false)));
    let request = MultiRequest(all.into());
    let reply: MultiReply = client.ask(OpCode::MultiRead, &request).await.unwrap();
    let errors = reply.0.iter().map(error_of);
    let refused = ErrorCode::NoAuth.number();
    assert_eq!(errors.collect::<Vec<_>>(), [0, refused, refused]);
}

#[tokio::test]
async fn a_node_that_comes_and_goes_with_what_is_hidden_beneath_it_is_told_to_nobody() {
    let seen = "allow = [\"all\"]\nbeneath = [\"a\"]\nsessions = \"own\"";
    let hidden = "deny = [\"read\"]\nbeneath = [\"a/new/secret\"]";
    let rules = [rule("seen", seen), rule("hidden", hidden)].concat();
    let gateway = Gateway::start(&rules).await;
    gateway.set("a/there", "1").await;
    let mut client = gateway.zookeeper(ME).await;
    client.add_watch("/a", 0).await;
    client.add_watch("/a", 1).await;
    client.children("/a", true).await.unwrap();
    let none = client.exists("/a/new", true).await;
    assert_eq!(none, Err(ErrorCode::NoNode));
    gateway.set("a/new/secret", "1").await;
    gateway.set("a/new/secret/x", "1").await;
    let gone = gateway.consul(ADMIN, "DELETE kv/a/new?recurse", "").await;
    assert_eq!(gone.status, 200);
    let none = client.exists("/a/new", false).await;
    assert_eq!(none, Err(ErrorCode::NoNode));
    assert_eq!(client.told().await, []);
    // What may be seen is told, with the nodes above it.
    gateway.set("a/new/seen", "1").await;
    client.exists("/a/new", false).await.unwrap();
    let told = client.told().await;
    assert!(told.contains(&(1, "/a/new".to_owned())), "{told:?}");
    assert!(told.contains(&(1, "/a/new/seen".to_owned())), "{told:?}");
}
