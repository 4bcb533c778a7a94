//! Watching: a stream of events for each key.

use etcd_client::{Error, WatchResponse, WatchStream};

use super::Etcd3Client;
use super::client::Etcd3Connection;
use crate::bench::client::{Failure, Outcome};

impl Etcd3Client {
    /// Waits for the next events of a key. The first call returns at once, when the watch was created.
    pub async fn watch(&mut self, key: &str) -> Result<Outcome, Failure> {
        let connection = self.connection().await?;
        let result = next(connection, key).await;
        match self.checked(result)? {
            Ok(message) => Ok(outcome(&message)),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    /// Refused: the protocol has no blocking queries.
    #[expect(
        clippy::unused_async,
        reason = "clients of all protocols have the same methods"
    )]
    pub async fn poll(&mut self, _key: &str) -> Result<Outcome, Failure> {
        Err(Failure::Unsupported(
            "etcd v3 has no blocking queries: use watch",
        ))
    }
}

/// The next message about a key that has events, or says that its watch was created. A call that is broken off loses
/// nothing: the stream stays.
async fn next(
    connection: &mut Etcd3Connection,
    key: &str,
) -> Result<Result<WatchResponse, Failure>, Error> {
    let Some(stream) = connection.watched.get_mut(key) else {
        let mut watches = connection.client.watch_client();
        let mut stream = watches.watch(key, None).await?;
        let created = message(&mut stream, WatchResponse::created).await?;
        if created.is_ok() {
            connection.watched.insert(key.to_owned(), stream);
        }
        return Ok(created);
    };
    let next = message(stream, |message| !message.events().is_empty()).await?;
    if next.is_err() {
        // The next call opens another stream.
        connection.watched.remove(key);
    }
    Ok(next)
}

/// The next message of a kind.
async fn message(
    stream: &mut WatchStream,
    is_wanted: impl Fn(&WatchResponse) -> bool,
) -> Result<Result<WatchResponse, Failure>, Error> {
    loop {
        match stream.message().await? {
            None => return Ok(Err(Failure::Connection("the stream ended".to_owned()))),
            Some(message) if message.canceled() => {
                let why = message.cancel_reason().as_bytes();
                return Ok(Err(Failure::refused("", why)));
            }
            Some(message) if is_wanted(&message) => return Ok(Ok(message)),
            Some(_) => {}
        }
    }
}

fn outcome(message: &WatchResponse) -> Outcome {
    let entries = message.events().iter().filter_map(|event| event.kv());
    let bytes = entries.map(|entry| entry.key().len() + entry.value().len());
    Outcome {
        entries: u64::try_from(message.events().len()).unwrap_or(u64::MAX),
        ..Outcome::of_bytes(bytes.sum())
    }
}
