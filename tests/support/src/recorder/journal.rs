//! `Journal`: the records so far, in the order in which the requests were sent.

use std::time::Instant;

use parking_lot::Mutex;

use super::record::Record;

/// The longest answer that is kept.
const LONGEST_ANSWER: usize = 8 << 10;

/// An answer, as a record keeps it.
#[derive(Debug, Default)]
pub(super) struct Answered {
    pub(super) status: i32,
    pub(super) index: Option<i64>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) shim: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Inner {
    step: String,
    records: Vec<Record>,
    connections: u64,
}

/// The records of all connections.
#[derive(Debug)]
pub(super) struct Journal {
    began: Instant,
    inner: Mutex<Inner>,
}

fn rounded(number: f64) -> f64 {
    (number * 1e5).round() / 1e5
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            inner: Mutex::default(),
        }
    }

    /// The number of a new connection.
    pub(super) fn connection(&self) -> u64 {
        let mut inner = self.inner.lock();
        inner.connections += 1;
        inner.connections
    }

    pub(super) fn set_step(&self, step: &str) {
        step.clone_into(&mut self.inner.lock().step);
    }

    /// Seconds since the beginning.
    pub(super) fn now(&self) -> f64 {
        rounded(self.began.elapsed().as_secs_f64())
    }

    /// Adds a request that is about to be forwarded, and returns its number.
    pub(super) fn sent(&self, record: Record) -> usize {
        let mut inner = self.inner.lock();
        let record = Record {
            step: inner.step.clone(),
            t: self.now(),
            ..record
        };
        inner.records.push(record);
        inner.records.len() - 1
    }

    /// Completes a request whose answer is about to be forwarded.
    pub(super) fn answered(&self, number: usize, answer: Answered) {
        let mut inner = self.inner.lock();
        let (now, step) = (self.now(), inner.step.clone());
        let record = &mut inner.records[number];
        record.status = Some(answer.status);
        record.ms = Some(rounded((now - record.t) * 1e3));
        record.index = answer.index;
        record.answer = answer
            .body
            .filter(|body| !body.is_empty() && body.len() <= LONGEST_ANSWER)
            .map(|body| String::from_utf8_lossy(&body).into_owned());
        record.answered_in = (step != record.step).then_some(step);
        if let Some(shim) = answer.shim {
            record.shim = Some(shim.to_owned());
        }
    }

    /// Notes that a connection ended before the answer.
    pub(super) fn lost(&self, number: usize) {
        self.inner.lock().records[number].lost = true;
    }

    /// The target of a request.
    pub(super) fn target(&self, number: usize) -> String {
        self.inner.lock().records[number].target.clone()
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.inner.lock().records.clone()
    }
}
