//! Watches of ZooKeeper's nodes with something hidden beneath: whoever may not see that hears and is answered as if it was not there.

use kubekv::wire::zookeeper::ErrorCode;

use super::gateway::{ADMIN, Gateway, ME, rule};

const CREATED: i32 = 1;
const DELETED: i32 = 2;
const CHANGED: i32 = 3;
const CHILDREN: i32 = 4;

/// A kind of watch: one that tells of everything beneath.
const RECURSIVE: i32 = 1;

type Heard = Vec<Vec<(i32, String)>>;

async fn gateway(hides: bool) -> Gateway {
    let open = rule(
        "open",
        "allow = [\"all\"]\nbeneath = [\"a\"]\nsessions = \"own\"",
    );
    let hidden = ["x", "y", "z", "w"]
        .map(|node| format!("\"a/{node}/h\""))
        .join(", ");
    let shut = rule("shut", &format!("deny = [\"all\"]\nbeneath = [{hidden}]"));
    let gateway = Gateway::start(&format!("{open}{shut}")).await;
    gateway.set("a", "1").await;
    if hides {
        gateway.set("a/x/h", "1").await;
        gateway.set("a/y/h/1", "1").await;
    }
    gateway
}

/// What each step makes somebody hear who watches `/a` with all beneath, the names of its children, and `/a/x`.
async fn heard(hides: bool) -> Heard {
    let gateway = gateway(hides).await;
    let mut all = gateway.zookeeper(ME).await;
    all.add_watch("/a", RECURSIVE).await;
    let mut once = gateway.zookeeper(ME).await;
    let mut heard = Vec::new();
    for step in [
        "PUT kv/a/x",
        "PUT kv/a/x",
        "DELETE kv/a/x",
        "PUT kv/a/y/v",
        "DELETE kv/a/y/v",
        "PUT kv/a/t",
        "PUT kv/a/t/v",
        "DELETE kv/a/t?recurse",
        "PUT kv/a/z/h",
        "DELETE kv/a/z/h",
    ] {
        let watched = once.exists("/a/x", true).await;
        once.children("/a", true).await.unwrap();
        let answer = gateway.consul(ADMIN, step, "").await;
        assert_eq!(answer.status, 200, "{step}");
        let both = [all.told().await, once.told().await];
        assert!(watched.is_ok() || watched == Err(ErrorCode::NoNode));
        heard.extend(both);
    }
    heard
}

fn events(events: &[(i32, &str)]) -> Vec<(i32, String)> {
    let own = |(kind, path): &(i32, &str)| (*kind, (*path).to_owned());
    events.iter().map(own).collect()
}

#[tokio::test]
async fn nodes_come_and_go_for_somebody_whatever_is_hidden_beneath() {
    let expected = [
        events(&[(CREATED, "/a/x")]),
        events(&[(CREATED, "/a/x"), (CHILDREN, "/a")]),
        events(&[(CHANGED, "/a/x")]),
        events(&[(CHANGED, "/a/x")]),
        events(&[(DELETED, "/a/x")]),
        events(&[(DELETED, "/a/x"), (CHILDREN, "/a")]),
        events(&[(CREATED, "/a/y"), (CREATED, "/a/y/v")]),
        events(&[(CHILDREN, "/a")]),
        events(&[(DELETED, "/a/y/v"), (DELETED, "/a/y")]),
        events(&[(CHILDREN, "/a")]),
        events(&[(CREATED, "/a/t")]),
        events(&[(CHILDREN, "/a")]),
        events(&[(CREATED, "/a/t/v")]),
        events(&[]),
        events(&[(DELETED, "/a/t/v"), (DELETED, "/a/t")]),
        events(&[(CHILDREN, "/a")]),
    ];
    for hides in [false, true] {
        let mut all = heard(hides).await;
        let last = all.split_off(expected.len());
        assert_eq!(all, expected, "something is hidden: {hides}");
        assert!(last.iter().all(Vec::is_empty), "{last:?}");
    }
}

#[tokio::test]
async fn somebody_is_answered_the_same_whatever_is_hidden_beneath() {
    let mut answers = Vec::new();
    for hides in [false, true] {
        let gateway = gateway(false).await;
        let mut me = gateway.zookeeper(ME).await;
        me.create("/a/w", b"", 0).await.unwrap();
        if hides {
            gateway.set("a/w/h", "1").await;
        }
        let stat = me.stat("/a/w").await.unwrap();
        let children = me.children("/a/w", false).await.unwrap();
        let deleted = me.delete("/a/w", -1).await;
        let gone = me.stat("/a/w").await.map(|_| ());
        let again = me.create("/a/w", b"", 0).await.map(|_| ());
        answers.push((
            stat.children,
            stat.children_version,
            children,
            deleted,
            gone,
            again,
        ));
    }
    let [without, with] = answers.as_slice() else {
        panic!("two");
    };
    assert_eq!(with, without);
    assert_eq!(without.3, Ok(()));
}
