//! Encoded lists are shared among callers who may see the same, and among no others.

use super::gateway::{ADMIN, Gateway, NODE};

#[tokio::test]
async fn no_list_is_handed_to_a_caller_who_sees_less_of_it() {
    let gateway = Gateway::start(vec![("d/secret", false)]).await;
    gateway
        .guard
        .show("less", vec![("d/", false), ("d/open", true)]);
    for key in ["d/open", "d/other", "d/secret"] {
        gateway.set(key, "1").await;
    }
    let all = ["d/open", "d/other", "d/secret"];
    // In turn, so that each finds what the one before it left.
    for (who, sees) in [
        (ADMIN, 3),
        (NODE, 2),
        ("less", 1),
        (NODE, 2),
        (ADMIN, 3),
        ("less", 1),
    ] {
        let consul = gateway.consul(who, "GET kv/d/?recurse", "").await.body;
        let etcd = gateway.etcd(who, "GET d?recursive=true", "").await.body;
        for (place, key) in all.iter().enumerate() {
            let shown = place < sees;
            assert_eq!(consul.contains(&format!("\"{key}\"")), shown, "{who} {key}");
            assert_eq!(etcd.contains(&format!("\"/{key}\"")), shown, "{who} {key}");
        }
    }
}
