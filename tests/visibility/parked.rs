//! Parked requests: they are answered or refused when the keys that their caller may see change.

use http_body_util::BodyExt;

use super::gateway::{Gateway, NODE, answered, is_parked};

#[tokio::test(start_paused = true)]
async fn a_blocking_query_for_a_key_ends_when_the_key_is_hidden() {
    let gateway = Gateway::start(Vec::new()).await;
    gateway.set("k", "1").await;
    let index = gateway.consul(NODE, "GET kv/k", "").await.index();
    let blocking = format!("GET kv/k?index={index}&wait=5m");
    let mut query = Box::pin(gateway.consul(NODE, &blocking, ""));
    assert!(is_parked(&mut query).await);
    gateway.guard.show(NODE, vec![("k", false)]);
    let answer = answered(query).await;
    let words = (answer.status, answer.body.as_str());
    assert_eq!(words, (403, "Permission denied"));
}

#[tokio::test(start_paused = true)]
async fn a_blocking_query_for_a_list_ends_when_its_visible_keys_change() {
    let gateway = Gateway::start(vec![("d/a", false)]).await;
    gateway.set("d/a", "1").await;
    gateway.set("d/b", "1").await;
    let mut shown = vec![r#"["d/b"]"#, r#"["d/a","d/b"]"#, r#"["d/a"]"#];
    shown.reverse();
    for prefixes in [vec![], vec![("d/b", false)]] {
        let before = gateway.consul(NODE, "GET kv/d/?keys", "").await;
        assert_eq!(before.body, shown.pop().unwrap());
        let blocking = format!("GET kv/d/?keys&index={}&wait=5m", before.index());
        let mut query = Box::pin(gateway.consul(NODE, &blocking, ""));
        assert!(is_parked(&mut query).await);
        // Changes of visibility elsewhere do not affect it.
        gateway.guard.show("other", vec![("d", false)]);
        assert!(is_parked(&mut query).await);
        gateway.guard.show(NODE, prefixes);
        assert_eq!(&answered(query).await.body, shown.last().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_ends_when_its_key_is_hidden_and_is_then_refused() {
    for (wait, breaks) in [("waitIndex=9", false), ("recursive=true", true)] {
        let gateway = Gateway::start(Vec::new()).await;
        gateway.set("d/k", "1").await;
        let what = format!("GET d?wait=true&{wait}");
        let response = gateway.etcd_response(NODE, &what, "").await;
        assert_eq!(response.status(), 200);
        let mut body = Box::pin(response.into_body().collect());
        assert!(is_parked(&mut body).await);
        gateway.guard.show(NODE, vec![("d", false)]);
        gateway.set("d/k", "2").await;
        match answered(body).await {
            // A poll that cannot resume ends with an error, so that its end is no answer.
            Err(_) => assert!(breaks, "{wait}"),
            Ok(read) => assert!(!breaks && read.to_bytes().is_empty(), "{wait}"),
        }
        assert_eq!(gateway.etcd(NODE, &what, "").await.status, 401);
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_follows_keys_that_become_visible() {
    let gateway = Gateway::start(vec![("d/a", false)]).await;
    gateway.set("d/a", "1").await;
    let mut poll = Box::pin(gateway.etcd(NODE, "GET d?wait=true&recursive=true", ""));
    assert!(is_parked(&mut poll).await);
    gateway.guard.show(NODE, vec![("d/b", false)]);
    assert!(is_parked(&mut poll).await);
    gateway.set("d/b", "1").await;
    assert!(
        is_parked(&mut poll).await,
        "woken by a change of a hidden key"
    );
    gateway.set("d/a", "2").await;
    assert_eq!(answered(poll).await.json()["node"]["key"], "/d/a");
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_key_hidden_before_delivery_is_not_sent() {
    let gateway = Gateway::start(Vec::new()).await;
    gateway.set("d/a", "1").await;
    let what = "GET d?wait=true&recursive=true&stream=true";
    let response = gateway.etcd_response(NODE, what, "").await;
    let mut body = response.into_body();
    let mut frame = Box::pin(body.frame());
    assert!(is_parked(&mut frame).await);
    // Both happen before the watch is polled again.
    gateway.set("d/a", "secret").await;
    gateway.guard.show(NODE, vec![("d/a", false)]);
    assert!(is_parked(&mut frame).await, "it was handed out");
    gateway.set("d/b", "2").await;
    let frame = answered(frame).await.unwrap().unwrap().into_data().unwrap();
    let text = String::from_utf8(frame.to_vec()).unwrap();
    assert!(text.contains("/d/b") && !text.contains("secret"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_blocking_query_for_a_hidden_key_does_not_wait() {
    let gateway = Gateway::start(vec![("k", false)]).await;
    let began = tokio::time::Instant::now();
    let refused = gateway.consul(NODE, "GET kv/k?index=1&wait=5m", "").await;
    assert_eq!(refused.status, 403);
    assert_eq!(began.elapsed(), std::time::Duration::ZERO);
}
