//! Hostile servers: whatever they send is a counted failure, in bounded time and memory.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use kubekv::bench::operation::Operation;
use kubekv::bench::run::{LoadOptions, Measured, Pace};
use kubekv::bench::target::LoadTarget;
use kubekv::config::SourceUrl;
use tokio::io::AsyncReadExt;

use crate::fake::{ANSWER, Fake, read_request, write};
use crate::gateway::{load, measure, target};

/// How long an operation may take.
const TIMEOUT: Duration = Duration::from_millis(300);

/// Longer than any of these loads takes.
const DEADLINE: Duration = Duration::from_secs(60);

fn short(mix: &str) -> LoadOptions {
    let mut short = load(mix);
    short.pace = Pace::Closed;
    short.clients = 2;
    short.threads = 1;
    short.fill = false;
    short.duration = Duration::from_millis(400);
    short.timeout = TIMEOUT;
    short
}

/// Measures on a thread of its own, and fails if that hangs.
fn measure_in_time(name: &str, target: &Arc<LoadTarget>, options: LoadOptions) -> Measured {
    let (sender, receiver) = mpsc::channel();
    let target = Arc::clone(target);
    std::thread::spawn(move || {
        // Nobody waits for one that hung.
        let _late = sender.send(measure(&target, options));
    });
    receiver
        .recv_timeout(DEADLINE)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The operations that were answered and those that failed.
fn counts(measured: &Measured) -> (u64, u64) {
    let records = measured.recorder.operations.values();
    records.fold((0, 0), |(answered, failed), record| {
        (answered + record.answered, failed + record.failed())
    })
}

/// Does something for all cases at the same time.
fn all_at_once<T: Send>(cases: Vec<T>, check: impl Fn(T) + Sync) {
    let check = &check;
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || check(case));
        }
    });
}

/// Cases with a server that ends the connection, and with one that holds it.
fn held_and_not<T: Clone>(cases: Vec<T>) -> Vec<(T, bool)> {
    let both = |case: T| [(case.clone(), false), (case, true)];
    cases.into_iter().flat_map(both).collect()
}

/// A server that sends these bytes after each request, and ends the connection unless it holds it.
fn sending(bytes: impl AsRef<[u8]> + Send + Sync + 'static, holds: bool) -> Fake {
    let bytes = Arc::new(bytes);
    Fake::start(move |mut stream| {
        let bytes = Arc::clone(&bytes);
        async move {
            let mut request = [0; 4096];
            while stream.read(&mut request).await.is_ok_and(|count| count > 0) {
                write(&mut stream, (*bytes).as_ref()).await;
                if !holds {
                    return;
                }
            }
        }
    })
}

fn gzip_head(length: usize) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 500 x\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n");
    head.into_bytes()
}

/// Answers that are none, by name.
fn answers() -> Vec<(&'static str, Vec<u8>)> {
    let text = |name, answer: &str| (name, answer.as_bytes().to_vec());
    let ok = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
    vec![
        text("nothing", ""),
        text("garbage", "\0\u{1}\u{2}garbage\r\n\r\n"),
        text("half a head", "HTTP/1.1 200 OK\r\nX-Consul"),
        text("no status", "HTTP/1.1 \r\n\r\n"),
        (
            "an endless head",
            ok(&format!("X: {}", "x".repeat(200_000))),
        ),
        ("endless headers", ok(&"X: x\r\n".repeat(10_000))),
        ("a negative length", ok("Content-Length: -1\r\n\r\n")),
        ("no length", ok("Content-Length: x\r\n\r\n")),
        (
            "the longest length",
            ok("Content-Length: 18446744073709551615\r\n\r\nx"),
        ),
        ("half a body", ok("Content-Length: 10\r\n\r\nhalf")),
        (
            "two lengths",
            ok("Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        ),
        (
            "the longest chunk",
            ok("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"),
        ),
        (
            "a negative chunk",
            ok("Transfer-Encoding: chunked\r\n\r\n-1\r\nx"),
        ),
        (
            "an endless chunk line",
            ok(&format!(
                "Transfer-Encoding: chunked\r\n\r\n1;{}",
                "x".repeat(9_000)
            )),
        ),
        (
            "a chunk without an end",
            ok("Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n"),
        ),
        (
            "interim responses",
            "HTTP/1.1 100 Continue\r\n\r\n".repeat(100).into_bytes(),
        ),
        text(
            "a refusal that is not gzip",
            "HTTP/1.1 500 x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        ),
        text(
            "a refusal of no text",
            "HTTP/1.1 500 x\r\nContent-Length: 4\r\n\r\n\u{1}\u{1b}[2",
        ),
        ("a refusal cut off", gzip_head(1_000_000)),
        text(
            "a redirection",
            "HTTP/1.1 307 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        ),
    ]
}

#[test]
fn answers_that_are_none_are_failures() {
    all_at_once(held_and_not(answers()), |((name, answer), holds)| {
        let server = sending(answer, holds);
        let measured = measure_in_time(name, &server.consul(), short("get=1,put=1,cas=1"));
        let (answered, failed) = counts(&measured);
        assert_eq!(answered, 0, "{name}");
        assert!(failed > 0, "{name}");
        let records = measured.recorder.operations.values();
        for failure in records.flat_map(|record| record.failures.keys()) {
            assert!(failure.len() < 300, "{name}: {failure}");
            assert!(!failure.contains(char::is_control), "{name}: {failure}");
        }
    });
}

#[test]
fn answers_that_are_none_of_etcd_are_failures() {
    let json = |body: &str| {
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\nX-Etcd-Index: 1\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let bodies = vec![
        "",
        "{",
        "[]",
        "{\"errorCode\":-1}",
        "{\"node\":{}}",
        "{}",
        "null",
    ];
    all_at_once(bodies, |body| {
        let server = sending(json(body), true);
        let url = SourceUrl::Etcd2(vec![server.address.to_string()]);
        let measured = measure_in_time(body, &target(&url), short("cas=1,lock=1"));
        let (_, failed) = counts(&measured);
        assert!(failed > 0, "{body}");
    });
}

#[test]
fn bytes_that_nobody_asked_for_are_no_answers() {
    // A second answer comes with each: it is not that of the next request.
    let refusal = b"HTTP/1.1 500 more\r\nContent-Length: 0\r\n\r\n";
    let server = sending([ANSWER, refusal].concat(), true);
    let measured = measure_in_time("twice", &server.consul(), short("put=1"));
    let (answered, failed) = counts(&measured);
    assert!(answered > 0);
    assert_eq!(failed, 0);
    // An answer before the first request.
    let server = Fake::start(|mut stream| async move {
        write(
            &mut stream,
            b"HTTP/1.1 500 early\r\nContent-Length: 0\r\n\r\n",
        )
        .await;
        while read_request(&mut stream).await.is_some() {
            write(&mut stream, ANSWER).await;
        }
    });
    let measured = measure_in_time("early", &server.consul(), short("put=1"));
    let (_, failed) = counts(&measured);
    assert!(failed > 0);
}

#[test]
fn slow_bytes_end_with_the_timeout() {
    let server = Fake::start(|mut stream| async move {
        while read_request(&mut stream).await.is_some() {
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
                .iter()
                .chain(&[b'x'; 1_000])
            {
                write(&mut stream, &[*byte]).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let measured = measure_in_time("slow", &server.consul(), short("get=1"));
    let record = &measured.recorder.operations[&Operation::Get];
    assert_eq!((record.answered, record.failures.len()), (0, 1));
    assert!(record.failures["timeout"] > 0);
}

#[test]
fn an_endless_body_costs_time_and_no_memory() {
    let head: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let server = Fake::start(move |mut stream| async move {
        let mut chunk = b"100000\r\n".to_vec();
        chunk.resize(chunk.len() + (1 << 20), b'x');
        chunk.extend_from_slice(b"\r\n");
        if read_request(&mut stream).await.is_some() {
            write(&mut stream, head).await;
            // Until the client goes.
            while tokio::io::AsyncWriteExt::write_all(&mut stream, &chunk)
                .await
                .is_ok()
            {}
        }
    });
    let measured = measure_in_time("endless", &server.consul(), short("get=1"));
    let record = &measured.recorder.operations[&Operation::Get];
    assert_eq!((record.answered, record.failures.len()), (0, 1));
    assert!(record.failures["timeout"] > 0);
}

#[test]
fn frames_that_are_none_of_zookeeper_are_failures() {
    // A session that is granted, then a reply.
    let session = |reply: &[u8]| {
        let mut frames = 37_i32.to_be_bytes().to_vec();
        frames.extend([
            0, 0, 0, 0, 0, 0, 0x75, 0x30, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 16,
        ]);
        frames.extend([1; 16]);
        frames.push(0);
        frames.extend(reply);
        frames
    };
    let reply = |xid: i32, length: i32| {
        let mut reply = length.to_be_bytes().to_vec();
        reply.extend(xid.to_be_bytes());
        reply.extend([0; 12]);
        reply
    };
    let cases = vec![
        ("a negative frame", (-1_i32).to_be_bytes().to_vec()),
        ("a huge frame", i32::MAX.to_be_bytes().to_vec()),
        ("an empty frame", vec![0; 4]),
        ("text", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("half a frame", session(&[])[..20].to_vec()),
        ("a negative reply", session(&reply(1, -5))),
        ("a huge reply", session(&reply(1, i32::MAX))),
        ("a reply to no request", session(&reply(77, 16))),
        ("a reply cut off", session(&reply(1, 60))),
        ("an event of nothing", session(&reply(-1, 16))),
    ];
    all_at_once(held_and_not(cases), |((name, bytes), holds)| {
        let server = sending(bytes, holds);
        let url = SourceUrl::ZooKeeper(vec![server.address.to_string()], String::new());
        let measured = measure_in_time(name, &target(&url), short("get=1,lock=1,list=1"));
        let (answered, failed) = counts(&measured);
        assert_eq!(answered, 0, "{name}");
        assert!(failed > 0, "{name}");
    });
}

#[test]
fn garbage_is_no_answer_of_etcd_3() {
    let cases = vec![
        &b""[..],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        &[0xff; 5_000],
    ];
    all_at_once(held_and_not(cases), |(bytes, holds)| {
        let server = sending(bytes, holds);
        let url = SourceUrl::Etcd3(vec![server.address.to_string()]);
        let measured = measure_in_time("garbage", &target(&url), short("get=1,put=1,lock=1"));
        let (answered, failed) = counts(&measured);
        assert_eq!(answered, 0);
        assert!(failed > 0);
    });
}
