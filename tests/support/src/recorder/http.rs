//! `HttpTap`: the requests of an HTTP connection, written into the journal as they pass.

use std::collections::VecDeque;
use std::sync::Arc;

use super::journal::{Answered, Journal};
use super::message::{Message, MessageReader};
use super::record::Record;
use super::tap::Tap;

/// A reader of both directions of a connection; the bytes are forwarded as they are.
#[derive(Debug)]
pub(super) struct HttpTap {
    journal: Arc<Journal>,
    host: String,
    conn: u64,
    requests: MessageReader,
    answers: MessageReader,
    /// Requests without an answer.
    waiting: VecDeque<usize>,
}

impl HttpTap {
    pub(super) fn new(journal: Arc<Journal>, host: String) -> Self {
        Self {
            conn: journal.connection(),
            journal,
            host,
            requests: MessageReader::of_requests(),
            answers: MessageReader::of_answers(),
            waiting: VecDeque::new(),
        }
    }

    fn request(&self, message: Message) -> usize {
        let body = String::from_utf8_lossy(&message.body).into_owned();
        self.journal.sent(Record {
            host: self.host.clone(),
            conn: self.conn,
            method: message.head.method,
            target: message.head.target,
            body: Some(body).filter(|body| !body.is_empty()),
            ..Record::default()
        })
    }
}

impl Tap for HttpTap {
    fn requests(&mut self, bytes: &[u8]) -> Vec<u8> {
        for message in self.requests.take(bytes) {
            let number = self.request(message);
            self.waiting.push_back(number);
        }
        bytes.to_vec()
    }

    fn answers(&mut self, bytes: &[u8]) -> Vec<u8> {
        for message in self.answers.take(bytes) {
            if message.head.status < 200 {
                continue;
            }
            let number = self.waiting.pop_front().expect("an answer to nothing");
            let answer = Answered {
                status: i32::from(message.head.status),
                index: message.head.index,
                body: Some(message.body),
                shim: None,
            };
            self.journal.answered(number, answer);
        }
        bytes.to_vec()
    }

    fn waits_for(&self, target: &str) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|number| self.journal.target(*number).contains(target))
    }
}

impl Drop for HttpTap {
    fn drop(&mut self) {
        for number in &self.waiting {
            self.journal.lost(*number);
        }
    }
}
