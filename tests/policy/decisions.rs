//! Decisions of Consul's and etcd's faces: each operation with and without the verb that it needs.

use super::gateway::{ADMIN, Gateway, ME, STRANGER, rule};

/// The verbs of a rule on `a` and all beneath, besides reading.
async fn with(verbs: &str) -> Gateway {
    let body = format!("allow = [{verbs}]\nbeneath = [\"a\"]\nsessions = \"own\"");
    let gateway = Gateway::start(&rule("own", &body)).await;
    for key in ["a/there", "a/d/x", "b"] {
        gateway.set(key, "1").await;
    }
    gateway
}

enum Face {
    Consul,
    Etcd,
}

/// An operation, and the verbs that it needs.
const OPERATIONS: &[(Face, &str, &str, &str)] = &[
    (Face::Consul, "GET kv/a/there", "", r#""read""#),
    (Face::Consul, "GET kv/a/none", "", r#""read""#),
    (Face::Consul, "GET kv/a//there", "", r#""read""#),
    (Face::Consul, "GET kv/a%2Fthere", "", r#""read""#),
    (Face::Consul, "GET kv/a/there/", "", r#""read""#),
    (Face::Consul, "GET kv/a/?keys", "", r#""read", "list""#),
    (Face::Consul, "GET kv/a/?recurse", "", r#""read", "list""#),
    (
        Face::Consul,
        "GET kv/a?keys&separator=/",
        "",
        r#""read", "list""#,
    ),
    (
        Face::Consul,
        "GET kv/a/none?index=1&wait=1ms",
        "",
        r#""read", "watch""#,
    ),
    (Face::Consul, "PUT kv/a/there", "2", r#""read", "write""#),
    (Face::Consul, "PUT kv/a/new", "2", r#""read", "create""#),
    (
        Face::Consul,
        "PUT kv/a/new?cas=0",
        "2",
        r#""read", "create""#,
    ),
    (
        Face::Consul,
        "PUT kv/a/there?cas=INDEX",
        "2",
        r#""read", "cas""#,
    ),
    (
        Face::Consul,
        "PUT kv/a/there?cas=INDEX",
        "2",
        r#""read", "write""#,
    ),
    (
        Face::Consul,
        "PUT kv/a/there?acquire=SESSION",
        "2",
        r#""read", "lock""#,
    ),
    (
        Face::Consul,
        "PUT kv/a/new?acquire=SESSION",
        "2",
        r#""read", "lock""#,
    ),
    (Face::Consul, "DELETE kv/a/there", "", r#""read", "delete""#),
    (
        Face::Consul,
        "DELETE kv/a/there?cas=INDEX",
        "",
        r#""read", "delete""#,
    ),
    (
        Face::Consul,
        "DELETE kv/a/?recurse",
        "",
        r#""read", "delete""#,
    ),
    (
        Face::Consul,
        "PUT txn",
        r#"[{"KV":{"Verb":"get","Key":"a/there"}}]"#,
        r#""read""#,
    ),
    (
        Face::Consul,
        "PUT txn",
        r#"[{"KV":{"Verb":"get-tree","Key":"a/"}}]"#,
        r#""read", "list""#,
    ),
    (
        Face::Consul,
        "PUT txn",
        r#"[{"KV":{"Verb":"set","Key":"a/there","Value":"Mg=="}}]"#,
        r#""read", "write""#,
    ),
    (
        Face::Consul,
        "PUT txn",
        r#"[{"KV":{"Verb":"set","Key":"a/new","Value":"Mg=="}}]"#,
        r#""read", "create""#,
    ),
    (
        Face::Consul,
        "PUT txn",
        r#"[{"KV":{"Verb":"check-index","Key":"a/there","Index":INDEX}},{"KV":{"Verb":"set","Key":"a/there","Value":"Mg=="}}]"#,
        r#""read", "cas""#,
    ),
    (
        Face::Consul,
        "PUT txn",
        r#"[{"KV":{"Verb":"cas","Key":"a/there","Index":INDEX,"Value":"Mg=="}}]"#,
        r#""read", "cas""#,
    ),
    (
        Face::Consul,
        "PUT txn",
        r#"[{"KV":{"Verb":"lock","Key":"a/there","Session":"SESSION"}}]"#,
        r#""read", "lock""#,
    ),
    (
        Face::Consul,
        "PUT txn",
        r#"[{"KV":{"Verb":"delete","Key":"a/there"}}]"#,
        r#""read", "delete""#,
    ),
    (
        Face::Consul,
        "PUT txn",
        r#"[{"KV":{"Verb":"delete-tree","Key":"a/"}}]"#,
        r#""read", "delete""#,
    ),
    (Face::Etcd, "GET /a/there", "", r#""read""#),
    (Face::Etcd, "HEAD /a/there", "", r#""read""#),
    (Face::Etcd, "GET /a/there/", "", r#""read""#),
    (Face::Etcd, "GET /a/%74here", "", r#""read""#),
    (
        Face::Etcd,
        "GET /a/there?quorum=true&wait=true",
        "",
        r#""read""#,
    ),
    (
        Face::Etcd,
        "GET /a/there?wait=true&waitIndex=1",
        "",
        r#""read", "watch""#,
    ),
    (
        Face::Etcd,
        "GET /a?wait=true&recursive=true&waitIndex=1",
        "",
        r#""read", "watch""#,
    ),
    (Face::Etcd, "PUT /a/there", "value=2", r#""read", "write""#),
    (Face::Etcd, "PUT /a/new", "value=2", r#""read", "create""#),
    (Face::Etcd, "PUT /a/new?value=2", "", r#""read", "create""#),
    (Face::Etcd, "PUT /a/new", "dir=true", r#""read", "create""#),
    (
        Face::Etcd,
        "PUT /a/new",
        "value=2&ttl=99",
        r#""read", "create""#,
    ),
    (
        Face::Etcd,
        "PUT /a/new",
        "prevExist=false&value=2",
        r#""read", "create""#,
    ),
    (
        Face::Etcd,
        "PUT /a/there",
        "prevExist=true&value=2",
        r#""read", "write""#,
    ),
    (
        Face::Etcd,
        "PUT /a/there",
        "refresh=true&ttl=9&prevExist=true",
        r#""read", "write""#,
    ),
    (
        Face::Etcd,
        "PUT /a/there",
        "prevValue=1&value=2",
        r#""read", "cas""#,
    ),
    (
        Face::Etcd,
        "PUT /a/there",
        "prevIndex=INDEX&value=2",
        r#""read", "cas""#,
    ),
    (
        Face::Etcd,
        "PUT /a/there",
        "prevIndex=INDEX&value=2",
        r#""read", "write""#,
    ),
    (Face::Etcd, "POST /a/q", "value=2", r#""read", "create""#),
    (Face::Etcd, "DELETE /a/there", "", r#""read", "delete""#),
    (
        Face::Etcd,
        "DELETE /a/there?prevValue=1",
        "",
        r#""read", "delete""#,
    ),
    (
        Face::Etcd,
        "DELETE /a/d?recursive=true",
        "",
        r#""read", "delete", "list""#,
    ),
    (
        Face::Etcd,
        "PUT /a/d",
        "dir=true&ttl=99&prevExist=true",
        r#""read", "create", "delete", "list""#,
    ),
];

async fn ask(gateway: &Gateway, (face, what, body, _): &(Face, &str, &str, &str)) -> (u16, String) {
    let index = gateway.state()["a/there"].1;
    // A session is made by every test client that may.
    let session = gateway.consul(ME, "PUT session/create", "{}").await;
    let session = serde_json::from_str::<serde_json::Value>(&session.body);
    let session = session.map_or(String::new(), |made| {
        made["ID"].as_str().unwrap().to_owned()
    });
    let filled = |text: &str| {
        text.replace("INDEX", &index.to_string())
            .replace("SESSION", &session)
    };
    let answer = match face {
        Face::Consul => gateway.consul(ME, &filled(what), &filled(body)).await,
        Face::Etcd => gateway.etcd(ME, &filled(what), &filled(body)).await,
    };
    (answer.status, answer.body)
}

fn is_refused(face: &Face, what: &str, (status, body): &(u16, String)) -> bool {
    match face {
        Face::Consul if what == "PUT txn" => *status == 409 && body.contains("Permission denied"),
        Face::Consul => *status == 403 && body == "Permission denied",
        Face::Etcd => *status == 401,
    }
}

#[tokio::test]
async fn each_operation_needs_each_of_its_verbs_and_no_other() {
    for operation in OPERATIONS {
        let (face, what, body, verbs) = operation;
        let verbs: Vec<&str> = verbs.split(", ").collect();
        let gateway = with(&verbs.join(", ")).await;
        let answer = ask(&gateway, operation).await;
        assert!(
            !is_refused(face, what, &answer),
            "{what} {body}: {answer:?}"
        );
        assert!(answer.0 < 500, "{what} {body}: {answer:?}");
        for missing in &verbs {
            let mut others: Vec<&str> = verbs.clone();
            others.retain(|verb| verb != missing);
            // Whatever else is allowed.
            let all = [
                "read", "list", "watch", "create", "write", "cas", "delete", "lock",
            ];
            let all = all.map(|verb| format!("{verb:?}"));
            let needed = |verb: &String| !verbs.contains(&verb.as_str());
            // What allows a compare-and-swap as well.
            let implied = |verb: &String| {
                !(["\"cas\"", "\"write\""].contains(missing)
                    && ["\"cas\"", "\"write\""].contains(&verb.as_str()))
            };
            // A tree that may not be listed is not there; it is not refused then.
            if *missing == "\"list\"" && !what.starts_with("GET") && *what != "PUT txn" {
                continue;
            }
            let rest = all.iter().filter(|verb| needed(verb) && implied(verb));
            let given: Vec<&str> = others.into_iter().chain(rest.map(String::as_str)).collect();
            let gateway = with(&given.join(", ")).await;
            let before = gateway.state();
            let answer = ask(&gateway, operation).await;
            assert!(
                is_refused(face, what, &answer),
                "{what} {body} without {missing}: {answer:?}"
            );
            assert_eq!(gateway.state(), before, "{what} {body} without {missing}");
        }
    }
}

/// Whoever may only replace what it knows must not write blindly: the index that the transaction itself will make is no state that the
/// entry was in.
#[tokio::test]
async fn a_check_of_what_its_own_transaction_wrote_is_no_comparison() {
    for check in [
        r#"{"Verb":"check-index","Key":"a/there","Index":NEXT}"#,
        r#"{"Verb":"cas","Key":"a/there","Value":"Mw==","Index":NEXT}"#,
    ] {
        let gateway = with(r#""read", "cas""#).await;
        let before = gateway.state();
        let next = before["b"].1 + 1;
        let check = check.replace("NEXT", &next.to_string());
        let set = r#"{"Verb":"set","Key":"a/there","Value":"Mg=="}"#;
        let body = format!("[{{\"KV\":{set}}},{{\"KV\":{check}}}]");
        let answer = gateway.consul(ME, "PUT txn", &body).await;
        assert_eq!(answer.status, 409, "{body}: {}", answer.body);
        assert!(answer.body.contains("Permission denied"), "{}", answer.body);
        assert_eq!(gateway.state(), before, "{body}");
    }
}

#[tokio::test]
async fn nobody_but_those_who_are_named_may_do_anything() {
    let gateway = with(r#""all""#).await;
    let before = gateway.state();
    for who in ["", STRANGER, "somebody"] {
        for (face, what, body, _) in OPERATIONS {
            let answer = match face {
                Face::Consul => gateway.consul(who, what, body).await,
                Face::Etcd => gateway.etcd(who, what, body).await,
            };
            // Requests that are wrong in themselves are refused as such.
            let is_wrong = answer.status == 400 || answer.status == 500;
            let answer = (answer.status, answer.body);
            assert!(
                is_wrong || is_refused(face, what, &answer),
                "{who} {what}: {answer:?}"
            );
        }
        let made = gateway.consul(who, "PUT session/create", "{}").await;
        assert_eq!(made.status, 403);
    }
    assert_eq!(gateway.state(), before);
}

#[tokio::test]
async fn whoever_may_all_beneath_a_path_may_nothing_beside_it() {
    let gateway = with(r#""all""#).await;
    gateway.set("ab", "1").await;
    for what in [
        "GET kv/ab",
        "GET kv/b",
        "GET kv/b?keys",
        "PUT kv/ab",
        "PUT kv/a-b",
        "DELETE kv/?recurse",
        // A prefix in bytes takes `ab` in.
        "DELETE kv/a?recurse",
    ] {
        assert_eq!(gateway.consul(ME, what, "").await.status, 403, "{what}");
    }
    let listed = gateway.consul(ME, "GET kv/?keys", "").await;
    assert_eq!(listed.body, r#"["a/d/x","a/there"]"#);
    let whole = gateway.consul(ADMIN, "GET kv/?keys", "").await;
    assert_eq!(whole.body, r#"["a/d/x","a/there","ab","b"]"#);
}

#[tokio::test]
async fn sessions_are_their_makers_alone() {
    let gateway = with(r#""all""#).await;
    let theirs = gateway.session(ADMIN).await;
    for what in ["renew", "destroy"] {
        let path = format!("PUT session/{what}/{theirs}");
        assert_eq!(gateway.consul(ME, &path, "").await.status, 403, "{what}");
    }
    let lock = format!("PUT kv/a/lock?acquire={theirs}");
    assert_eq!(gateway.consul(ME, &lock, "").await.status, 403);
    let listed = gateway.consul(ME, "GET session/list", "").await;
    assert_eq!(listed.body, "[]");
    let own = gateway.session(ME).await;
    let listed = gateway.consul(ADMIN, "GET session/list", "").await;
    assert!(listed.body.contains(&own) && listed.body.contains(&theirs));
}

#[tokio::test]
async fn management_of_users_names_the_policy() {
    let gateway = with(r#""all""#).await;
    let acl = gateway.consul(ADMIN, "PUT acl/create", "{}").await;
    assert_eq!(acl.status, 501);
    assert!(acl.body.contains("--policy"), "{}", acl.body);
    let auth = gateway.etcd_path(ADMIN, "PUT", "/v2/auth/enable").await;
    assert_eq!(auth.status, 409);
    assert!(auth.body.contains("--policy"), "{}", auth.body);
}
