//! Entries that an attack needs beforehand, written as fast as the server takes them.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::request::{put, put_form};
use crate::client::{Answer, Connection, Who};
use crate::stage::Stage;

/// The address that entries are written from: neither an attacker's nor the bystander's.
const SOURCE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The writers of an attack's entries.
const WRITERS: usize = 16;

/// The operations of one of Consul's transactions, and the most bytes of their keys and values.
const OPERATIONS: usize = 64;
const TRANSACTION: usize = 200_000;

/// How often a write is sent again that is to come later, and the pause before.
const TRIES: usize = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// A text of this length that does not compress to nothing, the same for the same number.
pub(crate) fn value(number: usize, bytes: usize) -> String {
    let seed = u64::try_from(number).unwrap_or(0);
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| random.alphanumeric())
        .take(bytes)
        .collect()
}

/// The operation of a transaction that sets a key.
pub(crate) fn set(key: &str, value: &str) -> String {
    let value = STANDARD.encode(value);
    format!(r#"{{"KV":{{"Verb":"set","Key":"{key}","Value":"{value}"}}}}"#)
}

/// Writes keys through Consul's API, by transactions.
pub(crate) async fn consul(
    stage: &Arc<Stage>,
    count: usize,
    key: impl Fn(usize) -> String + Clone + Send + 'static,
    bytes: usize,
) -> io::Result<()> {
    let each = (TRANSACTION / (key(0).len() + bytes + 1)).clamp(1, OPERATIONS);
    written(stage, count.div_ceil(each), move |number| {
        let keys = number * each..((number + 1) * each).min(count);
        let operations = keys.map(|number| set(&key(number), &value(number, bytes)));
        let body = format!("[{}]", operations.collect::<Vec<_>>().join(","));
        put("/v1/txn", body.as_bytes())
    })
    .await
}

/// Writes keys through etcd's API, one a request.
pub(crate) async fn etcd(
    stage: &Arc<Stage>,
    count: usize,
    key: impl Fn(usize) -> String + Clone + Send + 'static,
    bytes: usize,
) -> io::Result<()> {
    written(stage, count, move |number| {
        let body = format!("value={}", value(number, bytes));
        put_form(&format!("/v2/keys/{}", key(number)), body.as_bytes())
    })
    .await
}

/// Sends requests by several writers.
async fn written(
    stage: &Arc<Stage>,
    count: usize,
    request: impl Fn(usize) -> Vec<u8> + Clone + Send + 'static,
) -> io::Result<()> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS.min(count) {
        let (stage, request) = (Arc::clone(stage), request.clone());
        writers.spawn(async move {
            let mut connection = Connection::open(SOURCE, &stage.target, Who::Bystander).await?;
            for number in (writer..count).step_by(WRITERS) {
                let request = request(number);
                connection = one(&stage, connection, &request).await?;
            }
            Ok::<_, io::Error>(())
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

/// Sends one request until it is answered with success.
async fn one(stage: &Stage, mut connection: Connection, request: &[u8]) -> io::Result<Connection> {
    let mut last = Answer::default();
    for _ in 0..TRIES {
        connection.send(request).await?;
        last = connection.answer().await?;
        if last.closes {
            connection = Connection::open(SOURCE, &stage.target, Who::Bystander).await?;
        }
        if matches!(last.status, 200..300) {
            return Ok(connection);
        }
        if !last.is_later() {
            break;
        }
        sleep(PAUSE).await;
    }
    let text = format!("an entry was refused: {} {}", last.status, last.text());
    Err(io::Error::other(text))
}
