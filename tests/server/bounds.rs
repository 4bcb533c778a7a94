//! Limits of a server: it refuses requests and connections beyond them, and other clients are not affected.

use std::time::Duration;

use kubekv::face::http::HttpLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::harness::{ANSWERED, CONNECTIONS, Harness, IN_FLIGHT, get_once, rest};

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_counted() {
    let server = Harness::start(HttpLimits::default(), 2).await;
    let first = server.send("").await;
    let _second = server.send("").await;
    server.wait_for(CONNECTIONS, 2).await;
    assert_eq!(server.ask(&get_once("/")).await, "");
    assert_eq!(
        server.metric("face_connections_refused_total{face=\"test\",reason=\"total\"}"),
        1
    );
    drop(first);
    server.wait_for(CONNECTIONS, 1).await;
    assert!(server.ask(&get_once("/")).await.ends_with("ok"));
}

#[tokio::test]
async fn a_slow_head_closes_its_connection_and_an_idle_connection_stays() {
    let limits = HttpLimits {
        head: SHORT,
        ..HttpLimits::default()
    };
    let server = Harness::start(limits, 10).await;
    let _silent = server.send("").await;
    let mut kept = server.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut answer = [0; 5];
    kept.read_exact(&mut answer).await.unwrap();
    let mut parked = server.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.wait_for(IN_FLIGHT, 1).await;

    assert_eq!(server.ask("GET / HTTP/1.1\r\nHost: ").await, "");
    assert_eq!(server.ask("G").await, "");
    // The other connections stay open, though the same time has passed for them.
    assert_eq!(server.metric(CONNECTIONS), 3);
    kept.write_all(get_once("/").as_bytes()).await.unwrap();
    assert!(rest(&mut kept).await.ends_with("ok"));
    server.release.notify_one();
    parked.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/");
}

#[tokio::test]
async fn each_request_on_a_connection_has_its_own_timeout() {
    let limits = HttpLimits {
        head: SHORT,
        ..HttpLimits::default()
    };
    let server = Harness::start(limits, 10).await;
    let mut kept = server.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.wait_for(ANSWERED, 1).await;
    kept.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let answers = rest(&mut kept).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 1, "{answers}");
}

#[tokio::test]
async fn a_stalled_body_fails() {
    let limits = HttpLimits {
        body_pause: SHORT,
        ..HttpLimits::default()
    };
    let server = Harness::start(limits, 10).await;
    let head = "PUT /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345";
    let answer = server.ask(head).await;
    assert!(
        answer.contains("broken: the body of the request did not come in time"),
        "{answer}"
    );
    server.wait_for(CONNECTIONS, 0).await;
    assert!(server.ask(&get_once("/")).await.ends_with("ok"));
}

#[tokio::test]
async fn a_client_that_hangs_up_frees_its_parked_poll() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let parked = server.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.wait_for(IN_FLIGHT, 1).await;
    drop(parked);
    server.wait_for(IN_FLIGHT, 0).await;
    server.wait_for(CONNECTIONS, 0).await;
    assert_eq!(
        server.metric("face_requests_total{face=\"test\",method=\"GET\",status=\"gone\"}"),
        1
    );
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_disconnected() {
    let limits = HttpLimits {
        write_pause: SHORT,
        ..HttpLimits::default()
    };
    let server = Harness::start(limits, 10).await;
    let slow = server.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.wait_for(ANSWERED, 1).await;
    assert!(server.ask(&get_once("/")).await.ends_with("ok"));
    server.wait_for(CONNECTIONS, 0).await;
    drop(slow);
}

#[tokio::test]
async fn headers_are_limited_in_size_and_number() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let field = "x".repeat((1 << 20) + (4 << 10));
    let answer = server
        .ask(&format!("GET / HTTP/1.1\r\nHost: x\r\nX: {field}\r\n\r\n"))
        .await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(
        answer.ends_with("431 Request Header Fields Too Large"),
        "{answer}"
    );
    let many = "X: 1\r\n".repeat(4_096);
    let answer = server
        .ask(&format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"))
        .await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let some = "X: 1\r\n".repeat(1_000);
    let request = get_once("/").replace("Host", &format!("{some}Host"));
    assert!(server.ask(&request).await.ends_with("ok"));
    // A value of nearly 1 MB in the query, as `etcdctl set --swap-with-value` has.
    let path = format!("/?{}", "%61".repeat(340_000));
    assert!(server.ask(&get_once(&path)).await.ends_with("ok"));
}

#[tokio::test]
async fn long_heads_wait_for_permits_and_short_ones_do_not() {
    let limits = HttpLimits {
        long_heads: 1,
        ..HttpLimits::default()
    };
    let server = Harness::start(limits, 10).await;
    let long = "x".repeat(100_000);
    let held = get_once(&format!("/held?{long}"));
    let mut first = server.send(&held).await;
    server.wait_for(IN_FLIGHT, 1).await;
    let mut second = server.send(&get_once(&format!("/?{long}"))).await;
    assert!(server.ask(&get_once("/")).await.ends_with("ok"));
    let early = tokio::time::timeout(SHORT, rest(&mut second)).await;
    assert!(
        early.is_err(),
        "the head did not wait for a permit: {early:?}"
    );
    server.release.notify_one();
    assert!(rest(&mut first).await.ends_with("released"));
    assert!(rest(&mut second).await.ends_with("ok"));
}

#[tokio::test]
async fn long_heads_of_one_client_leave_permits_to_others() {
    let limits = HttpLimits {
        long_heads: 4,
        ..HttpLimits::default()
    };
    let server = Harness::start(limits, 10).await;
    let long = "x".repeat(100_000);
    let held = get_once(&format!("/held?{long}"));
    let mut greedy = Vec::new();
    for _ in 0..4 {
        greedy.push(server.send(&held).await);
    }
    server.wait_for(IN_FLIGHT, 1).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(server.address).await.unwrap();
    let asks = get_once(&format!("/?{long}"));
    other.write_all(asks.as_bytes()).await.unwrap();
    assert!(rest(&mut other).await.ends_with("ok"));
    drop(greedy);
    server.wait_for(CONNECTIONS, 0).await;
}

#[tokio::test]
async fn bytes_that_are_not_http_are_refused() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    for bytes in [
        "\0\0\0\0\r\n\r\n",
        "hello\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}\r\n\r\n",
    ] {
        let answer = server.ask(bytes).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 ") || answer.is_empty(),
            "{answer}"
        );
    }
    assert!(server.ask(&get_once("/")).await.ends_with("ok"));
    server.wait_for(CONNECTIONS, 0).await;
}

#[tokio::test]
async fn a_panic_closes_only_its_connection_and_is_counted() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    assert_eq!(server.ask(&get_once("/panic")).await, "");
    server.wait_for("face_panics_total{face=\"test\"}", 1).await;
    assert!(server.ask(&get_once("/")).await.ends_with("ok"));
    server.wait_for(IN_FLIGHT, 0).await;
    server.wait_for(CONNECTIONS, 0).await;
}

#[tokio::test]
async fn unknown_methods_share_one_series() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    for method in ["FOO", "BAR"] {
        let request = get_once("/").replace("GET", method);
        assert!(server.ask(&request).await.starts_with("HTTP/1.1 405 "));
    }
    let name = "face_requests_total{face=\"test\",method=\"other\",status=\"405\"}";
    server.wait_for(name, 2).await;
}
