//! Runner of cases: every step on both servers, one step after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use super::case::{Request, Step};
use super::side::{Parked, Side};
use support::http_client::Answer;

/// The result of comparing two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are equal.
    Same,
    /// They differ as this rule allows, and the case goes on.
    Allowed(&'static str),
    /// They differ as this rule allows, and the rest of the case cannot be compared.
    Parted(&'static str),
    /// They differ: kubekv's, and the real server's.
    Different(String, String),
}

/// Both servers.
#[derive(Debug)]
pub struct Pair {
    pub own: Side,
    pub real: Side,
    /// The time by which one server may send an event or wake a poll later than the other.
    pub patience: Duration,
}

/// The patience of a first run.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A request parked on both servers.
#[derive(Debug)]
pub struct Waiting {
    pub request: Request,
    pub own: Parked,
    pub real: Parked,
}

/// The part of the tests that is specific to a protocol.
pub trait Protocol {
    /// A random case.
    fn generate(&self, rng: &mut Rng) -> Vec<Step>;
    /// Prepares the servers for a case with this prefix.
    async fn begin(&mut self, pair: &mut Pair, prefix: &str);
    /// Allows a difference if the real server has exited.
    async fn real_ended(&mut self) -> Verdict {
        Verdict::Same
    }
    /// Removes the entries of a case.
    async fn end(&mut self, pair: &mut Pair);
    /// Compares two answers, and lets both sides learn from them.
    async fn judge(
        &mut self,
        pair: &mut Pair,
        request: &Request,
        own: &Answer,
        real: &Answer,
    ) -> Verdict;
    /// Begins a request that may block; answers sent before it blocks are compared too.
    async fn park(&mut self, pair: &mut Pair, request: &Request) -> (Verdict, Option<Waiting>);
    /// Compares the answers of a poll after `cause`, or at the end; returns the poll if it is still open.
    async fn compare_poll(
        &mut self,
        pair: &mut Pair,
        waiting: Waiting,
        cause: Option<&Request>,
    ) -> (Verdict, Option<Waiting>);
    /// Whether the answer says that the key or session does not exist.
    fn is_gone(&self, answer: &Answer) -> bool;
}

/// Counts of a run.
#[derive(Debug, Default)]
pub struct Counts {
    pub cases: u64,
    pub steps: u64,
    pub parked: u64,
    pub rules: BTreeMap<&'static str, u64>,
    pub unsendable: u64,
}

/// A difference: after which step, and both answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The number of steps until it showed.
    pub steps: usize,
    /// The request whose answers differ.
    pub about: String,
    pub own: String,
    pub real: String,
}

/// Both servers, and the counts of the cases run on them.
#[derive(Debug)]
pub struct Runner<P> {
    pub protocol: P,
    pub pair: Pair,
    pub counts: Counts,
    prefixes: u64,
}

impl<P: Protocol> Runner<P> {
    pub fn new(protocol: P, own: Side, real: Side) -> Self {
        Self {
            protocol,
            pair: Pair {
                own,
                real,
                patience: PATIENCE,
            },
            counts: Counts::default(),
            prefixes: 0,
        }
    }

    /// Runs a case under a fresh prefix.
    pub async fn run(&mut self, steps: &[Step]) -> Option<Difference> {
        self.prefixes += 1;
        self.counts.cases += 1;
        let prefix = format!("d{:07}", self.prefixes);
        self.protocol.begin(&mut self.pair, &prefix).await;
        let mut waiting = Vec::new();
        let mut difference = self.steps(steps, &mut waiting).await;
        drop(waiting);
        if difference.is_some() {
            let verdict = self.protocol.real_ended().await;
            if self.count(verdict) != Verdict::Same {
                difference = None;
            }
        }
        self.protocol.end(&mut self.pair).await;
        difference
    }

    async fn steps(&mut self, steps: &[Step], waiting: &mut Vec<Waiting>) -> Option<Difference> {
        for (at, step) in steps.iter().enumerate() {
            self.counts.steps += 1;
            let difference = |request: &Request, own, real| Difference {
                steps: at + 1,
                about: request.to_string(),
                own,
                real,
            };
            let (verdict, request) = match step {
                Step::Ask(request) => (self.ask(request).await, request),
                Step::Gone(request, gone) => match self.gone(request, gone).await {
                    (verdict, true) => (verdict, request),
                    (verdict, false) => (verdict, gone),
                },
                Step::Park(request) => {
                    self.counts.parked += 1;
                    let (verdict, parked) = if self.pair.own.can_send(request) {
                        self.protocol.park(&mut self.pair, request).await
                    } else {
                        (Verdict::Same, None)
                    };
                    waiting.extend(parked);
                    (verdict, request)
                }
            };
            match self.count(verdict) {
                Verdict::Different(own, real) => return Some(difference(request, own, real)),
                Verdict::Parted(_) => return None,
                Verdict::Same | Verdict::Allowed(_) => {}
            }
            for poll in std::mem::take(waiting) {
                let about = poll.request.clone();
                let (verdict, again) = self
                    .protocol
                    .compare_poll(&mut self.pair, poll, Some(request))
                    .await;
                waiting.extend(again);
                if let Verdict::Different(own, real) = self.count(verdict) {
                    return Some(difference(&about, own, real));
                }
            }
        }
        for poll in std::mem::take(waiting) {
            let about = poll.request.clone();
            let (verdict, _) = self.protocol.compare_poll(&mut self.pair, poll, None).await;
            if let Verdict::Different(own, real) = self.count(verdict) {
                return Some(Difference {
                    steps: steps.len(),
                    about: about.to_string(),
                    own,
                    real,
                });
            }
        }
        None
    }

    fn count(&mut self, verdict: Verdict) -> Verdict {
        if let Verdict::Allowed(rule) | Verdict::Parted(rule) = verdict {
            *self.counts.rules.entry(rule).or_default() += 1;
        }
        verdict
    }

    async fn ask(&mut self, request: &Request) -> Verdict {
        if !self.pair.own.can_send(request) {
            self.counts.unsendable += 1;
            return Verdict::Same;
        }
        let Pair { own, real, .. } = &mut self.pair;
        let ours = own.ask(request).await;
        let mut theirs = real.ask(request).await;
        if theirs.status == 301 && ours.status == 400 && !request.reads() {
            return Verdict::Allowed("write with dots");
        }
        if let Some(followed) = redirected(request, &ours, &theirs) {
            *self.counts.rules.entry("redirect").or_default() += 1;
            theirs = self.pair.real.ask(&followed).await;
        }
        self.protocol
            .judge(&mut self.pair, request, &ours, &theirs)
            .await
    }

    /// Sends a request, then waits until the second one is answered as gone by both; also returns whether the verdict is about
    /// the first request.
    async fn gone(&mut self, request: &Request, gone: &Request) -> (Verdict, bool) {
        let verdict = self.ask(request).await;
        if verdict != Verdict::Same {
            return (verdict, true);
        }
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let Pair { own, real, .. } = &mut self.pair;
            let (ours, theirs) = (own.ask(gone).await, real.ask(gone).await);
            let both = self.protocol.is_gone(&ours) && self.protocol.is_gone(&theirs);
            if both || Instant::now() > end {
                let judged = self
                    .protocol
                    .judge(&mut self.pair, gone, &ours, &theirs)
                    .await;
                return (judged, false);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The request that follows a redirect, where only the real server redirected.
pub fn redirected(request: &Request, own: &Answer, real: &Answer) -> Option<Request> {
    if real.status != 301 || own.status == 301 {
        return None;
    }
    let location = real.header("location");
    let (path, query) = location.split_once('?').unwrap_or((location, ""));
    let mut followed = request.clone();
    path.clone_into(&mut followed.path);
    followed.query = match query {
        "" => Vec::new(),
        query => vec![query.to_owned()],
    };
    Some(followed)
}

/// Waits until a condition holds, with growing pauses; returns whether it did.
pub async fn until(longest: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + longest;
    let mut pause = Duration::from_micros(200);
    while !holds() {
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(10));
    }
    true
}
