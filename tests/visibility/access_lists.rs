//! Access lists that clients of ZooKeeper set: what they let callers of Consul and etcd do.

use std::convert::Infallible;

use kubekv::model::{AccessEntry, AccessList, Caller, Cause, Key};
use kubekv::space::{Draft, Lookup as _};

use super::gateway::{ADMIN, Answer, Gateway, answered, is_parked, read};

const READ: i32 = 1;
const WRITE: i32 = 2;
const CREATE: i32 = 4;
const DELETE: i32 = 8;
const ADMINISTER: i32 = 16;
const ALL: i32 = 31;

/// The value that only those may see who may read `top/node`.
const SECRET: &str = "hidden-value";

/// An operation, with what it needs.
struct Row {
    /// As docs/compatibility.md names it.
    name: &'static str,
    request: Request,
    /// Permissions of the node `top/node`.
    own: i32,
    /// Permissions of the node `top`.
    above: i32,
}

/// A request; `{session}` and `{index}` in it are those of a session and of the entry `top/node`.
#[derive(Clone, Copy)]
enum Request {
    /// Method and path after `/v1/`, and the body.
    Consul(&'static str, &'static str),
    /// Method and path after `/v2/keys/`, and the form.
    Etcd(&'static str, &'static str),
}

use Request::{Consul, Etcd};

const fn row(name: &'static str, request: Request, own: i32, above: i32) -> Row {
    Row {
        name,
        request,
        own,
        above,
    }
}

const TXN: &str = "PUT txn";

#[expect(clippy::too_many_lines, reason = "a table")]
fn rows() -> Vec<Row> {
    vec![
        row("Consul get", Consul("GET kv/top/node", ""), READ, 0),
        row("Consul get", Consul("GET kv/top/node?raw", ""), READ, 0),
        row("Consul put", Consul("PUT kv/top/node", "v"), WRITE, 0),
        row(
            "Consul put",
            Consul("PUT kv/top/node?cas={index}", "v"),
            WRITE,
            0,
        ),
        // The permission comes before the comparison.
        row("Consul put", Consul("PUT kv/top/node?cas=1", "v"), WRITE, 0),
        row(
            "Consul put of a new key",
            Consul("PUT kv/top/new", "v"),
            0,
            CREATE,
        ),
        row(
            "Consul put of a new key",
            Consul("PUT kv/top/new/deep/er", "v"),
            0,
            CREATE,
        ),
        row(
            "Consul acquire",
            Consul("PUT kv/top/node?acquire={session}", "v"),
            WRITE,
            0,
        ),
        row(
            "Consul acquire by a session that deletes",
            Consul("PUT kv/top/node?acquire={deleting}", "v"),
            WRITE,
            DELETE,
        ),
        row(
            "Consul release",
            Consul("PUT kv/top/node?release={session}", "v"),
            WRITE,
            0,
        ),
        row("Consul delete", Consul("DELETE kv/top/node", ""), 0, DELETE),
        row(
            "Consul delete",
            Consul("DELETE kv/top/node?cas={index}", ""),
            0,
            DELETE,
        ),
        row(
            "Consul delete",
            Consul("DELETE kv/top/node?cas=1", ""),
            0,
            DELETE,
        ),
        row(
            "Consul delete of a tree",
            Consul("DELETE kv/top/?recurse", ""),
            0,
            DELETE,
        ),
        row(
            "Consul delete of a node that stays",
            Consul("DELETE kv/top", ""),
            0,
            ADMINISTER,
        ),
        row(
            "Consul transaction: get, check-index, check-session",
            Consul(TXN, r#"[{"KV":{"Verb":"get","Key":"top/node"}}]"#),
            READ,
            0,
        ),
        row(
            "Consul transaction: get, check-index, check-session",
            Consul(
                TXN,
                r#"[{"KV":{"Verb":"check-index","Key":"top/node","Index":{index}}}]"#,
            ),
            READ,
            0,
        ),
        row(
            "Consul transaction: get, check-index, check-session",
            Consul(
                TXN,
                r#"[{"KV":{"Verb":"check-session","Key":"top/node","Session":""}}]"#,
            ),
            READ,
            0,
        ),
        row(
            "Consul transaction: get, check-index, check-session",
            Consul(
                TXN,
                r#"[{"KV":{"Verb":"set","Key":"x","Value":"dg=="}},{"KV":{"Verb":"get","Key":"top/node"}}]"#,
            ),
            READ,
            0,
        ),
        row(
            "Consul transaction: check-not-exists",
            Consul(
                TXN,
                r#"[{"KV":{"Verb":"check-not-exists","Key":"top/none"}}]"#,
            ),
            0,
            0,
        ),
        row(
            "Consul transaction: set, cas, lock, unlock",
            Consul(
                TXN,
                r#"[{"KV":{"Verb":"set","Key":"top/node","Value":"dg=="}}]"#,
            ),
            WRITE,
            0,
        ),
        row(
            "Consul transaction: set, cas, lock, unlock",
            Consul(
                TXN,
                r#"[{"KV":{"Verb":"cas","Key":"top/node","Value":"dg==","Index":{index}}}]"#,
            ),
            WRITE,
            0,
        ),
        row(
            "Consul transaction: set, cas, lock, unlock",
            Consul(
                TXN,
                r#"[{"KV":{"Verb":"lock","Key":"top/node","Value":"dg==","Session":"{session}"}}]"#,
            ),
            WRITE,
            0,
        ),
        row(
            "Consul transaction: delete, delete-cas, delete-tree",
            Consul(TXN, r#"[{"KV":{"Verb":"delete","Key":"top/node"}}]"#),
            0,
            DELETE,
        ),
        row(
            "Consul transaction: delete, delete-cas, delete-tree",
            Consul(
                TXN,
                r#"[{"KV":{"Verb":"delete-cas","Key":"top/node","Index":{index}}}]"#,
            ),
            0,
            DELETE,
        ),
        row(
            "Consul transaction: delete, delete-cas, delete-tree",
            Consul(TXN, r#"[{"KV":{"Verb":"delete-tree","Key":"top/"}}]"#),
            0,
            DELETE,
        ),
        row("etcd get of a value", Etcd("GET top/node", ""), READ, 0),
        row("etcd get of a directory", Etcd("GET top", ""), 0, READ),
        row(
            "etcd get of a directory",
            Etcd("GET top?recursive=true", ""),
            0,
            READ,
        ),
        row(
            "etcd set, update, compareAndSwap",
            Etcd("PUT top/node", "value=v"),
            READ | WRITE,
            0,
        ),
        row(
            "etcd set, update, compareAndSwap",
            Etcd("PUT top/node", "value=v&prevExist=true"),
            READ | WRITE,
            0,
        ),
        row(
            "etcd set, update, compareAndSwap",
            Etcd("PUT top/node", "value=v&prevValue=hidden-value"),
            READ | WRITE,
            0,
        ),
        row(
            "etcd set, update, compareAndSwap",
            Etcd("PUT top/node", "value=v&prevIndex={index}"),
            READ | WRITE,
            0,
        ),
        row(
            "etcd set with a TTL",
            Etcd("PUT top/node", "value=v&ttl=100"),
            READ | WRITE,
            DELETE,
        ),
        row(
            "etcd set or create of a new node",
            Etcd("PUT top/new", "value=v"),
            0,
            CREATE,
        ),
        row(
            "etcd set or create of a new node",
            Etcd("PUT top/new/deep", "value=v"),
            0,
            CREATE,
        ),
        row(
            "etcd set or create of a new node",
            Etcd("PUT top/new", "value=v&prevExist=false"),
            0,
            CREATE,
        ),
        row("etcd in-order node", Etcd("POST top", "value=v"), 0, CREATE),
        row(
            "etcd delete, compareAndDelete",
            Etcd("DELETE top/node", ""),
            READ,
            DELETE,
        ),
        row(
            "etcd delete, compareAndDelete",
            Etcd("DELETE top/node?prevValue=hidden-value", ""),
            READ,
            DELETE,
        ),
        row(
            "etcd delete of a tree",
            Etcd("DELETE top?recursive=true", ""),
            0,
            READ | DELETE,
        ),
    ]
}

fn list_of(perms: i32) -> AccessList {
    AccessList::from(vec![AccessEntry {
        perms,
        scheme: "world".to_owned(),
        id: "anyone".to_owned(),
    }])
}

/// Sets lists, as a client of ZooKeeper does.
async fn protect(gateway: &Gateway, lists: &[(&str, AccessList)]) {
    let decide = |draft: &mut Draft<'_>| {
        for (key, list) in lists {
            let key = Key::user(*key);
            let record = draft.with_access(&key, list.clone()).unwrap();
            draft.put(&key, record);
        }
        draft.because(Cause::Refresh);
        Ok::<_, Infallible>(())
    };
    gateway.space.commit(&Caller::System, decide).await.unwrap();
}

/// A gateway with `top` and `top/node`, whose lists give everybody these permissions.
async fn protected(own: i32, above: i32) -> Gateway {
    let gateway = Gateway::start(Vec::new()).await;
    gateway.set("top", "").await;
    gateway.set("top/node", SECRET).await;
    protect(
        &gateway,
        &[("top", list_of(above)), ("top/node", list_of(own))],
    )
    .await;
    gateway
}

async fn perform(gateway: &Gateway, request: Request) -> Answer {
    let session = gateway.session(ADMIN).await;
    let deleting = gateway
        .consul(ADMIN, "PUT session/create", r#"{"Behavior":"delete"}"#)
        .await;
    let deleting = deleting.json()["ID"].as_str().unwrap().to_owned();
    let view = gateway.space.read(&Caller::System);
    let index = view
        .get(&Key::user("top/node"))
        .unwrap()
        .index()
        .to_string();
    let fill = |text: &str| {
        text.replace("{session}", &session)
            .replace("{deleting}", &deleting)
            .replace("{index}", &index)
    };
    match request {
        Consul(what, body) => gateway.consul(ADMIN, &fill(what), &fill(body)).await,
        Etcd(what, form) => gateway.etcd(ADMIN, &fill(what), &fill(form)).await,
    }
}

fn is_refused(answer: &Answer) -> bool {
    let words = ["Permission denied", "\"errorCode\":110"];
    words.iter().any(|words| answer.body.contains(words))
}

#[tokio::test]
async fn each_operation_needs_these_permissions_and_no_others() {
    for Row {
        name,
        request,
        own,
        above,
    } in rows()
    {
        let (Consul(what, body) | Etcd(what, body)) = request;
        let gateway = protected(own, above).await;
        let answer = perform(&gateway, request).await;
        assert!(!is_refused(&answer), "{name}: {what} {body}: {answer:?}");
        for bit in [READ, WRITE, CREATE, DELETE, ADMINISTER] {
            for (own, above, needed) in [(ALL & !bit, ALL, own), (ALL, ALL & !bit, above)] {
                let gateway = protected(own, above).await;
                let before = gateway.space.read(&Caller::System).revision();
                let answer = perform(&gateway, request).await;
                let case = format!("{name}: {what} {body} with {own} and {above}: {answer:?}");
                assert_eq!(is_refused(&answer), needed & bit != 0, "{case}");
                if is_refused(&answer) {
                    // But for the two sessions, nothing was written.
                    let after = gateway.space.read(&Caller::System).revision();
                    assert_eq!(after, before + 2, "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn no_answer_shows_the_value_of_an_entry_that_may_not_be_read() {
    let more = [
        Consul("GET kv/?recurse", ""),
        Consul("GET kv/top?recurse", ""),
        Consul("GET kv/top/?recurse&raw", ""),
        Consul("GET kv/top/n?recurse", ""),
        Consul(TXN, r#"[{"KV":{"Verb":"get-tree","Key":"top"}}]"#),
        Consul(
            TXN,
            r#"[{"KV":{"Verb":"set","Key":"x","Value":"dg=="}},{"KV":{"Verb":"get-tree","Key":"top/"}}]"#,
        ),
        Etcd("GET ?recursive=true", ""),
        Etcd("GET top?recursive=true&sorted=true", ""),
        Etcd("GET top/node?quorum=true", ""),
        Etcd("PUT top/node", "value=v&prevValue=other"),
        Etcd("PUT top/node", "ttl=5&refresh=true&prevExist=true"),
        Etcd("DELETE top/node?prevValue=other", ""),
    ];
    let requests = rows().into_iter().map(|row| row.request).chain(more);
    let encoded = "aGlkZGVuLXZhbHVl";
    for request in requests {
        let gateway = protected(ALL & !READ, ALL).await;
        let answer = perform(&gateway, request).await;
        let shows = answer.body.contains(SECRET) || answer.body.contains(encoded);
        let (Consul(what, body) | Etcd(what, body)) = request;
        assert!(!shows, "{what} {body}: {answer:?}");
    }
}

/// The rows of the table in the documentation are those that are tested.
#[test]
fn documentation_has_the_table() {
    let letters = |perms: i32| {
        let names = [
            (READ, "read"),
            (WRITE, "write"),
            (CREATE, "create"),
            (DELETE, "delete"),
            (ADMINISTER, "admin"),
        ];
        let names = names.iter().filter(|(bit, _)| perms & bit != 0);
        names.map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
    };
    let docs = std::fs::read_to_string("docs/compatibility.md").unwrap();
    for row in rows() {
        let line = format!(
            "| {} | {} | {} |",
            row.name,
            letters(row.own),
            letters(row.above)
        );
        assert!(docs.contains(&line), "{line}");
    }
}

#[tokio::test]
async fn lists_show_what_a_walk_by_readable_nodes_finds() {
    let gateway = Gateway::start(Vec::new()).await;
    for key in ["a", "a-b", "a/b", "a/b/c", "a/d", "e/f"] {
        gateway.set(key, "1").await;
    }
    let keys = async |prefix: &str| {
        let answer = gateway
            .consul(ADMIN, &format!("GET kv/{prefix}?keys"), "")
            .await;
        if answer.status == 404 {
            "[]".to_owned()
        } else {
            answer.body
        }
    };
    let all = r#"["a","a-b","a/b","a/b/c","a/d","e/f"]"#;
    assert_eq!(keys("").await, all);
    protect(&gateway, &[("a/b", list_of(0))]).await;
    assert_eq!(keys("").await, r#"["a","a-b","a/d","e/f"]"#);
    // Who knows the name of what is beneath may read that.
    let beneath = gateway.consul(ADMIN, "GET kv/a/b/c", "").await;
    assert_eq!(beneath.status, 200);
    assert_eq!(keys("a/b/").await, "[]");
    let tree = gateway.etcd(ADMIN, "GET a?recursive=true", "").await;
    assert!(
        tree.body.contains("/a/d") && !tree.body.contains("/a/b"),
        "{tree:?}"
    );
    protect(&gateway, &[("a", list_of(0)), ("a/b", AccessList::open())]).await;
    assert_eq!(keys("").await, r#"["a-b","e/f"]"#);
    assert_eq!(keys("a/").await, "[]");
    assert_eq!(keys("a/b/").await, r#"["a/b/c"]"#);
    assert_eq!(gateway.etcd(ADMIN, "GET a", "").await.status, 401);
    // Opened again, all is as it was.
    protect(&gateway, &[("a", AccessList::open())]).await;
    assert_eq!(keys("").await, all);
}

#[tokio::test]
async fn lists_of_an_address_let_it_and_no_other_read() {
    let gateway = Gateway::start(Vec::new()).await;
    gateway.set("a/x", "1").await;
    // All requests come from here.
    for (id, status) in [("0.0.0.0/32", 200), ("10.0.0.0/8", 403)] {
        let list = AccessList::from(vec![AccessEntry {
            perms: ALL,
            scheme: "ip".to_owned(),
            id: id.to_owned(),
        }]);
        protect(&gateway, &[("a/x", list)]).await;
        assert_eq!(gateway.consul(ADMIN, "GET kv/a/x", "").await.status, status);
        let listed = gateway.consul(ADMIN, "GET kv/a/?keys", "").await;
        assert_eq!(listed.body.contains("a/x"), status == 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_parked_read_is_refused_when_its_entry_is_closed() {
    let gateway = Gateway::start(Vec::new()).await;
    gateway.set("a", "1").await;
    let index = gateway.consul(ADMIN, "GET kv/a", "").await.index();
    let query = format!("GET kv/a?wait=5m&index={index}");
    let mut parked = Box::pin(gateway.consul(ADMIN, &query, ""));
    assert!(is_parked(&mut parked).await);
    protect(&gateway, &[("a", list_of(0))]).await;
    assert_eq!(answered(parked).await.status, 403);
}

#[tokio::test]
async fn events_are_told_to_who_may_read() {
    let gateway = Gateway::start(Vec::new()).await;
    gateway.set("a/open", "1").await;
    gateway.set("a/closed", "1").await;
    protect(&gateway, &[("a/closed", list_of(WRITE))]).await;
    let refused = gateway.etcd(ADMIN, "GET a/closed?wait=true", "").await;
    assert_eq!(refused.status, 401);
    let watch = gateway
        .etcd_response(ADMIN, "GET a?wait=true&recursive=true", "")
        .await;
    gateway.set("a/closed", SECRET).await;
    gateway.set("a/open", "2").await;
    let event = read(watch).await;
    assert!(
        event.body.contains("/a/open") && !event.body.contains(SECRET),
        "{event:?}"
    );
    // And of the past.
    let past = format!(
        "GET a?wait=true&recursive=true&waitIndex={}",
        event.etcd_index()
    );
    let event = gateway.etcd(ADMIN, &past, "").await;
    assert!(event.body.contains("/a/open"), "{event:?}");
}

#[tokio::test]
async fn a_list_cannot_be_shed_by_writing_the_nodes_other_key() {
    let gateway = Gateway::start(Vec::new()).await;
    gateway.set("a/", "").await;
    gateway.set("a/x", "1").await;
    protect(&gateway, &[("a/", list_of(READ | WRITE))]).await;
    // `a` would stand for the node, without a list.
    assert_eq!(gateway.consul(ADMIN, "PUT kv/a", "v").await.status, 403);
    assert_eq!(gateway.consul(ADMIN, "DELETE kv/a/", "").await.status, 403);
    let again =
        r#"[{"KV":{"Verb":"delete","Key":"a/"}},{"KV":{"Verb":"set","Key":"a/","Value":""}}]"#;
    let answer = gateway.consul(ADMIN, "PUT txn", again).await;
    assert!(
        answer.body.contains("Permission denied") || answer.status == 403,
        "{answer:?}"
    );
    // With everything beneath, it goes.
    protect(&gateway, &[("a/", list_of(DELETE))]).await;
    assert_eq!(
        gateway.consul(ADMIN, "DELETE kv/a?recurse", "").await.body,
        "true"
    );
}

#[tokio::test]
async fn the_end_of_a_session_asks_no_list() {
    let gateway = Gateway::start(Vec::new()).await;
    gateway.set("a", "1").await;
    let session = gateway.session(ADMIN).await;
    let acquire = format!("PUT kv/a?acquire={session}");
    assert_eq!(gateway.consul(ADMIN, &acquire, "1").await.body, "true");
    protect(&gateway, &[("a", list_of(READ))]).await;
    let destroy = format!("PUT session/destroy/{session}");
    assert_eq!(gateway.consul(ADMIN, &destroy, "").await.body, "true");
    let entry = gateway.consul(ADMIN, "GET kv/a", "").await;
    assert!(!entry.body.contains(&session), "{entry:?}");
}
