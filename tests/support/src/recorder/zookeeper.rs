//! `ZooKeeperTap`: the requests of a ZooKeeper connection, written into the journal as they pass.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::BytesMut;
use kubekv::wire::zookeeper::{
    ChildrenReply, DataReply, JuteReader, JuteRecord, JuteWriter, Malformed, ReplyHeader,
    RequestHeader, Stat, take_frame, xid,
};

use super::journal::{Answered, Journal};
use super::record::Record;
use super::shim::{LISTED, Shim};
use super::tap::Tap;

/// The longest frame that is expected.
const LONGEST: usize = 16 << 20;

/// The operations by number.
const OPERATIONS: [(i32, &str); 10] = [
    (1, "create"),
    (2, "delete"),
    (3, "exists"),
    (4, "getData"),
    (5, "setData"),
    (9, "sync"),
    (11, "ping"),
    (12, "getChildren2"),
    (14, "multi"),
    (101, "setWatches"),
];

/// The kinds of events by number.
const EVENTS: [&str; 5] = ["none", "created", "deleted", "data", "children"];

/// A request without an answer.
#[derive(Debug)]
struct Waiting {
    xid: i32,
    number: usize,
    method: &'static str,
    path: String,
}

/// A reader of both directions of a connection.
#[derive(Debug)]
pub(super) struct ZooKeeperTap {
    journal: Arc<Journal>,
    host: String,
    conn: u64,
    requests: BytesMut,
    answers: BytesMut,
    /// Whether the client's and the server's first frames have passed.
    connected: [bool; 2],
    waiting: VecDeque<Waiting>,
    shim: Option<Shim>,
}

fn frame(body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len()).unwrap();
    [&length.to_be_bytes(), body].concat()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl ZooKeeperTap {
    pub(super) fn new(journal: Arc<Journal>, host: String, shim: bool) -> Self {
        Self {
            conn: journal.connection(),
            journal,
            host,
            requests: BytesMut::new(),
            answers: BytesMut::new(),
            connected: [false; 2],
            waiting: VecDeque::new(),
            shim: shim.then(Shim::default),
        }
    }

    fn record(&self, method: &str) -> Record {
        Record {
            host: self.host.clone(),
            conn: self.conn,
            method: method.to_owned(),
            ..Record::default()
        }
    }

    fn connect(&mut self, body: &[u8]) -> Result<(), Malformed> {
        let mut from = JuteReader::new(body);
        let (_version, last_zxid, timeout) = (from.int()?, from.long()?, from.int()?);
        let session = from.long()?;
        let resumed = if session == 0 { "new" } else { "resumed" };
        let seen = if last_zxid == 0 { "" } else { " lastZxid" };
        let record = Record {
            body: Some(format!(
                "timeout={timeout} {resumed}{seen} len={}",
                body.len()
            )),
            ..self.record("connect")
        };
        let number = self.journal.sent(record);
        self.waiting.push_back(Waiting {
            xid: 0,
            number,
            method: "connect",
            path: String::new(),
        });
        Ok(())
    }

    /// Records a request, and returns what to send on.
    fn request(&mut self, body: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut from = JuteReader::new(body);
        let header = RequestHeader::read(&mut from)?;
        let known = OPERATIONS.iter().find(|(number, _)| *number == header.op);
        let method = match (known, header.op) {
            (Some((_, name)), _) => name,
            (None, -11) => "closeSession",
            (None, op) => panic!("operation {op} is new to the recorder"),
        };
        let mut record = self.record(method);
        let mut sent = body.to_vec();
        if matches!(header.op, 1..=5 | 9 | 12) {
            record.target = from.text()?.into_owned();
            let rest = from.rest();
            match header.op {
                1 => {
                    record.body = Some(text(from.buffer()?));
                    from.vector(|from| Ok((from.int()?, from.text()?, from.text()?)))?;
                    record.flags = Some(from.int()?);
                }
                2 => record.version = Some(from.int()?),
                3 | 4 | 12 => record.watch = Some(from.bool()?),
                5 => {
                    record.body = Some(text(from.buffer()?));
                    record.version = Some(from.int()?);
                }
                _ => {}
            }
            if let Some(shim) = &self.shim {
                sent = shimmed(shim, header, &mut record, rest).unwrap_or(sent);
            }
        } else if !from.rest().is_empty() {
            record.body = Some(format!("{} bytes", from.rest().len()));
        }
        // The path that the server sees.
        let path = Shim::child_of_doubled(&record.target).filter(|_| self.shim.is_some());
        let path = path.unwrap_or_else(|| record.target.clone());
        let number = self.journal.sent(record);
        self.waiting.push_back(Waiting {
            xid: header.xid,
            number,
            method,
            path,
        });
        Ok(frame(&sent))
    }

    /// Records an answer or an event, and returns what to send on.
    fn answer(&mut self, body: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut from = JuteReader::new(body);
        let header = ReplyHeader::read(&mut from)?;
        if header.xid == xid::EVENT {
            let (kind, _state) = (usize::try_from(from.int()?).unwrap_or(0), from.int()?);
            let record = Record {
                target: from.text()?.into_owned(),
                body: Some(EVENTS[kind].to_owned()),
                ..self.record("event")
            };
            self.journal.sent(record);
            return Ok(frame(body));
        }
        let at = self.waiting.iter().position(|one| one.xid == header.xid);
        let waiting = self
            .waiting
            .remove(at.expect("an answer to nothing"))
            .unwrap();
        let mut answer = Answered {
            status: header.error,
            ..Answered::default()
        };
        let mut sent = frame(body);
        if header.error == 0 {
            let stat = match waiting.method {
                "getData" => {
                    let reply = DataReply::read(&mut from)?;
                    answer.body = reply.data;
                    Some(reply.stat)
                }
                "getChildren2" => {
                    let mut reply = ChildrenReply::read(&mut from)?;
                    answer.body = Some(reply.names.join(" ").into_bytes());
                    let full = Shim::full_names(&waiting.path, &reply.names);
                    answer.index = Some(i64::from(reply.stat.version));
                    if let (Some(names), Some(_)) = (full, &self.shim) {
                        (reply.names, reply.stat.version) = (names, LISTED);
                        answer.shim = Some("full names, version of lists");
                        let mut to = JuteWriter::default();
                        header.write(&mut to);
                        reply.write(&mut to);
                        sent = to.frame().unwrap();
                    }
                    None
                }
                "exists" | "setData" => Some(Stat::read(&mut from)?),
                _ => None,
            };
            if let Some(stat) = stat {
                answer.index = Some(i64::from(stat.version));
                if let Some(shim) = &mut self.shim {
                    shim.saw(&waiting.path, stat.version);
                }
            } else if let ("create", Some(shim)) = (waiting.method, &mut self.shim) {
                shim.saw(&waiting.path, 0);
            }
        }
        self.journal.answered(waiting.number, answer);
        Ok(sent)
    }
}

/// The request that the server is sent instead, if the shim changes it, and a note of it in the record.
fn shimmed(
    shim: &Shim,
    header: RequestHeader,
    record: &mut Record,
    rest: &[u8],
) -> Option<Vec<u8>> {
    let child = Shim::child_of_doubled(&record.target);
    let path = child.clone().unwrap_or_else(|| record.target.clone());
    let is_listed = record.version == Some(LISTED);
    record.shim = match (child.is_some(), is_listed) {
        (false, false) => return None,
        (true, false) => Some("doubled path"),
        (false, true) => Some("version of lists"),
        (true, true) => Some("doubled path, version of lists"),
    }
    .map(str::to_owned);
    let mut sent = Vec::new();
    sent.extend(header.xid.to_be_bytes());
    sent.extend(header.op.to_be_bytes());
    sent.extend(frame(path.as_bytes()));
    sent.extend(rest);
    if is_listed {
        // Operations with a version end with it.
        sent.truncate(sent.len() - 4);
        sent.extend(shim.seen(&path).to_be_bytes());
    }
    Some(sent)
}

impl Tap for ZooKeeperTap {
    fn requests(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.requests.extend_from_slice(bytes);
        let mut sent = Vec::new();
        while let Some(body) = take_frame(&mut self.requests, LONGEST).unwrap() {
            if std::mem::replace(&mut self.connected[0], true) {
                sent.extend(self.request(&body).unwrap());
            } else {
                self.connect(&body).unwrap();
                sent.extend(frame(&body));
            }
        }
        sent
    }

    fn answers(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.answers.extend_from_slice(bytes);
        let mut sent = Vec::new();
        while let Some(body) = take_frame(&mut self.answers, LONGEST).unwrap() {
            if std::mem::replace(&mut self.connected[1], true) {
                sent.extend(self.answer(&body).unwrap());
            } else {
                let waiting = self.waiting.pop_front().expect("the client's first frame");
                self.journal.answered(waiting.number, Answered::default());
                sent.extend(frame(&body));
            }
        }
        sent
    }

    fn waits_for(&self, _target: &str) -> bool {
        // A watch of ZooKeeper waits for an event, not for an answer.
        false
    }
}

impl Drop for ZooKeeperTap {
    fn drop(&mut self) {
        for waiting in &self.waiting {
            self.journal.lost(waiting.number);
        }
    }
}
