//! Keys with a TTL.

use std::time::Duration;

use super::inside::{Inside, event};

#[tokio::test(start_paused = true)]
async fn a_key_expires_at_its_ttl_and_not_before() {
    let face = Inside::new().await;
    face.ok("PUT /k ttl=2&value=1").await;
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    face.ok("GET /k").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(face.status_and_body("GET /k").await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn renewing_the_ttl_keeps_a_key() {
    let face = Inside::new().await;
    for _ in 0..6 {
        face.ok("PUT /docker/nodes/10.0.0.1:2376 ttl=60&value=10.0.0.1:2376")
            .await;
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    face.ok("GET /docker/nodes/10.0.0.1:2376").await;
    tokio::time::sleep(Duration::from_secs(41)).await;
    assert_eq!(
        face.status_and_body("GET /docker/nodes/10.0.0.1:2376")
            .await
            .0,
        404
    );
    face.ok("GET /docker/nodes").await;
}

#[tokio::test(start_paused = true)]
async fn expiry_is_an_event_with_the_last_value() {
    let face = Inside::new().await;
    face.ok("PUT /k ttl=1&value=1").await;
    let mut wait = face.watch("/k?wait=true").await;
    let end = event(&mut wait).await;
    assert_eq!(end["action"], "expire");
    assert_eq!(
        end["node"],
        serde_json::json!({"key": "/k", "modifiedIndex": 3, "createdIndex": 2})
    );
    assert_eq!(end["prevNode"]["value"], "1");
}

#[tokio::test(start_paused = true)]
async fn a_ttl_of_0_expires_at_once() {
    let face = Inside::new().await;
    let mut wait = face.watch("/k?wait=true&stream=true").await;
    let put = face.ok("PUT /k ttl=0&value=1").await;
    assert!(put["node"]["expiration"].is_string() && put["node"]["ttl"].is_null());
    assert_eq!(event(&mut wait).await["action"], "set");
    let before = tokio::time::Instant::now();
    assert_eq!(event(&mut wait).await["action"], "expire");
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_write_without_ttl_removes_the_ttl() {
    let face = Inside::new().await;
    for (key, form) in [
        ("/set", "PUT /set ttl=&value=2"),
        ("/update", "PUT /update?prevExist=true value=2"),
        ("/swap", "PUT /swap?prevValue=1 value=2"),
    ] {
        face.ok(&format!("PUT {key} ttl=1&value=1")).await;
        let put = face.ok(form).await;
        assert!(put["node"]["expiration"].is_null(), "{form}");
        assert_eq!(put["prevNode"]["ttl"], 1, "{form}");
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    for key in ["/set", "/update", "/swap"] {
        assert_eq!(face.ok(&format!("GET {key}")).await["node"]["value"], "2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_moves_the_deadline_and_wakes_no_watch() {
    let face = Inside::new().await;
    face.ok("PUT /k ttl=2&value=1").await;
    let mut wait = face.watch("/k?wait=true&waitIndex=3").await;
    for refresh in [
        "PUT /k?refresh=true ttl=2",
        "PUT /k?refresh=true&prevExist=true ttl=2",
        "PUT /k?refresh=true&prevValue=1 ttl=2",
    ] {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let refreshed = face.ok(refresh).await;
        assert_eq!(
            (&refreshed["node"]["value"], &refreshed["node"]["ttl"]),
            (&"1".into(), &2.into())
        );
    }
    // The first event is the expiry: the refreshes caused none. Only the first of them is stored.
    let end = event(&mut wait).await;
    assert_eq!(
        (&end["action"], &end["node"]["modifiedIndex"]),
        (&"expire".into(), &4.into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_directory_expires_with_its_subtree_in_one_event() {
    let face = Inside::new().await;
    face.ok("PUT /d?dir=true ttl=5").await;
    face.ok("PUT /d/x/y value=1").await;
    let mut tree = face.watch("/?wait=true&recursive=true&stream=true").await;
    let mut leaf = face.watch("/d/x/y?wait=true").await;
    let mut inner = face.watch("/d/x?wait=true").await;
    for watch in [&mut tree, &mut leaf, &mut inner] {
        let end = event(watch).await;
        assert_eq!(
            (&end["action"], &end["node"]["key"]),
            (&"expire".into(), &"/d".into())
        );
        assert_eq!(
            (&end["node"]["dir"], &end["prevNode"]["dir"]),
            (&true.into(), &true.into())
        );
    }
    assert_eq!(face.status_and_body("GET /d").await.0, 404);
    face.ok("PUT /next value=1").await;
    assert_eq!(
        event(&mut tree).await["node"]["key"],
        "/next",
        "there must be one event, not one for each node"
    );
}

#[tokio::test(start_paused = true)]
async fn the_ttl_of_a_directory_can_be_changed_and_removed() {
    let face = Inside::new().await;
    face.ok("PUT /d?dir=true ttl=2").await;
    face.ok("PUT /d/x value=1").await;
    let longer = face.ok("PUT /d?dir=true&prevExist=true ttl=9").await;
    assert_eq!(
        (&longer["action"], &longer["node"]["ttl"]),
        (&"update".into(), &9.into())
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    face.ok("GET /d/x").await;
    face.ok("PUT /d?dir=true&prevExist=true").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    face.ok("GET /d/x").await;
}

#[tokio::test]
async fn the_remaining_ttl_is_rounded_up_to_seconds() {
    let face = Inside::new().await;
    face.ok("PUT /k ttl=100&value=1").await;
    let node = &face.ok("GET /k").await["node"];
    assert_eq!(node["ttl"], 100);
    let end: jiff::Timestamp = node["expiration"].as_str().unwrap().parse().unwrap();
    let left = end.as_millisecond() - kubekv::model::time::unix_ms();
    assert!(left > 90_000 && left <= 100_000, "{left}");
}
