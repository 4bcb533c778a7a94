//! libkv's lock: a key with a TTL that one client creates, renews and deletes, and others wait for.

use std::time::Duration;

use kubekv::model::time::unix_ms;

use super::inside::{Inside, event};

#[tokio::test]
async fn a_refused_lock_names_the_index_to_wait_after() {
    let face = Inside::new().await;
    face.ok("PUT /lock?prevExist=false ttl=20&value=a").await;
    face.ok("PUT /other value=1").await;
    let (status, refused) = face
        .status_and_body("PUT /lock?prevExist=false ttl=20&value=b")
        .await;
    assert_eq!(
        (status, &refused["errorCode"], &refused["index"]),
        (412, &105.into(), &3.into())
    );
    let mut wait = face.watch("/lock?wait=true&waitIndex=4").await;
    face.ok("DELETE /lock?prevIndex=2").await;
    assert_eq!(event(&mut wait).await["action"], "compareAndDelete");
    face.ok("PUT /lock?prevExist=false ttl=20&value=b").await;
}

#[tokio::test(start_paused = true)]
async fn a_renewed_lock_is_kept_and_an_abandoned_one_expires() {
    let face = Inside::new().await;
    let mut held = face.ok("PUT /lock?prevExist=false ttl=3&value=a").await;
    let mut wait = face.watch("/lock?wait=true&waitIndex=3&stream=true").await;
    let mut written_ms = 0;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        written_ms = unix_ms();
        let at = held["node"]["modifiedIndex"].as_u64().unwrap();
        held = face
            .ok(&format!("PUT /lock?prevIndex={at} ttl=3&value=a"))
            .await;
        assert_eq!(event(&mut wait).await["action"], "compareAndSwap");
    }
    let left = tokio::time::Instant::now();
    let end = event(&mut wait).await;
    assert_eq!(end["action"], "expire");
    assert_eq!(end["prevNode"]["value"], "a");
    // The deadline is on the wall clock, which advances while tokio's clock is paused.
    let on_the_wall = u64::try_from(unix_ms() - written_ms).unwrap();
    let lasted = left.elapsed() + Duration::from_millis(on_the_wall);
    assert!(
        lasted >= Duration::from_secs(3) && lasted < Duration::from_secs(5),
        "{lasted:?}"
    );
}
