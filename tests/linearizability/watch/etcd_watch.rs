//! Watchers by etcd v2: one change after the other, from where they were left.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http_body_util::BodyExt;
use serde_json::Value as Json;
use tokio::time::timeout;

use crate::checker::model::{LAST_WRITER, Value};
use crate::random::Random;
use crate::workload::client::World;
use crate::workload::connection::{Answer, Connection, Face, Request};

/// A change as a watcher was told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub index: u64,
    pub path: String,
    /// `None` for the end of an entry.
    pub value: Option<Value>,
}

/// How a watcher asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Asks for the next change, each time anew.
    Poll,
    /// The same, but takes its time, so that it reads the past.
    Late,
    /// One answer that does not end.
    Stream,
}

/// How far an answer told what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where whoever answered stood.
    pub at: u64,
    /// The last index that is told.
    pub to: u64,
    /// From which index on what happened was asked for, where that is not told, but what there is.
    pub cleared: Option<u64>,
}

/// What a watcher saw.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The path, or what all its paths begin with.
    pub path: String,
    pub recursive: bool,
    pub style: Style,
    /// What came after this index was asked for.
    pub after: u64,
    pub events: Vec<Event>,
    pub told: Vec<Told>,
    /// How often it had to connect again.
    pub resumed: usize,
    /// How often it was told that its index is cleared.
    pub cleared: usize,
    pub faults: Vec<String>,
    /// Whether it came to the last value of its last path.
    pub whole: bool,
}

impl Watched {
    pub fn new(path: &str, recursive: bool, style: Style) -> Self {
        Self {
            path: path.to_owned(),
            recursive,
            style,
            after: 0,
            events: Vec::new(),
            told: Vec::new(),
            resumed: 0,
            cleared: 0,
            faults: Vec::new(),
            whole: false,
        }
    }

    pub fn covers(&self, path: &str) -> bool {
        path == self.path || (self.recursive && path.starts_with(&format!("{}/", self.path)))
    }

    /// The last path that is written.
    fn last<'a>(&self, world: &'a World) -> &'a str {
        let mut paths = world.layout.below(&self.path).into_iter();
        paths.rfind(|path| self.covers(path)).unwrap()
    }

    fn fault(&mut self, what: &str) {
        let Self { path, style, .. } = &self;
        self.faults.push(format!("{style:?} of {path}: {what}"));
    }

    /// The last index that it knows everything up to.
    fn known(&self) -> Option<u64> {
        self.told.last().map(|told| told.to)
    }

    /// Takes one event, from one that stands at an index. In order, each once; several of one index are of one
    /// transaction.
    fn take(&mut self, json: &Json, at: u64, world: &World) {
        let node = &json["node"];
        let (Some(index), Some(key)) = (node["modifiedIndex"].as_u64(), node["key"].as_str())
        else {
            self.fault(&format!("an odd event: {json}"));
            return;
        };
        let path = key.trim_start_matches('/').to_owned();
        let text = node["value"].as_str();
        let value = text.and_then(Value::parse);
        if text.is_some() && value.is_none() && world.layout.place(&path).is_some() {
            self.fault(&format!("a value nobody wrote: {json}"));
        }
        let event = Event { index, path, value };
        let last = self.known().unwrap_or(self.after);
        if index < last || index <= self.after {
            self.fault(&format!("{event:?} after index {last}"));
        }
        if self.events.contains_of_index(&event) {
            // A stream asks again from its last index on: it may have been cut between the changes of a transaction.
            if self.style != Style::Stream {
                self.fault(&format!("twice: {event:?}"));
            }
            return;
        }
        if !self.covers(&event.path) {
            self.fault(&format!("not asked for: {event:?}"));
        }
        let is_last = event.value.is_some_and(|value| value.writer == LAST_WRITER);
        self.whole |= is_last && event.path == self.last(world);
        let to = event.index;
        self.told.push(Told {
            at,
            to,
            cleared: None,
        });
        self.events.push(event);
    }

    /// Takes all there is, when what happened is cleared: as every client of etcd must then.
    fn take_all(&mut self, json: &Json, told: Told, world: &World) {
        self.told.push(told);
        let mut nodes = vec![&json["node"]];
        while let Some(node) = nodes.pop() {
            nodes.extend(node["nodes"].as_array().into_iter().flatten());
            let key = node["key"].as_str().unwrap_or_default();
            let value = node["value"].as_str().and_then(Value::parse);
            self.whole |= key.trim_start_matches('/') == self.last(world)
                && value.is_some_and(|value| value.writer == LAST_WRITER);
        }
    }
}

trait OfIndex {
    fn contains_of_index(&self, event: &Event) -> bool;
}

impl OfIndex for Vec<Event> {
    fn contains_of_index(&self, event: &Event) -> bool {
        let same = self
            .iter()
            .rev()
            .take_while(|other| other.index == event.index);
        same.into_iter().any(|other| other.path == event.path)
    }
}

/// A watcher that goes on until it saw the last value of its last path.
pub async fn watch(
    world: Arc<World>,
    mut watched: Watched,
    mut random: Random,
    after: u64,
) -> Watched {
    let mut connection = Connection::new(world.life.clone(), Face::Etcd);
    watched.after = after;
    while !watched.whole && watched.faults.is_empty() {
        let last = watched.known();
        let next = match (watched.style, last) {
            (_, None) => after + 1,
            (Style::Stream, Some(last)) => last,
            (_, Some(last)) => last + 1,
        };
        let stream = watched.style == Style::Stream;
        let uri = format!(
            "/v2/keys/{}?wait=true&waitIndex={next}&recursive={}&stream={stream}",
            watched.path, watched.recursive
        );
        let request = Request::new(Face::Etcd, Method::GET, uri, String::new());
        if stream {
            follow(&mut connection, &request, &mut watched, next, &world).await;
            watched.resumed += 1;
            continue;
        }
        if watched.style == Style::Late {
            let pause = Duration::from_millis(random.between(0, 40));
            tokio::time::sleep(pause).await;
        }
        // A client that gives up a poll asks for the same again.
        let patience = Duration::from_millis(random.between(500, 5000));
        match connection.send(&request, patience).await {
            None => watched.resumed += 1,
            Some(answer) if is_cleared(&answer) => {
                let at = answer.number("x-etcd-index").unwrap_or(0);
                read_anew(&mut connection, &mut watched, next, at, &world).await;
            }
            Some(answer) => understand(&answer, &mut watched, &world),
        }
    }
    watched
}

fn understand(answer: &Answer, watched: &mut Watched, world: &World) {
    let at = answer.number("x-etcd-index").unwrap_or(0);
    match (answer.status, serde_json::from_slice::<Json>(&answer.body)) {
        (200, Ok(json)) => watched.take(&json, at, world),
        // The gateway ends.
        (200, Err(_)) if answer.body.is_empty() => watched.resumed += 1,
        (500..=599, _) => watched.resumed += 1,
        (status, _) => watched.fault(&format!("answered {status}: {}", answer.text())),
    }
}

fn is_cleared(answer: &Answer) -> bool {
    let json: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
    answer.status == 400 && json["errorCode"] == 401
}

/// Reads all there is, and goes on from there: one that stands at an index said that what was asked for is cleared.
async fn read_anew(
    connection: &mut Connection,
    watched: &mut Watched,
    asked: u64,
    at: u64,
    world: &World,
) {
    watched.cleared += 1;
    let uri = format!("/v2/keys/{}?recursive=true&quorum=true", watched.path);
    let read = Request::new(Face::Etcd, Method::GET, uri, String::new());
    loop {
        let patience = Duration::from_secs(2);
        let Some(answer) = connection.send(&read, patience).await else {
            continue;
        };
        let index = answer.number("x-etcd-index");
        let json = serde_json::from_slice(&answer.body).unwrap_or_default();
        match (answer.status, index) {
            (200 | 404, Some(to)) => {
                let cleared = Some(asked);
                return watched.take_all(&json, Told { at, to, cleared }, world);
            }
            (500..=599, _) => {}
            (status, _) => return watched.fault(&format!("read {status}: {}", answer.text())),
        }
    }
}

/// Reads one answer until it breaks off.
async fn follow(
    connection: &mut Connection,
    request: &Request,
    watched: &mut Watched,
    next: u64,
    world: &World,
) {
    let Some(answer) = connection.begin(request).await else {
        connection.close();
        return;
    };
    let status = answer.status();
    let at = crate::workload::connection::number(answer.headers(), "x-etcd-index").unwrap_or(0);
    if status.as_u16() == 400 {
        // The only one there is for a request that is right.
        connection.close();
        return read_anew(connection, watched, next, at, world).await;
    }
    if status.is_server_error() {
        // Nobody leads: its client asks for the same again.
        connection.close();
        return;
    }
    if status.as_u16() != 200 {
        watched.fault(&format!("answered {status}"));
    }
    let mut body = answer.into_body();
    let mut unread = Vec::new();
    let minute = Duration::from_secs(60);
    while let Ok(Some(Ok(frame))) = timeout(minute, body.frame()).await {
        unread.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        let mut events = serde_json::Deserializer::from_slice(&unread).into_iter::<Json>();
        let mut read = 0;
        while let Some(Ok(event)) = events.next() {
            read = events.byte_offset();
            watched.take(&event, at, world);
        }
        unread.drain(..read);
        if watched.whole || !watched.faults.is_empty() {
            break;
        }
    }
    connection.close();
}
