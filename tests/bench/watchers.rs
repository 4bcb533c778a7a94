//! Watchers: exactly those that a write concerns are woken, and others are noticed.

use std::sync::Arc;
use std::time::Duration;

use kubekv::bench::keys::KeyShape;
use kubekv::bench::measure::ServerProcesses;
use kubekv::bench::report::{LoadSummary, RunResult};
use kubekv::bench::target::LoadTarget;
use kubekv::bench::value::ValueShape;
use kubekv::bench::watch::{WatchKind, WatchMeasured, WatchOptions, measure};
use tokio::sync::watch;

use crate::fake::{ANSWER, Fake, read_request, write};
use crate::gateway::{Gateway, target};

const WATCHERS: u32 = 12;
const KEYS: u64 = 4;
const WRITES: u64 = 8;

fn options(kind: WatchKind) -> WatchOptions {
    WatchOptions {
        kind,
        watchers: WATCHERS,
        keys: KeyShape {
            prefix: "watched/".to_owned(),
            count: KEYS,
            per_directory: 0,
            width: 4,
        },
        value: ValueShape::Changing(100),
        rate: None,
        duration: Duration::from_secs(20),
        writes: WRITES,
        timeout: Duration::from_secs(20),
        settle: Duration::from_millis(200),
        server: ServerProcesses::default(),
    }
}

fn watched(target: &Arc<LoadTarget>, options: &WatchOptions) -> WatchMeasured {
    measure(target, options, &|_line| {}).unwrap()
}

/// All watchers of each key were woken by each write, and nobody else was.
fn exactly_those(measured: &WatchMeasured) {
    let seen = &measured.summary;
    let expected = WRITES * u64::from(WATCHERS) / KEYS;
    assert_eq!((seen.writes, seen.expected), (WRITES, expected));
    assert_eq!((seen.woken, seen.missed, seen.others), (expected, 0, 0));
    assert_eq!((seen.lost, measured.events.failed()), (0, 0));
    assert_eq!(measured.events.answered, expected);
    assert_eq!(measured.last_events.answered, WRITES);
    assert_eq!(measured.writes.answered, WRITES);
}

#[test]
fn blocking_queries_of_consul_end_for_their_key_only() {
    let gateway = Gateway::start();
    let [consul, _] = gateway.urls();
    exactly_those(&watched(&target(&consul), &options(WatchKind::Poll)));
}

#[test]
fn waits_of_etcd_end_for_their_key_only() {
    let gateway = Gateway::start();
    let [_, etcd] = gateway.urls();
    let mut rated = options(WatchKind::Poll);
    rated.rate = Some(20.0);
    exactly_those(&watched(&target(&etcd), &rated));
}

#[test]
fn streams_of_etcd_have_the_events_of_their_key_only() {
    let gateway = Gateway::start();
    let [_, etcd] = gateway.urls();
    let measured = watched(&target(&etcd), &options(WatchKind::Stream));
    exactly_those(&measured);
    let result = RunResult::of_watchers(String::new(), LoadSummary::default(), &measured);
    assert_eq!(result.watch, Some(measured.summary));
    assert_eq!(result.operations["last event"].answered, WRITES);
}

#[test]
fn streams_of_consul_are_refused() {
    let gateway = Gateway::start();
    let [consul, _] = gateway.urls();
    let refused = measure(&target(&consul), &options(WatchKind::Stream), &|_line| {}).unwrap_err();
    assert!(refused.to_string().contains("use poll"), "{refused}");
}

/// A Consul whose blocking queries end with every write of any key, or of any but their own; the index of a write is by
/// `index`.
fn waking(own: bool, index: impl Fn(u64) -> u64 + Copy + Send + Sync + 'static) -> Fake {
    let (writes, seen) = watch::channel((1_u64, String::new()));
    let writes = Arc::new(writes);
    Fake::start(move |mut stream| {
        let (writes, mut seen) = (Arc::clone(&writes), seen.clone());
        async move {
            while let Some(head) = read_request(&mut stream).await {
                let path = head.split(['?', ' ']).nth(1).unwrap();
                if head.starts_with("PUT ") {
                    writes.send_modify(|(count, last)| {
                        *count += 1;
                        path.clone_into(last);
                    });
                    write(&mut stream, ANSWER).await;
                    continue;
                }
                let number = |text: &str| text.split(['&', ' ']).next()?.parse::<u64>().ok();
                let after = head.split("index=").nth(1).and_then(number);
                let wakes = |(count, last): &(u64, String)| match after {
                    Some(after) => index(*count) != after && (own || last != path),
                    None => true,
                };
                let count = seen.wait_for(wakes).await.unwrap().0;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nX-Consul-Index: {}\r\nContent-Length: 2\r\n\r\n[]",
                    index(count)
                );
                write(&mut stream, answer.as_bytes()).await;
            }
        }
    })
}

#[test]
fn watchers_of_other_keys_do_not_pass_for_those_that_a_write_concerns() {
    let server = waking(false, |count| count);
    let mut short = options(WatchKind::Poll);
    (short.writes, short.timeout) = (1, Duration::from_millis(500));
    let seen = watched(&server.consul(), &short).summary;
    let expected = u64::from(WATCHERS) / KEYS;
    assert_eq!((seen.woken, seen.missed), (0, expected));
    assert_eq!(seen.others, u64::from(WATCHERS) - expected);
}

#[test]
fn watchers_that_are_woken_for_nothing_are_counted() {
    let server = waking(true, |count| count);
    let seen = watched(&server.consul(), &options(WatchKind::Poll)).summary;
    let expected = WRITES * u64::from(WATCHERS) / KEYS;
    assert_eq!((seen.woken, seen.missed, seen.lost), (expected, 0, 0));
    assert!(seen.others > 0, "{seen:?}");
}

#[test]
fn an_index_that_goes_backwards_is_a_failure_of_the_watcher() {
    let server = waking(true, |count| 1_000 - count);
    let mut short = options(WatchKind::Poll);
    (short.watchers, short.keys.count, short.writes) = (3, 1, 1);
    short.timeout = Duration::from_millis(500);
    let measured = watched(&server.consul(), &short);
    assert_eq!((measured.summary.lost, measured.summary.missed), (3, 3));
    let failures = &measured.events.failures;
    assert_eq!(failures["bad answer: X-Consul-Index goes backwards"], 3);
}
