//! Fairness: what one client asks for is bounded, and does not keep others from being answered.

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::Poll;

use http_body_util::BodyExt;
use kubekv::fairness::{Cost, Fairness, MemoryLimits, Overloaded, Seat};
use kubekv::model::Flow;
use support::stuck_store::{StuckAnswer, StuckStore};

use super::client::Gateway;

const GREEDY: [u8; 4] = [10, 0, 0, 1];
const OTHER: [u8; 4] = [10, 0, 0, 2];

type Work = Pin<Box<dyn Future<Output = Result<(), Overloaded>>>>;

fn flow(client: [u8; 4]) -> Flow {
    Flow::of_address(client.into())
}

/// A keyspace with more entries than are read at once: `a/0` to `a/199`.
async fn filled(fairness: Fairness) -> Gateway {
    let gateway = Gateway::start_with(fairness).await;
    for number in 0..200 {
        gateway.space_put(&format!("a/{number}"), b"value").await;
    }
    gateway
}

/// Polls a future once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|cx| {
        Poll::Ready(match Pin::new(&mut *future).poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// All the heavy work that a client may have, running and waiting, until this is dropped.
struct HeavyLoad {
    _ends: Vec<mpsc::Sender<()>>,
    _work: Vec<Work>,
}

impl HeavyLoad {
    async fn of(client: [u8; 4], fairness: &Fairness) -> Self {
        let (start, started) = mpsc::channel();
        let (mut ends, mut work) = (Vec::new(), Vec::new());
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        // One thread is left for the others.
        let own = threads.max(2) - 1;
        loop {
            let (end, ended) = mpsc::channel::<()>();
            let (fairness, start) = (fairness.clone(), start.clone());
            let mut one: Work = Box::pin(async move {
                let work = move || {
                    start.send(()).unwrap();
                    // Until the sender is dropped.
                    let _ended = ended.recv();
                };
                fairness.run(flow(client), Cost::new(1000, 0), work).await
            });
            match poll_once(&mut one).await {
                None => {}
                Some(refused) => {
                    assert!(matches!(refused, Err(Overloaded::QueueOfClient { .. })));
                    break;
                }
            }
            ends.push(end);
            work.push(one);
            if work.len() <= own {
                started.recv().unwrap();
            }
        }
        Self {
            _ends: ends,
            _work: work,
        }
    }
}

/// All the seats for small changes that a client may have.
async fn all_seats(client: [u8; 4], fairness: &Fairness) -> Vec<Seat> {
    let mut seats = Vec::new();
    loop {
        let mut seat = Box::pin(fairness.seat(flow(client), Cost::SMALL));
        match poll_once(&mut seat).await {
            Some(seat) => seats.push(seat.unwrap()),
            None => return seats,
        }
    }
}

#[tokio::test]
async fn long_reads_of_one_client_are_refused_while_all_else_is_answered() {
    let gateway = filled(Fairness::default()).await;
    let long = [
        "kv/?recurse",
        "kv/?recurse&pretty",
        "kv/?keys",
        "kv/a/?recurse&separator=/&keys",
    ];
    let load = HeavyLoad::of(GREEDY, &gateway.fairness).await;
    for path in long {
        let refused = gateway.call_from(GREEDY, "GET", path, "").await;
        assert_eq!(refused.status, 429, "{path}");
        assert_eq!(refused.header("retry-after"), "1", "{path}");
        let words = "too many requests of this client";
        assert!(refused.text().starts_with(words), "{}", refused.text());
    }
    let tree = r#"[{"KV":{"Verb":"get-tree","Key":"a/"}}]"#;
    let refused = gateway.call_from(GREEDY, "PUT", "txn", tree).await;
    assert_eq!(refused.status, 429);
    // Short reads and changes of the same client wait for nobody.
    for path in ["kv/a/7", "kv/a/19?recurse", "kv/none?keys"] {
        let answer = gateway.call_from(GREEDY, "GET", path, "").await;
        assert_ne!(answer.status, 429, "{path}");
    }
    let put = gateway.call_from(GREEDY, "PUT", "kv/b", "v").await;
    assert_eq!(put.text(), "true");
    for path in long {
        let answer = gateway.call_from(OTHER, "GET", path, "").await;
        assert_eq!(answer.status, 200, "{path}");
    }
    // What another had made is sent to all.
    let kept = gateway.call_from(GREEDY, "GET", long[0], "").await;
    assert_eq!(kept.status, 200);
    drop(load);
}

#[tokio::test]
async fn renewals_wait_for_no_seat() {
    let gateway = Gateway::start().await;
    let id = gateway.session(r#"{"TTL":"10s"}"#).await;
    let seats = all_seats(GREEDY, &gateway.fairness).await;
    let renew = format!("session/renew/{id}");
    let renewed = gateway.call_from(GREEDY, "PUT", &renew, "").await;
    assert_eq!(renewed.status, 200);
    let body = r#"[{"KV":{"Verb":"set","Key":"t"}}]"#;
    let changes = [
        ("PUT", "kv/k".to_owned(), "v"),
        ("DELETE", "kv/none".to_owned(), ""),
        ("PUT", "txn".to_owned(), body),
        ("PUT", "session/create".to_owned(), "{}"),
        ("PUT", format!("session/destroy/{id}"), ""),
    ];
    let mut waiting: Vec<_> = changes
        .iter()
        .map(|(method, path, body)| Box::pin(gateway.call_from(GREEDY, method, path, *body)))
        .collect();
    for change in &mut waiting {
        assert!(poll_once(change).await.is_none());
    }
    let other = gateway.call_from(OTHER, "PUT", "kv/o", "v").await;
    assert_eq!(other.text(), "true");
    drop(seats);
    for change in waiting {
        assert_eq!(change.await.status, 200);
    }
}

/// Or else a client that hangs up at once has as many changes on their way as it likes.
#[tokio::test]
async fn a_change_has_its_seat_until_its_outcome_is_known_whoever_hangs_up() {
    let store = Arc::new(StuckStore::default());
    let gateway = Gateway::over(Arc::<StuckStore>::clone(&store), Fairness::default()).await;
    let id = gateway.session("{}").await;
    gateway.space_put("there", b"v").await;
    let all = all_seats(GREEDY, &gateway.fairness).await.len();
    store.answer(StuckAnswer::Never);
    let set = r#"[{"KV":{"Verb":"set","Key":"t"}}]"#;
    let changes = [
        ("PUT", "kv/k".to_owned(), "v"),
        ("DELETE", "kv/there".to_owned(), ""),
        ("PUT", "txn".to_owned(), set),
        ("PUT", "session/create".to_owned(), "{}"),
        ("PUT", format!("session/destroy/{id}"), ""),
    ];
    for (hung_up, (method, path, body)) in changes.into_iter().enumerate() {
        let mut change = Box::pin(gateway.call_from(GREEDY, method, &path, body));
        assert!(poll_once(&mut change).await.is_none(), "{path}");
        drop(change);
        let left = all_seats(GREEDY, &gateway.fairness).await.len();
        assert_eq!(left, all - hung_up - 1, "{path}");
    }
}

#[tokio::test]
async fn answers_count_until_they_are_taken() {
    let gateway = filled(Fairness::default()).await;
    gateway.space_put("long", &vec![b'v'; 100_000]).await;
    let answers = gateway.fairness.answers();
    let tree = r#"[{"KV":{"Verb":"get-tree","Key":"a/"}}]"#;
    for (method, path, body) in [
        ("GET", "kv/long", ""),
        ("GET", "kv/long?raw", ""),
        ("GET", "kv/long?pretty", ""),
        ("PUT", "txn", tree),
    ] {
        let before = answers.used();
        let response = gateway.response(GREEDY, method, path, body).await;
        let held = answers.used() - before;
        assert!(held >= 10_000, "{path}: {held}");
        let taken = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(taken.len(), held, "{path}");
        drop(taken);
        assert_eq!(answers.used(), before, "{path}");
    }
}

#[tokio::test]
async fn an_answer_for_which_there_is_no_room_is_refused_before_its_transaction() {
    let limits = MemoryLimits {
        answers: 20_000,
        ..MemoryLimits::default()
    };
    let gateway = filled(Fairness::new(limits)).await;
    let write = r#"[{"KV":{"Verb":"set","Key":"new"}},{"KV":{"Verb":"get-tree","Key":"a/"}}]"#;
    let read = r#"[{"KV":{"Verb":"get-tree","Key":"a/"}}]"#;
    for body in [read, write] {
        let refused = gateway.call_from(GREEDY, "PUT", "txn", body).await;
        assert_eq!(refused.status, 429);
        assert!(refused.text().starts_with("answers of this client"));
    }
    let untouched = gateway.call_from(GREEDY, "GET", "kv/new", "").await;
    assert_eq!(untouched.status, 404);
}

#[tokio::test]
async fn a_transaction_reads_no_wide_trees_while_it_writes() {
    let gateway = Gateway::start().await;
    let set = |number: usize| format!(r#"{{"KV":{{"Verb":"set","Key":"a/{number}"}}}}"#);
    for part in 0..65 {
        let sets: Vec<_> = (0..64).map(|number| set(part * 64 + number)).collect();
        let body = format!("[{}]", sets.join(","));
        assert_eq!(gateway.call("PUT", "txn", body).await.status, 200);
    }
    let write = r#"[{"KV":{"Verb":"set","Key":"new"}},{"KV":{"Verb":"get-tree","Key":"a/"}}]"#;
    let refused = gateway.call("PUT", "txn", write).await;
    let words = "a transaction that writes has 4096 results at most";
    assert_eq!((refused.status, refused.text()), (413, words));
    assert_eq!(gateway.call("GET", "kv/new", "").await.status, 404);
    let read = r#"[{"KV":{"Verb":"get-tree","Key":"a/"}}]"#;
    let answer = gateway.call("PUT", "txn", read).await;
    assert_eq!(answer.json()["Results"].as_array().unwrap().len(), 65 * 64);
}

#[tokio::test]
async fn polls_that_one_write_wakes_share_one_list() {
    let gateway = filled(Fairness::default()).await;
    let index = gateway.get("kv/a/?recurse").await.index();
    let poll = format!("kv/a/?recurse&index={index}");
    let mut polls: Vec<_> = (0..100)
        .map(|_| Box::pin(gateway.response(GREEDY, "GET", &poll, "")))
        .collect();
    for poll in &mut polls {
        assert!(poll_once(poll).await.is_none());
    }
    assert_eq!(gateway.watches(), 100);
    gateway.space_put("a/7", b"other").await;
    let mut lists = HashSet::new();
    let mut held = Vec::new();
    for poll in polls {
        let response = poll.await;
        assert_eq!(
            response.headers()["x-consul-index"],
            (index + 1).to_string()
        );
        let list = response.into_body().collect().await.unwrap().to_bytes();
        lists.insert(list.as_ptr());
        held.push(list);
    }
    assert_eq!(lists.len(), 1);
}

#[tokio::test]
async fn polls_wait_for_their_own_prefix_however_many_others_are_written() {
    let gateway = filled(Fairness::default()).await;
    let index = gateway.get("kv/a/?recurse").await.index();
    // More commits than are looked through for one that concerns the poll.
    for number in 0..1000 {
        gateway.space_put("b", number.to_string().as_bytes()).await;
    }
    for path in ["kv/a/?recurse", "kv/a/?keys", "kv/none/?recurse"] {
        let parked = gateway.park(&format!("{path}&index={index}")).await;
        parked.abort();
    }
    gateway.space_put("a/8", b"other").await;
    let answer = gateway.get(&format!("kv/a/?keys&index={index}")).await;
    assert_eq!((answer.status, answer.index()), (200, index + 1001));
}

#[tokio::test]
async fn long_bodies_and_keys_are_refused_by_name() {
    let gateway = Gateway::start().await;
    let name = format!(r#"{{"Name":"{}"}}"#, "n".repeat(16 << 10));
    let refused = gateway.call("PUT", "session/create", name).await;
    assert_eq!(refused.status, 413, "{}", refused.text());
    let many = vec!["a"; 2000].join("&");
    let refused = gateway.call("GET", &format!("kv/a?{many}"), "").await;
    let words = "a query of more than 1024 parameters";
    assert_eq!((refused.status, refused.text()), (400, words));
    let values = format!("[{}0]", "0,".repeat(300_000));
    let body = format!(r#"[{{"KV":{{"Verb":"set","Key":"a","Value":{values}}}}}]"#);
    let refused = gateway.call("PUT", "txn", body).await;
    let words = "Failed to parse body: more than 262144 values";
    assert_eq!((refused.status, refused.text()), (400, words));
    // No poll waits for what can never be there.
    let long = "k".repeat(5000);
    for query in ["index=1", "recurse&index=1", "keys&index=1"] {
        let path = format!("kv/{long}?{query}");
        let refused = gateway.call("GET", &path, "").await;
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.text().contains("4096"), "{}", refused.text());
    }
    let nothing = gateway.call("GET", &format!("kv/{long}?recurse"), "").await;
    assert_eq!(nothing.status, 404);
    let nothing = gateway.call("GET", "kv/none/?recurse&pretty", "").await;
    assert_eq!((nothing.status, nothing.text()), (404, ""));
}
