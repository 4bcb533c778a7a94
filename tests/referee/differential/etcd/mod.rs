//! Random requests to kubekv and a real etcd 3.4 with `--enable-v2`.
//!
//! Both are brought to the same index before each case, so that all indexes are compared as they are. On a store whose
//! revisions also count other writes than those of clients, indexes are compared by a bijection.

mod compare;
mod generate;

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use http_body_util::BodyExt;
use kubekv::face::etcd::{Etcd as Face, router};
use parking_lot::Mutex;
use support::faces;

use self::compare::{compare, learn};
use super::bijection::Bijection;
use super::case::{Request, Step};
use super::run::{Pair, Protocol, Runner, Verdict, Waiting, redirected, until};
use super::side::{Parked, Progress, Side};
use super::{referee, space};
use crate::settings::{Settings, Store};
use support::etcd::Etcd as Real;
use support::http_client::Answer;

/// The etcd v2 protocol.
#[derive(Debug)]
struct Etcd {
    /// The known pairs of indexes, where indexes are not equal.
    indexes: Option<Bijection>,
}

impl Protocol for Etcd {
    fn generate(&self, rng: &mut Rng) -> Vec<Step> {
        generate::case(rng)
    }

    async fn begin(&mut self, pair: &mut Pair, prefix: &str) {
        if let Some(indexes) = &mut self.indexes {
            *indexes = Bijection::default();
            let (own, real) = (index(&mut pair.own).await, index(&mut pair.real).await);
            pair.own.begin(prefix, own);
            pair.real.begin(prefix, real);
            return;
        }
        let index = level(pair).await;
        pair.own.begin(prefix, index);
        pair.real.begin(prefix, index);
    }

    async fn end(&mut self, pair: &mut Pair) {
        let mut all = Request::new("DELETE", "/v2/keys/$");
        all.query.push("recursive=true".to_owned());
        pair.own.ask(&all).await;
        pair.real.ask(&all).await;
    }

    async fn judge(
        &mut self,
        pair: &mut Pair,
        request: &Request,
        own: &Answer,
        real: &Answer,
    ) -> Verdict {
        learn(&mut pair.real, real);
        if self.indexes.is_some() {
            learn(&mut pair.own, own);
        } else {
            // Their indexes are equal; kubekv may report more events where a rule allows it.
            pair.own.indexes.clone_from(&pair.real.indexes);
        }
        let verdict = compare(&mut self.indexes, pair, request, own, real);
        if self.indexes.is_none() && matches!(verdict, Verdict::Allowed(_)) {
            level(pair).await;
        }
        verdict
    }

    async fn park(&mut self, pair: &mut Pair, request: &Request) -> (Verdict, Option<Waiting>) {
        let (ours, own) = pair.own.open(request).await;
        let (mut theirs, mut real) = pair.real.open(request).await;
        if let Some(followed) = redirected(request, &ours, &theirs) {
            (theirs, real) = pair.real.open(&followed).await;
        }
        let read = |head: &Answer, body| {
            Parked::new(Some(head.clone()), |progress| read_on(body, progress))
        };
        let waiting = Waiting {
            request: request.clone(),
            own: read(&ours, own),
            real: read(&theirs, real),
        };
        if ours.status != 200 || theirs.status != 200 {
            // An error has a complete body.
            let _both = until(pair.patience, || {
                waiting.own.progress.lock().ended && waiting.real.progress.lock().ended
            })
            .await;
            let answer = |parked: &Parked| parked.progress.lock().answer.clone().unwrap();
            let (ours, theirs) = (answer(&waiting.own), answer(&waiting.real));
            return (self.judge(pair, request, &ours, &theirs).await, None);
        }
        match self.judge(pair, request, &ours, &theirs).await {
            Verdict::Same => (Verdict::Same, Some(waiting)),
            other @ (Verdict::Allowed(_) | Verdict::Parted(_) | Verdict::Different(..)) => {
                (other, None)
            }
        }
    }

    async fn compare_poll(
        &mut self,
        pair: &mut Pair,
        waiting: Waiting,
        cause: Option<&Request>,
    ) -> (Verdict, Option<Waiting>) {
        if cause.is_none() {
            // Gives an event that should not be sent time to arrive.
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        let now = || {
            let (own, real) = (waiting.own.progress.lock(), waiting.real.progress.lock());
            let (ours, theirs) = (own.answer.clone().unwrap(), real.answer.clone().unwrap());
            (ours, theirs, own.ended, real.ended)
        };
        let same = |(own, real, ended, real_ended): &(Answer, Answer, bool, bool)| {
            // Only the comparison below may learn pairs of indexes.
            let mut indexes = self.indexes.clone();
            let verdict = compare(&mut indexes, pair, &waiting.request, own, real);
            !matches!(verdict, Verdict::Different(..)) && ended == real_ended
        };
        let _in_time = until(pair.patience, || same(&now())).await;
        let (own, real, ended, real_ended) = now();
        let verdict = self.judge(pair, &waiting.request, &own, &real).await;
        let goes_on = matches!(verdict, Verdict::Same | Verdict::Allowed(_));
        if goes_on && ended != real_ended {
            let state = |ended| format!("ended: {ended}");
            return (Verdict::Different(state(ended), state(real_ended)), None);
        }
        (verdict, (goes_on && !ended).then_some(waiting))
    }

    fn is_gone(&self, answer: &Answer) -> bool {
        answer.status == 404
    }
}

/// Reads a body as it arrives.
async fn read_on(body: Option<hyper::body::Incoming>, to: Arc<Mutex<Progress>>) {
    if let Some(mut body) = body {
        while let Some(Ok(frame)) = body.frame().await {
            let mut progress = to.lock();
            if let (Some(answer), Ok(data)) = (&mut progress.answer, frame.into_data()) {
                answer.body = [&answer.body[..], &data[..]].concat().into();
            }
        }
    }
    to.lock().ended = true;
}

async fn index(side: &mut Side) -> u64 {
    let answer = side.ask(&Request::new("HEAD", "/v2/keys/")).await;
    answer.header("x-etcd-index").parse().unwrap()
}

/// Brings both servers to the same index; returns it.
async fn level(pair: &mut Pair) -> u64 {
    let (own, real) = (index(&mut pair.own).await, index(&mut pair.real).await);
    let put = Request::new("PUT", "/v2/keys/_level");
    for _ in own..real {
        pair.own.ask(&put).await;
    }
    for _ in real..own {
        pair.real.ask(&put).await;
    }
    assert_eq!(index(&mut pair.own).await, index(&mut pair.real).await);
    own.max(real)
}

#[tokio::test]
#[ignore = "needs etcd: tests/run"]
async fn random_requests_are_answered_as_etcd_does() {
    run(&Settings::read(), 100).await;
}

#[tokio::test]
#[ignore = "needs etcd and Kubernetes: tests/run"]
async fn kubernetes_store_answers_as_etcd_does() {
    run(&Settings::of_a_test(Store::Kubernetes), 20).await;
}

#[tokio::test]
#[ignore = "needs etcd: tests/run"]
async fn etcd_store_answers_as_etcd_does() {
    run(&Settings::of_a_test(Store::Etcd), 20).await;
}

async fn run(settings: &Settings, cases: u64) {
    let (space, _directory) = space(settings).await;
    let face = |stopping| {
        router(Face {
            fairness: kubekv::fairness::Fairness::default(),
            space,
            stopping,
            advertise: Vec::new(),
        })
    };
    let (address, _stop) = faces::start(face).await;
    let real = Real::start().await;
    let gaps = matches!(settings.store, Store::Kubernetes | Store::Etcd);
    let etcd = Etcd {
        indexes: gaps.then(Bijection::default),
    };
    let mut runner = Runner::new(etcd, Side::new(address), Side::new(real.address));
    (runner.pair.own.gaps, runner.pair.real.gaps) = (gaps, gaps);
    referee(&mut runner, settings, cases).await;
}
