//! Open loops: latencies count from when operations were due, whatever the server does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kubekv::bench::measure::OperationRecord;
use kubekv::bench::operation::Operation;
use kubekv::bench::pace::Arrivals;
use kubekv::bench::run::{LoadOptions, Measured, Pace};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until};

use crate::fake::{ANSWER, Fake, read_request, write};
use crate::gateway::{load, measure, result};

/// How long the server answers nothing.
const HELD: Duration = Duration::from_millis(800);

/// 40 puts, 100 a second.
fn puts() -> LoadOptions {
    let mut puts = load("put=1");
    puts.pace = Pace::Open(100.0, Arrivals::Even);
    puts.clients = 2;
    puts.threads = 1;
    puts.duration = Duration::from_millis(395);
    puts
}

fn record(measured: &Measured) -> &OperationRecord {
    &measured.recorder.operations[&Operation::Put]
}

/// A server that answers nothing for a time after the first request, and everything at once then.
fn stalling() -> Fake {
    let first = Arc::new(OnceCell::new());
    Fake::start(move |mut stream| {
        let first = Arc::clone(&first);
        async move {
            while read_request(&mut stream).await.is_some() {
                let first: &Instant = first.get_or_init(|| async { Instant::now() }).await;
                sleep_until(*first + HELD).await;
                write(&mut stream, ANSWER).await;
            }
        }
    })
}

#[test]
fn a_stalled_server_delays_everything_that_was_due_meanwhile() {
    let server = stalling();
    let target = server.consul();
    let measured = measure(&target, puts());
    let record = record(&measured);
    // More is due than the two clients could send before the server goes on, and all of it counts.
    assert_eq!((record.answered, measured.not_sent), (40, 0));
    // None came before the end: the rate is that of a server that answered nothing.
    assert_eq!(record.after_end, 40);
    let put = &result(&target, &measured).operations["put"];
    assert_eq!((put.answered, put.per_second.to_bits()), (40, 0));
    let held_us = HELD.as_secs_f64() * 1e6;
    assert!(record.latency.max_us() >= held_us * 0.999);
    assert!(record.latency.quantile_us(0.5) >= held_us / 2.0);
    // Of the server's own time only the requests that it held have much.
    assert!(record.service.quantile_us(0.5) < held_us / 2.0);
    // The connections were busy: the client is not late.
    assert!(measured.client.lateness.quantile_us(0.5) < held_us / 4.0);
    assert!(measured.longest_gap >= HELD / 2);
}

#[test]
fn a_closed_loop_hides_the_stall_behind_what_it_did_not_send() {
    let server = stalling();
    let mut closed = puts();
    closed.pace = Pace::Closed;
    closed.duration = HELD * 2;
    let measured = measure(&server.consul(), closed);
    let record = record(&measured);
    assert!(record.latency.quantile_us(0.5) < HELD.as_secs_f64() * 1e6 / 2.0);
}

#[test]
fn warm_up_is_not_counted() {
    let requests = Arc::new(AtomicU64::new(0));
    let server = {
        let requests = Arc::clone(&requests);
        Fake::start(move |mut stream| {
            let requests = Arc::clone(&requests);
            async move {
                while read_request(&mut stream).await.is_some() {
                    requests.fetch_add(1, Ordering::Relaxed);
                    write(&mut stream, ANSWER).await;
                }
            }
        })
    };
    let mut warm = puts();
    warm.warm_up = Duration::from_millis(305);
    warm.duration = Duration::from_millis(300);
    let measured = measure(&server.consul(), warm);
    assert_eq!(record(&measured).answered, 30);
    assert_eq!(requests.load(Ordering::Relaxed), 61);
}

#[test]
fn operations_that_no_client_could_send_are_counted() {
    let server = Fake::start(|mut stream| async move {
        // Reads, and answers nothing.
        while read_request(&mut stream).await.is_some() {}
    });
    let mut stuck = puts();
    stuck.timeout = Duration::from_millis(150);
    let measured = measure(&server.consul(), stuck);
    let record = record(&measured);
    assert_eq!(record.answered, 0);
    assert!(record.failures["timeout"] > 0, "{:?}", record.failures);
    assert!(measured.not_sent > 0);
    assert_eq!(record.failed() + measured.not_sent, 40);
    assert!(measured.longest_gap >= Duration::from_millis(395));
}
