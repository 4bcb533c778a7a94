//! Random requests to kubekv and a real Consul 1.8.7 in server mode.
//!
//! Indexes are compared by a bijection learnt from the case's answers: equal indexes of Consul correspond to equal indexes
//! of kubekv, later ones to later ones.

mod compare;
mod generate;
mod watch;

use std::time::Duration;

use fastrand::Rng;
use kubekv::face::consul::{Consul as Face, router};
use support::faces;

use self::compare::compare;
use super::bijection::Bijection;
use super::case::{Request, Step};
use super::run::{Pair, Protocol, Runner, Verdict, Waiting, redirected, until};
use super::side::{Parked, Side};
use super::{referee, space};
use crate::settings::{Settings, Store};
use support::consul::{NODE, Real};
use support::http_client::Answer;

/// Consul's protocol, with the known pairs of the case's indexes.
struct Consul {
    real: Real,
    indexes: Bijection,
    /// Answered requests of the case, for rules that depend on earlier requests.
    asked: Vec<Request>,
}

impl Protocol for Consul {
    fn generate(&self, rng: &mut Rng) -> Vec<Step> {
        generate::case(rng)
    }

    async fn begin(&mut self, pair: &mut Pair, prefix: &str) {
        if self.real.has_ended() {
            self.real = Real::start().await;
            pair.real = Side::new(self.real.address);
        }
        self.indexes = Bijection::default();
        self.asked.clear();
        for side in [&mut pair.own, &mut pair.real] {
            side.begin(prefix, 0);
            // One key stays in the list of the whole case, so that the list's index is always its own, not that of a missing key.
            let mut keep = Request::new("PUT", "/v1/kv/$/keep");
            keep.body = super::case::Body::Text("kept".to_owned());
            side.ask(&keep).await;
            let answer = side.ask(&Request::new("GET", "/v1/kv/$/keep")).await;
            let index = answer.header("x-consul-index").parse().unwrap();
            side.begin(prefix, index);
        }
        let [own, real] = [&pair.own, &pair.real].map(|side| side.indexes[""]);
        self.indexes.pair(own, real);
    }

    async fn real_ended(&mut self) -> Verdict {
        let real = &mut self.real;
        // Consul writes its crash report before it exits.
        let ended = until(Duration::from_secs(1), || real.has_ended()).await;
        if ended {
            Verdict::Parted("Consul ends")
        } else {
            Verdict::Same
        }
    }

    async fn end(&mut self, pair: &mut Pair) {
        for side in [&mut pair.own, &mut pair.real] {
            for id in side.ids.clone() {
                side.ask(&Request::new("PUT", format!("/v1/session/destroy/{id}")))
                    .await;
            }
            let mut all = Request::new("DELETE", "/v1/kv/$");
            all.query.push("recurse".to_owned());
            side.ask(&all).await;
        }
    }

    async fn judge(
        &mut self,
        pair: &mut Pair,
        request: &Request,
        own: &Answer,
        real: &Answer,
    ) -> Verdict {
        let verdict = compare(self, pair, request, own, real);
        self.asked.push(request.clone());
        verdict
    }

    async fn park(&mut self, pair: &mut Pair, request: &Request) -> (Verdict, Option<Waiting>) {
        let ours = pair.own.ask(request).await;
        let mut followed = request.clone();
        let mut theirs = pair.real.ask(request).await;
        if let Some(clean) = redirected(request, &ours, &theirs) {
            theirs = pair.real.ask(&clean).await;
            followed = clean;
        }
        let verdict = self.judge(pair, request, &ours, &theirs).await;
        if verdict != Verdict::Same || ours.header("x-consul-index").is_empty() {
            return (verdict, None);
        }
        let waiting = Waiting {
            own: watch::begin(&pair.own, request, ours),
            real: watch::begin(&pair.real, &followed, theirs),
            request: request.clone(),
        };
        (verdict, Some(waiting))
    }

    async fn compare_poll(
        &mut self,
        pair: &mut Pair,
        waiting: Waiting,
        cause: Option<&Request>,
    ) -> (Verdict, Option<Waiting>) {
        let ended = |parked: &Parked| parked.progress.lock().ended;
        let both = || ended(&waiting.own) == ended(&waiting.real);
        if cause.is_none_or(|cause| watch::concerns(cause, &waiting.request)) {
            // A poll that this request wakes is woken soon.
            let _either = until(Duration::from_millis(30), || {
                ended(&waiting.own) || ended(&waiting.real)
            })
            .await;
        }
        let _in_time = until(pair.patience, both).await;
        let state = |ended| if ended { "answered" } else { "still waiting" }.to_owned();
        let (own, real) = (ended(&waiting.own), ended(&waiting.real));
        if own != real {
            return (Verdict::Different(state(own), state(real)), None);
        }
        if !own {
            return (Verdict::Same, Some(waiting));
        }
        let [(ours, unchanged), (theirs, real_unchanged)] =
            [&waiting.own, &waiting.real].map(|parked| {
                let mut progress = parked.progress.lock();
                (progress.answer.take().unwrap(), progress.unchanged)
            });
        let verdict = self.judge(pair, &waiting.request, &ours, &theirs).await;
        if verdict == Verdict::Same && unchanged > real_unchanged {
            let wakeups = |unchanged| format!("woken {unchanged} times without a change");
            return (
                Verdict::Different(wakeups(unchanged), wakeups(real_unchanged)),
                None,
            );
        }
        (verdict, None)
    }

    fn is_gone(&self, answer: &Answer) -> bool {
        answer.status == 404 || &answer.body[..] == b"[]"
    }
}

#[tokio::test]
#[ignore = "needs consul: tests/run"]
async fn random_requests_are_answered_as_consul_does() {
    run(&Settings::read(), 60).await;
}

#[tokio::test]
#[ignore = "needs consul and Kubernetes: tests/run"]
async fn kubernetes_store_answers_as_consul_does() {
    run(&Settings::of_a_test(Store::Kubernetes), 15).await;
}

#[tokio::test]
#[ignore = "needs consul and etcd: tests/run"]
async fn etcd_store_answers_as_consul_does() {
    run(&Settings::of_a_test(Store::Etcd), 15).await;
}

async fn run(settings: &Settings, cases: u64) {
    let (space, _directory) = space(settings).await;
    let face = |stopping| {
        router(Face {
            fairness: kubekv::fairness::Fairness::default(),
            space,
            stopping,
            node: NODE.to_owned(),
            datacenter: "dc1".to_owned(),
        })
    };
    let (address, _stop) = faces::start(face).await;
    let real = Real::start().await;
    let theirs = Side::new(real.address);
    let consul = Consul {
        real,
        indexes: Bijection::default(),
        asked: Vec::new(),
    };
    let mut runner = Runner::new(consul, Side::new(address), theirs);
    referee(&mut runner, settings, cases).await;
}
