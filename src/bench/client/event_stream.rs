//! `EventStream`: the events of one key, as a connection receives them.

use bytes::Bytes;

use super::reach::Reach;
use super::{Failure, Outcome};
use crate::bench::http::HttpRequest;

/// A stream of a key's events over a client's connection; before it has begun, and after it broke, of none.
#[derive(Debug, Default)]
pub(super) struct EventStream {
    key: Option<String>,
}

impl EventStream {
    /// Whether it is of this key.
    pub(super) fn is_of(&self, key: &str) -> bool {
        self.key.as_deref() == Some(key)
    }

    /// Begins the stream of a key, by a request for this target.
    pub(super) async fn begin(
        &mut self,
        reach: &mut Reach,
        key: &str,
        target: &str,
    ) -> Result<Outcome, Failure> {
        let connection = reach.connection().await?;
        let request = HttpRequest::new("GET", target);
        if let Some(response) = connection.send_for_events(&request).await? {
            return Err(response.refusal());
        }
        self.key = Some(key.to_owned());
        Ok(Outcome::default())
    }

    /// Waits for the next event.
    pub(super) async fn next(&mut self, reach: &mut Reach) -> Result<Bytes, Failure> {
        let event = reach.connection().await?.next_event().await;
        if event.is_err() {
            self.end();
        }
        event
    }

    /// Gives the stream up: the next call begins another.
    pub(super) fn end(&mut self) {
        self.key = None;
    }
}
