//! Requests and answers on one connection: order, and end of the connection.

use std::time::Duration;

use axum::body::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kubekv::face::http::HttpLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{CONNECTIONS, Harness, IN_FLIGHT, get_once, rest};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// Reads an answer whose body ends with this text.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut answer = String::new();
    let mut buffer = [0; 4096];
    while !answer.ends_with(end) {
        let read = stream.read(&mut buffer).await.unwrap();
        assert_ne!(read, 0, "closed after {answer:?}");
        answer.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    answer
}

#[tokio::test]
async fn headers_are_spelled_as_go_spells_them() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let answer = server.ask(&get_once("/")).await;
    let names: Vec<&str> = answer
        .lines()
        .skip(1)
        .map_while(|line| line.split_once(": ").map(|(name, _)| name))
        .collect();
    for name in ["Content-Type", "Content-Length", "Date", "Connection"] {
        assert!(names.contains(&name), "{answer}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let put = "PUT /length HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    let chunked =
        "PUT /pieces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n";
    let all = format!("{GET}{put}{chunked}{GET}{}", get_once("/length"));
    let answer = server.ask(&all).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 5, "{answer}");
    let bodies: Vec<&str> = answer
        .split("\r\n\r\n")
        .skip(1)
        .map(|text| text.split("HTTP/1.1").next().unwrap())
        .collect();
    assert_eq!(bodies[..2], ["ok", "3"]);
    assert!(
        answer.contains("\r\n\r\n2\r\nde\r\n0\r\n\r\nHTTP/1.1"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\n0"), "{answer}");
}

#[tokio::test]
async fn an_unread_body_keeps_the_connection_up_to_a_limit() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    for length in [0, 24_000, 200_000] {
        let body = "x".repeat(length);
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        let both = server.ask(&format!("{head}{body}{}", get_once("/"))).await;
        assert_eq!(both.matches("\r\n\r\nok").count(), 2, "{length}: {both}");
        assert_eq!(both.matches("Connection: close").count(), 1, "{length}");
    }
    let length = 4 << 20;
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
    let answer = server.ask(&format!("{head}{}", "x".repeat(length))).await;
    assert!(answer.ends_with("ok"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn a_client_that_sends_slowly_still_gets_its_answer() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let mut stream = server
        .send("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        .await;
    let answer = read_until(&mut stream, "ok").await;
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    // The client may keep sending: no reset discards the answer.
    for _ in 0..10 {
        stream.write_all(&vec![b'x'; 100_000]).await.unwrap();
    }
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn continue_is_sent_only_when_the_face_reads_the_body() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let head = "HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let mut wanted = server.send(&format!("PUT /length {head}")).await;
    assert_eq!(
        read_until(&mut wanted, "\r\n\r\n").await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    wanted.write_all(b"abc").await.unwrap();
    assert!(
        read_until(&mut wanted, "3")
            .await
            .starts_with("HTTP/1.1 200")
    );
    let unwanted = server.ask(&format!("GET / {head}")).await;
    assert!(unwanted.starts_with("HTTP/1.1 200"), "{unwanted}");
    assert!(unwanted.contains("Connection: close"), "{unwanted}");
    let other = head.replace("100-continue", "more");
    let refused = server.ask(&format!("PUT /length {other}")).await;
    assert!(refused.starts_with("HTTP/1.1 417 "), "{refused}");
}

#[tokio::test]
async fn a_half_closed_client_gets_its_answer() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let mut stream = server.send(GET).await;
    stream.shutdown().await.unwrap();
    assert!(rest(&mut stream).await.ends_with("ok"));
    // The only answer to an incomplete request is a refusal.
    let mut half = server.send("GET / HT").await;
    half.shutdown().await.unwrap();
    assert!(rest(&mut half).await.starts_with("HTTP/1.1 400 "));
    server.wait_for(CONNECTIONS, 0).await;
}

#[tokio::test]
async fn a_poll_ends_when_its_client_hangs_up_behind_unread_bytes() {
    let limits = HttpLimits {
        half_closed: Duration::from_millis(10),
        ..HttpLimits::default()
    };
    let server = Harness::start(limits, 100).await;
    let held = "GET /held HTTP/1.1\r\nHost: x\r\n\r\n";
    for (count, behind) in [1, 4_096, 65_536, 200_000].into_iter().enumerate() {
        let mut poll = server.send(held).await;
        server.wait_for(IN_FLIGHT, 1).await;
        poll.write_all(&vec![b'x'; behind]).await.unwrap();
        if count % 2 == 0 {
            drop(poll);
        } else {
            // A reset instead of a regular close.
            socket2::SockRef::from(&poll)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
            drop(poll);
        }
        server.wait_for(IN_FLIGHT, 0).await;
        server.wait_for(CONNECTIONS, 0).await;
    }
}

#[tokio::test]
async fn http_1_0_keeps_a_connection_only_on_request() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let answer = server.ask("GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(
        answer.ends_with("ok") && !answer.contains("Connection"),
        "{answer}"
    );
    let kept = "HTTP/1.0\r\nConnection: keep-alive\r\n";
    let both = format!("GET / {kept}\r\nPUT /pieces {kept}Content-Length: 2\r\n\r\nab");
    let answers = server.ask(&both).await;
    let (first, second) = answers.split_once("ok").unwrap();
    assert!(first.contains("\r\nConnection: keep-alive\r\n"), "{first}");
    // Only the end of the connection ends this body.
    assert!(!second.contains("keep-alive"), "{second}");
    assert!(second.ends_with("\r\n\r\nab"), "{second}");
}

#[tokio::test]
async fn a_body_is_never_parsed_as_a_request() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let inner = "GET /length HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = inner.len();
    let chunk = format!("{length:x}\r\n{inner}\r\n0\r\n\r\n");
    for target in ["*", "/", "/nowhere"] {
        for method in ["OPTIONS", "GET", "PUT"] {
            let head = format!("{method} {target} HTTP/1.1\r\nHost: x\r\n");
            for request in [
                format!("{head}Content-Length: {length}\r\n\r\n{inner}"),
                format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}"),
                format!("{head}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n{inner}"),
            ] {
                let answers = server.ask(&format!("{request}{}", get_once("/"))).await;
                let heads = answers.matches("HTTP/1.1 ").count();
                let count = heads - answers.matches("100 Continue").count();
                assert!(count <= 2, "{request}: {answers}");
                assert!(!answers.ends_with("\r\n\r\n0"), "{request}: {answers}");
            }
        }
    }
}

#[tokio::test]
async fn head_answers_have_the_length_of_the_body_they_omit() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let both = format!("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n{}", get_once("/"));
    let answers = server.ask(&both).await;
    let lengths = answers.matches("Content-Length: 2\r\n").count();
    assert_eq!(lengths, 2, "{answers}");
    assert_eq!(answers.matches("\r\n\r\nok").count(), 1, "{answers}");
}

#[tokio::test]
async fn every_request_before_a_half_close_is_answered() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    // More than is read ahead.
    let body = "x".repeat(5_000);
    let put = format!("PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{body}");
    let mut stream = server.send(&put.repeat(50)).await;
    stream.shutdown().await.unwrap();
    let answers = rest(&mut stream).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 50);
}

#[tokio::test]
async fn a_line_break_after_a_form_is_ignored() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let post = "POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    let answers = server.ask(&format!("{post}\r\n{}", get_once("/"))).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    let put = post.replace("POST", "PUT");
    let answers = server.ask(&format!("{put}\r\n{}", get_once("/"))).await;
    assert!(answers.contains("HTTP/1.1 400 "), "{answers}");
}

#[tokio::test]
async fn http_1_0_clients_get_no_100_continue() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let put = "PUT /length HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc";
    let answer = server.ask(put).await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn options_of_the_server_is_answered_as_go_does() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let options = server.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").await;
    drop(options);
    let both = format!("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n{}", get_once("/"));
    let answers = server.ask(&both).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    let answer = server.ask("GET * HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn grpc_calls_are_refused_with_the_message_of_the_face() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut calls, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        let call = Request::post("http://x/etcdserverpb.KV/Range")
            .header("content-type", "application/grpc")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let answer = calls.send_request(call).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["grpc-status"], "12");
        assert_eq!(answer.headers()["grpc-message"], "no gRPC here");
        assert!(
            answer
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes()
                .is_empty()
        );
    }
    drop(calls);
    server.wait_for(CONNECTIONS, 0).await;
    // An incomplete preface is no request.
    let half = server.ask("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await;
    assert!(!half.contains("200 OK"), "{half}");
}
