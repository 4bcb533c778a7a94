//! Parked polls: the writes that wake them, and their ends.

use std::convert::Infallible;
use std::time::Duration;

use kubekv::model::{Caller, Cause, Key};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::Gateway;
use super::inside::{Inside, event};

async fn watchers(gateway: &Gateway) -> u64 {
    let stats = gateway.ok("GET !/v2/stats/store").await;
    stats["watchers"].as_u64().unwrap()
}

async fn until_watchers(gateway: &Gateway, count: u64) {
    while watchers(gateway).await != count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_sends_one_line_for_each_change() {
    let gateway = Gateway::start().await;
    let mut stream = gateway
        .watch("/s?wait=true&recursive=true&stream=true")
        .await;
    for number in 1..=5 {
        gateway.ok(&format!("PUT /s/k value={number}")).await;
    }
    let mut text = String::new();
    while text.lines().count() < 5 {
        text += &stream.next().await.unwrap().unwrap();
    }
    for (number, line) in (1..).zip(text.lines()) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["node"]["value"], number.to_string());
    }
}

#[tokio::test]
async fn a_stream_from_a_past_index_continues_with_new_events() {
    let gateway = Gateway::start().await;
    for number in 1..=3 {
        gateway.ok(&format!("PUT /s/k value={number}")).await;
    }
    let mut stream = gateway
        .watch("/s/k?wait=true&stream=true&waitIndex=3")
        .await;
    gateway.ok("PUT /s/k value=4").await;
    for value in ["2", "3", "4"] {
        assert_eq!(stream.event().await["node"]["value"], value);
    }
}

#[tokio::test]
async fn a_write_to_an_unwatched_node_wakes_no_poll() {
    let gateway = Gateway::start().await;
    let mut file = gateway.watch("/a/b?wait=true").await;
    let mut dir = gateway.watch("/a?wait=true").await;
    let mut root = gateway.watch("/?wait=true&recursive=true").await;
    gateway.ok("PUT /_hidden/x value=1").await;
    gateway.ok("PUT /ab value=1").await;
    assert_eq!(root.event().await["node"]["key"], "/ab");
    gateway.ok("PUT /a/bc value=1").await;
    gateway.ok("PUT /a/b value=1").await;
    assert_eq!(file.event().await["node"]["key"], "/a/b");
    // A write inside a directory is no change of the directory; its deletion is.
    gateway.ok("DELETE /a?recursive=true").await;
    assert_eq!(dir.event().await["action"], "delete");
}

#[tokio::test]
async fn implied_parents_cause_no_events() {
    let gateway = Gateway::start().await;
    let mut stream = gateway
        .watch("/?wait=true&recursive=true&stream=true")
        .await;
    gateway.ok("PUT /p/q/r value=1").await;
    gateway.ok("PUT /end value=1").await;
    assert_eq!(stream.event().await["node"]["key"], "/p/q/r");
    assert_eq!(stream.event().await["node"]["key"], "/end");
}

#[tokio::test]
async fn a_recursive_delete_is_one_event_and_wakes_watches_in_the_subtree() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /d/x/y value=1").await;
    gateway.ok("PUT /d/z value=1").await;
    let mut above = gateway
        .watch("/?wait=true&recursive=true&stream=true")
        .await;
    let mut leaf = gateway.watch("/d/x/y?wait=true").await;
    let mut inner = gateway.watch("/d/x?wait=true&recursive=true").await;
    let mut beside = gateway.watch("/dx?wait=true").await;
    gateway.ok("DELETE /d?recursive=true").await;
    gateway.ok("PUT /dx value=1").await;
    for watch in [&mut above, &mut leaf, &mut inner] {
        let event = watch.event().await;
        assert_eq!(
            (&event["action"], &event["node"]["key"]),
            (&"delete".into(), &"/d".into())
        );
    }
    assert_eq!(above.event().await["node"]["key"], "/dx");
    assert_eq!(beside.event().await["node"]["key"], "/dx");
}

#[tokio::test]
async fn all_events_of_one_commit_have_its_index() {
    let gateway = Gateway::start().await;
    let mut stream = gateway
        .watch("/t?wait=true&recursive=true&stream=true")
        .await;
    gateway
        .space
        .commit(&Caller::System, |draft| {
            for key in ["t/a", "t/b"] {
                let key = Key::user(key);
                let record = draft.successor(&key);
                draft.put(&key, record);
            }
            Ok::<_, Infallible>(())
        })
        .await
        .unwrap();
    for key in ["/t/a", "/t/b"] {
        let event = stream.event().await;
        assert_eq!(
            (&event["node"]["key"], &event["node"]["modifiedIndex"]),
            (&key.into(), &2.into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_has_no_time_limit() {
    let face = Inside::new().await;
    let mut wait = face.watch("/k?wait=true").await;
    tokio::select! {
        biased;
        event = event(&mut wait) => panic!("an event without a change: {event}"),
        () = tokio::time::sleep(Duration::from_secs(3_600)) => {}
    }
    face.ok("PUT /k value=1").await;
    assert_eq!(event(&mut wait).await["action"], "set");
}

#[tokio::test]
async fn a_client_that_hangs_up_frees_its_poll() {
    let gateway = Gateway::start().await;
    let parked = gateway.watch("/k?wait=true").await;
    assert_eq!(watchers(&gateway).await, 1);
    drop(parked);
    until_watchers(&gateway, 0).await;
}

#[tokio::test]
async fn a_poll_ends_with_its_first_event() {
    let gateway = Gateway::start().await;
    let mut parked = gateway.watch("/k?wait=true").await;
    gateway.ok("PUT /k value=1").await;
    parked.event().await;
    assert!(parked.next().await.is_none());
    until_watchers(&gateway, 0).await;
}

#[tokio::test]
async fn at_shutdown_a_poll_with_an_index_ends_empty() {
    let gateway = Gateway::start().await;
    let mut parked = gateway.watch("/k?wait=true&waitIndex=7").await;
    gateway.stop();
    // Go's client then repeats the request with the same index.
    assert!(parked.next().await.is_none());
}

#[tokio::test]
async fn at_shutdown_a_poll_without_an_index_ends_with_an_error() {
    let gateway = Gateway::start().await;
    let mut parked = gateway.watch("/k?wait=true&waitIndex=0").await;
    let mut stream = gateway.watch("/k?wait=true&stream=true").await;
    gateway.stop();
    // A repeated poll would miss the changes in between: an error makes the client read the key again.
    assert!(parked.next().await.unwrap().is_err());
    assert!(stream.next().await.unwrap().is_err());
}

#[tokio::test]
async fn a_slow_stream_reader_is_disconnected_and_delays_no_other() {
    let gateway = Gateway::start().await;
    let mut slow = TcpStream::connect(gateway.address).await.unwrap();
    let request =
        b"GET /v2/keys/k?wait=true&stream=true HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    slow.write_all(request).await.unwrap();
    until_watchers(&gateway, 1).await;
    // Far more than the socket buffers hold: 8,000 events of 8 kB with the previous value.
    let value = "v".repeat(8_192);
    for _ in 0..8_000 {
        put_quietly(&gateway, &value).await;
    }
    let mut read = Vec::new();
    slow.read_to_end(&mut read).await.unwrap();
    let events = String::from_utf8(read)
        .unwrap()
        .matches("\"action\"")
        .count();
    assert!(events > 0 && events < 8_000, "{events}");
    until_watchers(&gateway, 0).await;
}

async fn put_quietly(gateway: &Gateway, value: &str) {
    let key = Key::user("k");
    gateway
        .space
        .commit(&Caller::System, |draft| {
            let mut record = draft.successor(&key);
            record.value = bytes::Bytes::copy_from_slice(value.as_bytes());
            draft.put(&key, record);
            draft.because(Cause::Set);
            Ok::<_, Infallible>(())
        })
        .await
        .unwrap();
    // The stream writes as long as the client's socket has buffer space.
    tokio::task::yield_now().await;
}
