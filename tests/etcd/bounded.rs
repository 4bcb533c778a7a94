//! Bounds: what one client asks for, however much, is refused before any work or done in its turn, and others are served.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use kubekv::face::etcd::{Etcd, router};
use kubekv::face::server::{Connection, Stopping};
use kubekv::fairness::{Cost, Fairness, Seat};
use kubekv::guard::Bounds;
use kubekv::model::{Caller, Commit, Flow, Key, Proposal};
use kubekv::space::Keyspace;
use kubekv::store::{
    BoxFuture, CommitError, CommitSink, Limits, MemoryStore, RetentionFloors, Store, StoreContents,
    StoreError,
};
use prometheus_client::registry::Registry;
use support::faces;
use support::stuck_store::StuckAnswer;
use tokio::sync::watch;
use tower_service::Service;

use super::client::uri;
use super::stuck;

const GREEDY: [u8; 4] = [10, 0, 0, 1];
const MODEST: [u8; 4] = [10, 0, 0, 2];

fn flow(host: [u8; 4]) -> Flow {
    Flow::of_address(host.into())
}

/// A face with clients at several addresses.
struct Shared {
    space: Keyspace,
    fairness: Fairness,
    face: Router,
    _stop: watch::Sender<bool>,
}

struct Answer {
    status: u16,
    headers: http::HeaderMap,
    json: serde_json::Value,
}

impl Shared {
    async fn new() -> Self {
        Self::over(faces::space().await)
    }

    fn over(space: Keyspace) -> Self {
        let (stop, stopping) = watch::channel(false);
        let fairness = Fairness::default();
        let face = router(Etcd {
            space: space.clone(),
            fairness: fairness.clone(),
            stopping: Stopping::new(stopping),
            advertise: Vec::new(),
        });
        Self {
            space,
            fairness,
            face,
            _stop: stop,
        }
    }

    /// Sends a request given as `METHOD PATH [FORM]` from this host; the body is not read yet.
    async fn call(&self, host: [u8; 4], line: &str) -> http::Response<Body> {
        let mut words = line.splitn(3, ' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let form = words.next().unwrap_or_default().to_owned();
        let mut request = Request::builder()
            .method(method)
            .uri(uri(path))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        let local = SocketAddr::from(([10, 0, 0, 9], 2_379));
        let connection = Connection::plaintext(SocketAddr::from((host, 1)), local);
        request.extensions_mut().insert(connection);
        self.face.clone().call(request).await.unwrap()
    }

    async fn ask(&self, host: [u8; 4], line: &str) -> Answer {
        let (head, body) = self.call(host, line).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            json: serde_json::from_slice(&body).unwrap(),
        }
    }

    /// Puts many keys beneath a directory, in one commit.
    async fn fill(&self, directory: &str, count: usize) {
        self.space
            .commit(&Caller::System, |draft| {
                for number in 0..count {
                    let key = Key::user(format!("{directory}/{number:06}"));
                    let record = draft.successor(&key);
                    draft.put(&key, record);
                }
                Ok::<_, Infallible>(())
            })
            .await
            .unwrap();
    }

    /// Makes more commits than the history keeps.
    async fn overflow_history(&self) {
        for _ in 0..17_000 {
            self.fill("noise", 1).await;
        }
    }

    fn revision(&self) -> u64 {
        self.space.read(&Caller::System).revision()
    }
}

fn assert_overloaded(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.json);
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(answer.json["errorCode"], 300);
    let cause = answer.json["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("etcdserver: too many requests: "),
        "{cause}"
    );
}

#[tokio::test]
async fn a_put_of_too_many_levels_is_refused_and_stores_nothing() {
    let shared = Shared::new().await;
    let before = shared.revision();
    let deep = vec!["d"; 2_000].join("/");
    let wide = vec!["x".repeat(1_000); 64].join("/");
    for line in [
        format!("PUT /{deep} value=1"),
        format!("PUT /{deep}?dir=true"),
        format!("PUT /{deep}?prevExist=false value=1"),
        format!("POST /{deep} value=1"),
        format!("DELETE /{deep}?recursive=true"),
        format!("PUT /{wide} value=1"),
    ] {
        let refused = shared.ask(GREEDY, &line).await;
        assert_eq!(
            (refused.status, &refused.json["errorCode"]),
            (400, &209.into())
        );
        let cause = refused.json["cause"].as_str().unwrap();
        assert!(cause.ends_with("which is the limit"), "{cause}");
    }
    assert_eq!(shared.revision(), before);
    let fits = vec!["d"; 128].join("/");
    assert_eq!(
        shared
            .ask(GREEDY, &format!("PUT /{fits} value=1"))
            .await
            .status,
        201
    );
}

/// A store in memory that takes few changes at once.
#[derive(Debug)]
struct Narrow(MemoryStore);

impl Store for Narrow {
    fn limits(&self) -> Limits {
        Limits {
            writes: 100,
            ..self.0.limits()
        }
    }

    fn open(&self, sink: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        self.0.open(sink)
    }

    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        self.0.commit(proposal)
    }

    fn trim(&self, floors: RetentionFloors) {
        self.0.trim(floors);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.0.close()
    }
}

#[tokio::test]
async fn a_recursive_delete_of_more_than_the_store_changes_at_once_is_refused() {
    let store = Arc::new(Narrow(MemoryStore::new()));
    let admit = Arc::new(Bounds::new(store.limits()));
    let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
    let shared = Shared::over(opened.unwrap().0);
    shared.fill("few", 100).await;
    shared.fill("many", 101).await;
    let refused = shared.ask(GREEDY, "DELETE /many?recursive=true").await;
    assert_eq!(
        (refused.status, &refused.json["errorCode"]),
        (400, &209.into())
    );
    assert_eq!(
        refused.json["cause"],
        "more than 100 changes in one request, which is the limit"
    );
    let there = shared.ask(GREEDY, "GET /many").await;
    assert_eq!(there.json["node"]["nodes"].as_array().unwrap().len(), 101);
    let deleted = shared.ask(GREEDY, "DELETE /few?recursive=true").await;
    assert_eq!(
        (deleted.status, &deleted.json["action"]),
        (200, &"delete".into())
    );
    assert_eq!(shared.ask(GREEDY, "GET /few").await.status, 404);
}

/// All the seats for small changes that the greedy client may have.
async fn all_seats(fairness: &Fairness) -> Vec<Seat> {
    let mut seats = Vec::new();
    loop {
        let seat = fairness.seat(flow(GREEDY), Cost::SMALL);
        match tokio::time::timeout(std::time::Duration::ZERO, seat).await {
            Ok(seat) => seats.push(seat.unwrap()),
            Err(_elapsed) => return seats,
        }
    }
}

/// Or else a client that hangs up at once has as many changes on their way as it likes.
#[tokio::test(start_paused = true)]
async fn a_change_has_its_seat_until_its_outcome_is_known_whoever_gives_up() {
    let shared = Shared::over(stuck::space(StuckAnswer::Never).await);
    let all = all_seats(&shared.fairness).await.len();
    for (hung_up, line) in [
        "PUT /a value=1",
        "PUT /b?prevExist=false value=1",
        "POST /q value=1",
    ]
    .into_iter()
    .enumerate()
    {
        let answer = shared.ask(GREEDY, line);
        let moment = std::time::Duration::from_millis(1);
        assert!(tokio::time::timeout(moment, answer).await.is_err());
        let left = all_seats(&shared.fairness).await.len();
        assert_eq!(left, all - hung_up - 1, "{line}");
    }
    // The face gives up, too, before Docker's client does.
    assert_eq!(shared.ask(GREEDY, "PUT /c value=1").await.status, 500);
    assert_eq!(all_seats(&shared.fairness).await.len(), all - 4);
}

#[tokio::test(start_paused = true)]
async fn a_client_with_too_many_changes_waits_its_turn_and_others_do_not() {
    let shared = Shared::new().await;
    shared.ask(GREEDY, "PUT /t?ttl=60 value=1").await;
    let mut seats = all_seats(&shared.fairness).await;
    let before = tokio::time::Instant::now();
    assert_overloaded(&shared.ask(GREEDY, "PUT /k value=1").await);
    // Before Docker's client gives up.
    assert!(before.elapsed() < std::time::Duration::from_secs(3));
    assert_eq!(shared.ask(MODEST, "PUT /k value=2").await.status, 201);
    // A renewal never waits, nor does a read.
    let renewed = shared
        .ask(GREEDY, "PUT /t?refresh=true&prevExist=true&ttl=60")
        .await;
    assert_eq!(renewed.status, 200, "{}", renewed.json);
    assert_eq!(
        shared.ask(GREEDY, "GET /k").await.json["node"]["value"],
        "2"
    );
    seats.pop();
    assert_eq!(shared.ask(GREEDY, "PUT /k value=3").await.status, 200);
}

#[tokio::test]
async fn a_stream_from_before_the_history_has_the_last_change_of_each_key_once_and_in_order() {
    let shared = Shared::new().await;
    for part in 0..20 {
        shared.fill(&format!("t/{part:02}"), 1_000).await;
    }
    shared.ask(MODEST, "DELETE /t/00/000007").await;
    shared.ask(MODEST, "PUT /t/01/000008 value=again").await;
    let end = shared.revision();
    shared.overflow_history().await;
    let mut stream = shared
        .call(
            GREEDY,
            "GET /t?wait=true&recursive=true&stream=true&waitIndex=2",
        )
        .await
        .into_body();
    shared.ask(MODEST, "PUT /t/new value=1").await;
    let mut events = Vec::new();
    while events.len() < 20_001 {
        let frame = stream.frame().await.unwrap().unwrap();
        let event: serde_json::Value = serde_json::from_slice(&frame.into_data().unwrap()).unwrap();
        let (node, action) = (&event["node"], event["action"].as_str().unwrap());
        events.push((
            node["modifiedIndex"].as_u64().unwrap(),
            node["key"].as_str().unwrap().to_owned(),
            action.to_owned(),
        ));
    }
    let last = events.pop().unwrap();
    assert_eq!((last.1.as_str(), last.2.as_str()), ("/t/new", "set"));
    assert!(events.is_sorted());
    let keys: std::collections::HashSet<_> = events.iter().map(|(_, key, _)| key).collect();
    assert_eq!(keys.len(), 20_000);
    let changes: Vec<_> = events[events.len() - 2..]
        .iter()
        .map(|(index, key, action)| (end - index, key.as_str(), action.as_str()))
        .collect();
    assert_eq!(
        changes,
        [(1, "/t/00/000007", "delete"), (0, "/t/01/000008", "set")]
    );
}

#[tokio::test]
async fn an_event_is_encoded_once_for_all_polls_that_get_it() {
    let shared = Shared::new().await;
    let mut polls = Vec::new();
    for _ in 0..100 {
        let poll = shared.call(GREEDY, "GET /?wait=true&recursive=true").await;
        polls.push(poll.into_body());
    }
    shared.ask(MODEST, "PUT /k value=1").await;
    let mut bodies = Vec::new();
    for poll in &mut polls {
        bodies.push(poll.frame().await.unwrap().unwrap().into_data().unwrap());
    }
    assert!(
        bodies
            .iter()
            .all(|body| body.as_ptr() == bodies[0].as_ptr())
    );
    assert!(bodies[0].starts_with(br#"{"action":"set","node":{"key":"/k","value":"1""#));
}

#[tokio::test]
async fn a_long_event_counts_in_the_budget_until_the_last_client_has_taken_it() {
    let shared = Shared::new().await;
    let mut polls = Vec::new();
    for host in [GREEDY, MODEST] {
        polls.push(shared.call(host, "GET /k?wait=true").await.into_body());
    }
    let long = format!("PUT /k value={}", "v".repeat(100 << 10));
    assert_eq!(shared.ask(MODEST, &long).await.status, 201);
    let mut bodies = Vec::new();
    for poll in &mut polls {
        bodies.push(poll.frame().await.unwrap().unwrap().into_data().unwrap());
    }
    let budget = shared.fairness.watch_queues();
    assert!(budget.used() >= 100 << 10, "{}", budget.used());
    // Once, not for each poll.
    assert!(budget.used() < 200 << 10, "{}", budget.used());
}

#[tokio::test]
async fn a_poll_is_not_refused_for_its_event_but_a_stream_ends() {
    let shared = Shared::new().await;
    let budget = shared.fairness.watch_queues();
    let held = budget.reserve(flow(GREEDY), budget.limit() / 2).unwrap();
    let mut poll = shared.call(GREEDY, "GET /k?wait=true").await.into_body();
    let mut stream = shared
        .call(GREEDY, "GET /k?wait=true&stream=true&waitIndex=2")
        .await
        .into_body();
    let long = format!("PUT /k value={}", "v".repeat(100 << 10));
    assert_eq!(shared.ask(MODEST, &long).await.status, 201);
    assert!(stream.frame().await.is_none());
    tokio::time::pause();
    let waits = tokio::time::timeout(std::time::Duration::from_secs(60), poll.frame());
    assert!(waits.await.is_err());
    drop(held);
    assert!(poll.frame().await.unwrap().is_ok());
}

#[tokio::test]
async fn a_delete_of_many_keys_reaches_the_polls_beneath_and_above() {
    let shared = Shared::new().await;
    shared.fill("t/a", 1_000).await;
    shared.fill("t/b", 1_000).await;
    let mut polls = Vec::new();
    for path in [
        "/?recursive=true&",
        "/t?",
        "/t/a?",
        "/t/a/000500?",
        "/t/b?recursive=true&",
    ] {
        let poll = shared.call(GREEDY, &format!("GET {path}wait=true")).await;
        polls.push(poll.into_body());
    }
    let mut beside = shared
        .call(GREEDY, "GET /t/a/1000?wait=true")
        .await
        .into_body();
    shared.ask(MODEST, "DELETE /t?recursive=true").await;
    for poll in &mut polls {
        let line = poll.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(line.starts_with(br#"{"action":"delete","node":{"key":"/t","dir":true"#));
    }
    shared.ask(MODEST, "PUT /t/a/1000 value=1").await;
    let line = beside.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(line.starts_with(br#"{"action":"set","node":{"key":"/t/a/1000""#));
}
