//! Rules of the proxy: an action, and the requests it applies to.

use std::sync::Arc;

use http::Method;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::until::until;

/// The treatment of a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// It stays here until it is released, as if its last byte were missing, and is forwarded then.
    Hold,
    /// It is forwarded; the answer is delivered when it is released.
    HoldAnswer,
    /// It is not forwarded, and its connection ends.
    Drop,
    /// It is forwarded, and its connection ends instead of an answer.
    DropAnswer,
    /// It is forwarded, and the status of the answer is recorded.
    Note,
    /// A gateway timeout is answered; it is forwarded when it is released.
    TimeOut,
    /// It is not forwarded; this is the answer.
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
}

impl Action {
    /// An answer as an API server gives it when it refuses.
    pub fn refuse(status: u16, reason: &str, message: &str) -> Self {
        let body = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": status,
        });
        Self::Answer {
            status,
            headers: Vec::new(),
            body: body.to_string(),
        }
    }

    /// The same, with a `Retry-After` header.
    pub fn refuse_for(status: u16, reason: &str, message: &str, seconds: u64) -> Self {
        let Self::Answer { status, body, .. } = Self::refuse(status, reason, message) else {
            panic!("it is an answer");
        };
        let headers = vec![("retry-after", seconds.to_string())];
        Self::Answer {
            status,
            headers,
            body,
        }
    }
}

/// The requests of a rule: those that match every condition named.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    method: Option<Method>,
    uri: Vec<String>,
    body: Vec<String>,
    skip: usize,
    times: Option<usize>,
}

impl Requests {
    /// Of any method.
    pub fn any() -> Self {
        Self::default()
    }

    pub fn of(method: &str) -> Self {
        Self {
            method: Some(method.parse().unwrap()),
            ..Self::default()
        }
    }

    /// With this in the path or query.
    #[must_use]
    pub fn at(mut self, part: &str) -> Self {
        self.uri.push(part.to_owned());
        self
    }

    /// With this in the body.
    #[must_use]
    pub fn with(mut self, part: &str) -> Self {
        self.body.push(part.to_owned());
        self
    }

    /// Of the object of this key.
    #[must_use]
    pub fn of_key(self, key: &str) -> Self {
        self.with(&format!("\"key\":{}", serde_json::json!(key)))
    }

    /// But for the first so many.
    #[must_use]
    pub fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    /// Only so many.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    /// Only the first.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    pub(super) fn fit(&self, method: &Method, uri: &str, body: &[u8]) -> bool {
        let body = String::from_utf8_lossy(body);
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self.uri.iter().all(|part| uri.contains(part))
            && self.body.iter().all(|part| body.contains(part))
    }
}

/// A rule that is in force until it is lifted.
#[derive(Clone, Debug)]
pub struct Rule {
    requests: Requests,
    pub(super) action: Action,
    /// The number of requests it matched, and the number it was applied to.
    fitted: Arc<Mutex<(usize, usize)>>,
    released: watch::Sender<bool>,
    /// The statuses of the API server's answers to forwarded requests.
    pub(super) answers: Arc<Mutex<Vec<u16>>>,
    lifted: Arc<Mutex<bool>>,
}

impl Rule {
    pub(super) fn new(requests: Requests, action: Action) -> Self {
        Self {
            requests,
            action,
            fitted: Arc::default(),
            released: watch::Sender::new(false),
            answers: Arc::default(),
            lifted: Arc::default(),
        }
    }

    /// The number of requests it was applied to.
    pub fn met(&self) -> usize {
        self.fitted.lock().1
    }

    /// Waits until it was applied to a request.
    pub fn wait(&self) {
        until(&format!("a request of {:?}", self.requests), || {
            self.met() > 0
        });
    }

    /// The statuses of the API server's answers to forwarded requests.
    pub fn answers(&self) -> Vec<u16> {
        self.answers.lock().clone()
    }

    /// Releases the held requests, and waits until the API server has answered one of them.
    pub fn release(&self) -> u16 {
        self.lift();
        until("an answer to what was held", || {
            !self.answers.lock().is_empty()
        });
        self.answers.lock().last().copied().unwrap()
    }

    /// Ends the rule; held requests are forwarded.
    pub fn lift(&self) {
        *self.lifted.lock() = true;
        self.released.send_replace(true);
    }

    pub(super) fn applies(&self, method: &Method, uri: &str, body: &[u8]) -> bool {
        if *self.lifted.lock() || !self.requests.fit(method, uri, body) {
            return false;
        }
        let mut fitted = self.fitted.lock();
        fitted.0 += 1;
        let applies = fitted.0 > self.requests.skip
            && self.requests.times.is_none_or(|times| fitted.1 < times);
        fitted.1 += usize::from(applies);
        applies
    }

    pub(super) async fn until_released(&self) {
        let mut released = self.released.subscribe();
        let _released = released.wait_for(|released| *released).await;
    }
}
