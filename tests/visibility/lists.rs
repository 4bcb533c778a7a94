//! Cache of encoded lists: shared only among callers who may see the same keys.

use super::gateway::{ADMIN, Gateway, NODE};

#[tokio::test]
async fn no_cached_list_is_sent_to_a_caller_who_may_see_less() {
    let gateway = Gateway::start(vec![("d/secret", false)]).await;
    gateway
        .guard
        .show("less", vec![("d/", false), ("d/open", true)]);
    for key in ["d/open", "d/other", "d/secret"] {
        gateway.set(key, "1").await;
    }
    let all = ["d/open", "d/other", "d/secret"];
    // In turn, so that each caller finds the list cached for the one before.
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
