//! `AskedServer`: a server that two clients go on asking, one for a write and one for a read, and how long they waited.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::error::FieldError;
use crate::bench::client::{Consistency, Failure};
use crate::bench::run::AnyClient;
use crate::bench::target::LoadTarget;
use crate::config::{BENCH_OPTIONS, BENCH_TARGET, SettingOrigin, Settings, bench_target};

/// How long a request may take until another one is sent, over a new connection: one that reached a server while it started may never
/// be answered.
const REQUEST: Duration = Duration::from_secs(1);

/// The time from an answer, or a failure, to the next request.
const PAUSE: Duration = Duration::from_millis(2);

/// The longest time in which clients that went on asking were not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// To a write.
    pub write: Duration,
    /// To a read.
    pub read: Duration,
}

/// What the two clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AskedFor {
    Write,
    Read,
}

/// What came of the requests of a client.
#[derive(Debug, Default)]
struct Answers {
    /// When the last request that was answered was sent, and when it was answered.
    last: Option<(Instant, Instant)>,
    /// The longest time between two answers.
    longest: Duration,
    /// The last failure.
    failure: Option<Failure>,
}

impl Answers {
    /// Notes what came of a request.
    fn note(&mut self, result: Result<(), Failure>, sent: Instant, answered: Instant) {
        if let Err(failure) = result {
            self.failure = Some(failure);
        } else if let Some((_sent, before)) = self.last.replace((sent, answered)) {
            let waited = answered.saturating_duration_since(before);
            self.longest = self.longest.max(waited);
        }
    }
}

/// A server that is asked until this is dropped. It lives in a set of local tasks.
pub(super) struct AskedServer {
    writes: Rc<RefCell<Answers>>,
    reads: Rc<RefCell<Answers>>,
    asking: tokio::task::JoinSet<()>,
}

impl AskedServer {
    /// Begins to write and to read a key that exists. `access` is how clients reach the server.
    pub(super) async fn begin(url: &str, access: &[String], key: &str) -> Result<Self, FieldError> {
        let target = Arc::new(resolve(url, access).await?);
        let mut server = Self {
            writes: Rc::default(),
            reads: Rc::default(),
            asking: tokio::task::JoinSet::new(),
        };
        for (number, asked_for, answers) in [
            (0, AskedFor::Write, &server.writes),
            (1, AskedFor::Read, &server.reads),
        ] {
            let client = AnyClient::new(&target, number, Consistency::Linearizable);
            let asking = ask(client, asked_for, key.to_owned(), Rc::downgrade(answers));
            server.asking.spawn_local(asking);
        }
        Ok(server)
    }

    /// Whether a write and a read were answered that were sent after a time.
    pub(super) fn has_answered_since(&self, after: Instant) -> bool {
        [&self.writes, &self.reads].into_iter().all(|answers| {
            let last = answers.borrow().last;
            last.is_some_and(|(sent, _answered)| sent >= after)
        })
    }

    /// Forgets how long answers took so far.
    pub(super) fn forget(&self) {
        for answers in [&self.writes, &self.reads] {
            answers.borrow_mut().longest = Duration::ZERO;
        }
    }

    /// The longest times without an answer since that.
    pub(super) fn longest(&self) -> Outage {
        Outage {
            write: self.writes.borrow().longest,
            read: self.reads.borrow().longest,
        }
    }

    /// The last failure, in words.
    pub(super) fn failure(&self) -> String {
        let answers = [&self.writes, &self.reads].into_iter();
        let mut failures = answers.filter_map(|answers| answers.borrow().failure.clone());
        failures
            .next()
            .map_or_else(|| "no request failed".to_owned(), |why| why.to_string())
    }
}

async fn resolve(url: &str, access: &[String]) -> Result<LoadTarget, FieldError> {
    let refused = |why: String| FieldError::io(url, std::io::Error::other(why));
    let mut settings = Settings::default();
    settings.set(BENCH_TARGET, url, SettingOrigin::Flag(BENCH_TARGET));
    for (name, ..) in BENCH_OPTIONS {
        let flag = format!("--{name}");
        let mut pairs = access.iter().zip(access.iter().skip(1));
        if let Some((_flag, value)) = pairs.find(|(given, _)| **given == flag) {
            settings.set(name, value, SettingOrigin::Flag(name));
        }
    }
    let parsed = bench_target(&mut settings, []).map_err(|error| refused(error.to_string()));
    let (url, access) = parsed?;
    let resolved = LoadTarget::resolve_any(&url, &access, None, false).await;
    resolved.map_err(|error| refused(error.to_string()))
}

/// Asks as long as somebody has the answers.
async fn ask(
    mut client: AnyClient,
    asked_for: AskedFor,
    key: String,
    answers: Weak<RefCell<Answers>>,
) {
    let mut count = 0_u64;
    loop {
        count = count.wrapping_add(1);
        let value = count.to_string();
        let sent = Instant::now();
        let request = async {
            match asked_for {
                AskedFor::Write => client.put(&key, value.as_bytes()).await,
                AskedFor::Read => client.get(&key).await,
            }
        };
        let result = timeout(REQUEST, request).await;
        let answered = Instant::now();
        let result = result.unwrap_or(Err(Failure::Timeout));
        let Some(answers) = answers.upgrade() else {
            return;
        };
        answers.borrow_mut().note(result.map(drop), sent, answered);
        drop(answers);
        sleep(PAUSE).await;
    }
}
