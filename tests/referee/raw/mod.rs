//! Raw bytes to kubekv and to the real servers: requests that no well-behaved client sends, identical byte for byte.
//!
//! A case is one connection: requests from a grammar with faults, some of them incomplete, then a plain request that shows
//! whether the connection is still open. Compared are the answers (status line, names of headers by spelling, bodies),
//! their number, and the values of the case's keys afterwards. Each allowed difference is a named rule of
//! docs/compatibility.md.

mod compare;
mod grammar;
mod refused;
mod transcript;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use fastrand::Rng;
use kubekv::face::consul::{Consul, router as consul};
use kubekv::face::etcd::{Etcd, router as etcd};
use support::faces;
use support::http_client;
use tokio::time::Instant;

use self::compare::Verdict;
use self::grammar::{Case, Face};
use self::transcript::{Transcript, exchange};
use crate::settings::{Settings, Store};

/// Numbers of cases: each test takes a quarter of a minute. Writes take longer in etcd.
const CONSUL_CASES: u64 = 1_500;
const ETCD_CASES: u64 = 500;

/// Number of differences after which a run ends.
const MAX_DIFFERENCES: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs consul: tests/run"]
async fn raw_bytes_are_answered_as_consul_does() {
    let real = support::consul::Real::start().await;
    let space = faces::space().await;
    let (own, _stop) = faces::start(|stopping| {
        consul(Consul {
            space,
            stopping,
            node: support::consul::NODE.to_owned(),
            datacenter: "dc1".to_owned(),
            fairness: kubekv::fairness::Fairness::default(),
        })
    })
    .await;
    referee(Face::Consul, own, real.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: tests/run"]
async fn raw_bytes_are_answered_as_etcd_does() {
    let real = support::etcd::Etcd::start().await;
    let space = faces::space().await;
    let (own, _stop) = faces::start(|stopping| {
        etcd(Etcd {
            space,
            stopping,
            advertise: Vec::new(),
            fairness: kubekv::fairness::Fairness::default(),
        })
    })
    .await;
    referee(Face::Etcd, own, real.address).await;
}

/// Runs cases as long as the settings say; panics if there was a difference.
async fn referee(face: Face, own: SocketAddr, real: SocketAddr) {
    let settings = Settings::read();
    assert_eq!(
        settings.store,
        Store::Memory,
        "raw bytes need no other store"
    );
    let cases = match face {
        Face::Consul => CONSUL_CASES,
        Face::Etcd => ETCD_CASES,
    };
    for case in grammar::every_byte(face) {
        let verdict = run(face, &case, own, real).await;
        assert!(
            !matches!(verdict, Verdict::Different(..)),
            "{}: {verdict:?}",
            shown(&case.bytes)
        );
    }
    for case in refused::cases(face) {
        let verdict = run(face, &case, own, real).await;
        assert!(
            matches!(
                verdict,
                Verdict::Same | Verdict::Allowed(compare::WORDS_OF_A_REFUSAL)
            ),
            "{}: {verdict:?}",
            shown(&case.bytes)
        );
    }
    let started = Instant::now();
    let mut rules: BTreeMap<&'static str, u64> = BTreeMap::new();
    let (mut number, mut different) = (settings.case.unwrap_or(0), 0);
    let mut last_summary = started;
    loop {
        if settings.is_over(number, cases) || different >= MAX_DIFFERENCES {
            break;
        }
        let mut rng = Rng::with_seed(settings.seed.wrapping_mul(0x9E37_79B9).wrapping_add(number));
        let case = Case::generate(face, &mut rng, number);
        match run(face, &case, own, real).await {
            Verdict::Same => {}
            Verdict::Allowed(rule) => *rules.entry(rule).or_default() += 1,
            Verdict::Different(ours, theirs) => {
                different += 1;
                let (seed, bytes) = (settings.seed, shown(&case.bytes));
                println!("--- a difference, seed {seed}, case {number}:\n{bytes}");
                println!("real:   {theirs}\nkubekv: {ours}\n");
            }
        }
        number += 1;
        if last_summary.elapsed().as_secs() >= 60 {
            last_summary = Instant::now();
            summary(started, number, different, &rules);
        }
    }
    summary(started, number, different, &rules);
    assert_eq!(different, 0, "differences");
}

async fn run(face: Face, case: &Case, own: SocketAddr, real: SocketAddr) -> Verdict {
    let (ours, theirs) = tokio::join!(exchange(own, case), exchange(real, case));
    let verdict = compare::answers(face, case, &ours, &theirs);
    let (ours, theirs) = tokio::join!(stored(face, own, case), stored(face, real, case));
    if matches!(verdict, Verdict::Same) && ours != theirs {
        return Verdict::Different(ours, theirs);
    }
    verdict
}

/// The values of a case's keys, which are then deleted.
async fn stored(face: Face, server: SocketAddr, case: &Case) -> String {
    let (list, delete) = face.list_and_delete(&case.prefix);
    let listed = http_client::request(server, "GET", &list, &[], b"").await;
    let body = String::from_utf8_lossy(&listed.body).into_owned();
    http_client::request(server, "DELETE", &delete, &[], b"").await;
    format!("{} {}", listed.status, transcript::normal(&body))
}

fn summary(started: Instant, cases: u64, different: usize, rules: &BTreeMap<&'static str, u64>) {
    let seconds = started.elapsed().as_secs();
    println!("{seconds} s: {cases} cases, {different} differences; allowed: {rules:?}");
}

/// Bytes as text, cut after a readable length.
fn shown(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    super::differential::short(&text).replace("\\r\\n", "\\r\\n\n")
}
