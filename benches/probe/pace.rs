//! Closed and open loops: each client sends after its last answer, or requests are sent at a steady rate.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// A client that sends one request after another.
pub trait Sender: Send + 'static {
    /// Sends the next one, and waits for its answer.
    fn next(&mut self) -> impl Future<Output = ()> + Send;
}

/// The latencies of a run.
pub struct Measured {
    /// From the intended time of sending a request until its answer, in microseconds.
    pub times: Histogram<u64>,
    pub elapsed: Duration,
}

impl Measured {
    fn new() -> Self {
        Self {
            times: Histogram::new(3).unwrap(),
            elapsed: Duration::ZERO,
        }
    }

    fn note(&mut self, time: Duration) {
        self.times.record(micros(time)).unwrap();
    }

    pub fn print(&self) {
        println!(
            "{:.1} {} {}",
            self.times.len() as f64 / self.elapsed.as_secs_f64(),
            self.times.value_at_quantile(0.5),
            self.times.value_at_quantile(0.99)
        );
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap()
}

/// A closed loop: each client sends again after its answer.
pub async fn closed(senders: Vec<impl Sender>, lasts: Duration) -> Measured {
    let from = Instant::now();
    let mut running = JoinSet::new();
    for mut sender in senders {
        running.spawn(async move {
            let mut measured = Measured::new();
            while from.elapsed() < lasts {
                let sent = Instant::now();
                sender.next().await;
                measured.note(sent.elapsed());
            }
            measured
        });
    }
    all(running, from).await
}

/// An open loop: `rate` requests per second are due, whether or not others are answered; the next free client sends.
pub async fn open(senders: Vec<impl Sender>, rate: f64, lasts: Duration) -> Measured {
    let (due, waiting) = mpsc::unbounded_channel();
    let waiting = Arc::new(Mutex::new(waiting));
    let from = Instant::now();
    // A thread of its own: tokio's timers count milliseconds.
    std::thread::spawn(move || {
        for number in 0_u32.. {
            let at = Duration::from_secs_f64(f64::from(number) / rate);
            if at > lasts {
                break;
            }
            std::thread::sleep((from + at).saturating_duration_since(Instant::now()));
            if due.send(from + at).is_err() {
                break;
            }
        }
    });
    let mut running = JoinSet::new();
    for mut sender in senders {
        let waiting = Arc::clone(&waiting);
        running.spawn(async move {
            let mut measured = Measured::new();
            loop {
                let next = waiting.lock().await.recv().await;
                let Some(intended) = next else {
                    return measured;
                };
                sender.next().await;
                measured.note(intended.elapsed());
            }
        });
    }
    all(running, from).await
}

async fn all(mut running: JoinSet<Measured>, from: Instant) -> Measured {
    let mut sum = Measured::new();
    while let Some(one) = running.join_next().await {
        sum.times.add(&one.unwrap().times).unwrap();
    }
    sum.elapsed = from.elapsed();
    sum
}
