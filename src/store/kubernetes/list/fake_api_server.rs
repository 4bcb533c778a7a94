//! Fake API server: objects with their history, which answers in the process, for tests of lists.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tower_service::Service;

use crate::store::kubernetes::client::api::Api;
use crate::store::kubernetes::client::credentials::ApiCredentials;
use crate::store::kubernetes::codec::name;
use crate::store::shared::Metrics;
use crate::store::shared::election::leader_record::{LeaderRecord, PastRevision};

/// The offset of indexes in its leader record.
const OFFSET: u64 = 1_000;

/// The objects on a first page.
const FIRST_PAGE: usize = 3;

/// The server; a clone is the same one.
#[derive(Clone)]
pub(super) struct FakeApiServer(pub(super) Arc<Mutex<FakeState>>);

#[derive(Default)]
pub(super) struct FakeState {
    /// The newest resourceVersion.
    pub(super) version: u64,
    /// In order of versions: the object of a name from a version on.
    history: Vec<(u64, String, Option<Value>)>,
    /// The versions of the leader record.
    pub(super) past: Vec<u64>,
    /// What a first page says of the pages after it, besides what is true.
    pub(super) claimed: u64,
    /// The watch begins no earlier.
    pub(super) oldest_watched: u64,
    /// The events that one watch delivers before it ends.
    pub(super) watched: usize,
    /// The watch loses the event of this version.
    pub(super) lost: Option<u64>,
    /// The watch says up to where nothing is missing.
    pub(super) has_bookmarks: bool,
    /// The queries of lists, and the names of objects that were read.
    pub(super) asked: Vec<String>,
}

impl FakeApiServer {
    /// A server whose first pages say how many objects come after them.
    pub(super) fn small() -> Self {
        Self(Arc::new(Mutex::new(FakeState {
            watched: 10,
            has_bookmarks: true,
            ..FakeState::default()
        })))
    }

    /// A server whose first pages say that a million more come after them.
    pub(super) fn large() -> Self {
        let server = Self::small();
        server.0.lock().claimed = 1_000_000;
        server
    }

    /// A client of it.
    pub(super) fn api(&self) -> Api {
        let client = Client::new(self.clone(), "default");
        Api::new(
            ApiCredentials::of_client(client),
            "default",
            Metrics::default(),
        )
    }

    /// The requests with this in their query.
    pub(super) fn asked(&self, part: &str) -> usize {
        let state = self.0.lock();
        let asked = state.asked.iter();
        asked.filter(|query| query.contains(part)).count()
    }
}

impl FakeState {
    /// Writes an object, or deletes it.
    pub(super) fn write(&mut self, name: &str, spec: Option<&Value>) {
        self.version += 1;
        let version = self.version;
        let object = spec.map(|spec| {
            json!({"metadata": {"name": name, "uid": name, "resourceVersion": version.to_string()}, "spec": spec})
        });
        self.history.push((version, name.to_owned(), object));
    }

    /// Writes the leader record, which names its earlier revisions.
    pub(super) fn beat(&mut self) {
        let past = self.past.iter().map(|version| PastRevision {
            revision: version + OFFSET,
            at_ms: 0,
        });
        let record = LeaderRecord {
            offset: OFFSET,
            past: past.collect(),
            ..LeaderRecord::default()
        };
        let value = serde_json::to_string(&record).unwrap();
        let spec = json!({"key": "lead", "realm": "system", "value": value});
        self.write(&name::of(&LeaderRecord::key()), Some(&spec));
        self.past.push(self.version);
    }

    /// The object of a name at a version.
    pub(super) fn object_at(&self, name: &str, at: u64) -> Option<&Value> {
        let mut history = self.history.iter().rev();
        let is_last =
            |(version, of, _): &&(u64, String, Option<Value>)| *version <= at && of == name;
        history.find(is_last)?.2.as_ref()
    }

    /// Every object at a version, by name.
    pub(super) fn objects_at(&self, at: u64) -> BTreeMap<String, &Value> {
        let names: BTreeSet<&String> = self.history.iter().map(|(_, name, _)| name).collect();
        let objects = names.into_iter();
        objects
            .filter_map(|name| Some((name.clone(), self.object_at(name, at)?)))
            .collect()
    }

    fn answer(&mut self, path: &str, query: &str) -> (u16, String) {
        if let Some((_, name)) = path.split_once("/entries/") {
            self.asked.push(name.to_owned());
            let object = self.object_at(name, self.version);
            return object.map_or((404, "{}".to_owned()), |object| (200, object.to_string()));
        }
        let parameters: HashMap<String, String> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let number = |name: &str| -> Option<u64> { Some(parameters.get(name)?.parse().unwrap()) };
        let at = number("resourceVersion");
        if parameters.contains_key("watch") {
            return (200, self.watch(at.unwrap()));
        }
        self.asked.push(query.to_owned());
        if let Some(selector) = parameters.get("fieldSelector") {
            let name = selector.strip_prefix("metadata.name=").unwrap();
            let items: Vec<_> = self.object_at(name, at.unwrap()).into_iter().collect();
            return (200, list(at.unwrap(), "", 0, &items));
        }
        let is_exact = parameters.get("resourceVersionMatch").map(String::as_str) == Some("Exact");
        let at = number("continue").unwrap_or(at.filter(|_| is_exact).unwrap_or(self.version));
        let items: Vec<_> = self.objects_at(at).into_values().collect();
        if !parameters.contains_key("limit") {
            return (200, list(at, "", 0, &items));
        }
        let (first, rest) = items.split_at(FIRST_PAGE.min(items.len()));
        if parameters.contains_key("continue") {
            return (200, list(at, "", 0, rest));
        }
        let remaining = self.claimed + u64::try_from(rest.len()).unwrap();
        (200, list(at, &at.to_string(), remaining, first))
    }

    /// The next events after a version, one a line.
    fn watch(&self, after: u64) -> String {
        let line =
            |kind: &str, object: &Value| format!("{}\n", json!({"type": kind, "object": object}));
        if after < self.oldest_watched {
            return line("ERROR", &json!({"kind": "Status", "code": 410}));
        }
        let later = |(version, _, _): &&(u64, String, Option<Value>)| {
            *version > after && Some(*version) != self.lost
        };
        let mut events: Vec<_> = self.history.iter().filter(later).collect();
        let is_all = events.len() <= self.watched;
        events.truncate(self.watched);
        let mut lines = String::new();
        for (version, name, object) in events {
            let before = self.object_at(name, version - 1);
            lines += &match (before, object) {
                (None, Some(object)) => line("ADDED", object),
                (Some(_), Some(object)) => line("MODIFIED", object),
                (before, None) => {
                    let mut gone = before.unwrap().clone();
                    gone["metadata"]["resourceVersion"] = version.to_string().into();
                    line("DELETED", &gone)
                }
            };
        }
        if self.has_bookmarks && is_all {
            let version = self.version.to_string();
            lines += &line(
                "BOOKMARK",
                &json!({"metadata": {"resourceVersion": version}}),
            );
        }
        lines
    }
}

fn list(version: u64, next: &str, remaining: u64, items: &[&Value]) -> String {
    let metadata = json!({"resourceVersion": version.to_string(), "continue": next,
        "remainingItemCount": remaining});
    json!({"kind": "EntryList", "items": items, "metadata": metadata}).to_string()
}

impl Service<Request<Body>> for FakeApiServer {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let uri = request.uri();
        let (status, text) = self
            .0
            .lock()
            .answer(uri.path(), uri.query().unwrap_or_default());
        let answer = Response::builder().status(status);
        ready(Ok(answer.body(Body::from(text.into_bytes())).unwrap()))
    }
}
