//! Differential tests: long, random, seeded sequences of requests, invalid ones among them, to kubekv and to real servers.
//!
//! Every answer is compared; each allowed difference is a named rule. Any other difference is shortened to the fewest
//! requests that show it and printed with both answers.

mod bijection;
mod case;
mod consul;
mod etcd;
mod run;
mod shrink;
mod side;

use std::collections::BTreeSet;
use std::sync::Arc;

use fastrand::Rng;
use kubekv::guard::Bounds;
use kubekv::space::Keyspace;
use kubekv::store::Store;
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore, OnFatal};
use kubekv::store::shared::{SharedStore, Term};
use prometheus_client::registry::Registry;
use support::faces;
use support::kubernetes;
use tokio::time::Instant;

use self::case::Step;
pub use self::case::short;
use self::run::{Difference, Protocol, Runner};
use crate::settings::{self, Settings};
use support::etcd_member::Member;

/// Number of differences after which a run ends.
const MAX_DIFFERENCES: usize = 30;

/// Runs cases until the time or their number is reached; panics if there was a difference.
async fn referee<P: Protocol>(runner: &mut Runner<P>, settings: &Settings, cases: u64) {
    let started = Instant::now();
    let mut known = BTreeSet::new();
    let mut unconfirmed = 0;
    let mut number = settings.case.unwrap_or(0);
    let mut last_summary = started;
    loop {
        if settings.is_over(number, cases) || known.len() >= MAX_DIFFERENCES {
            break;
        }
        let mut rng = Rng::with_seed(settings.seed.wrapping_mul(0x9E37_79B9).wrapping_add(number));
        let steps = runner.protocol.generate(&mut rng);
        if let Some(first) = runner.run(&steps).await {
            match shrink::confirm(runner, &steps).await {
                None => {
                    unconfirmed += 1;
                    println!("(once only)");
                    print_difference(settings.seed, number, &steps[..first.steps], &first);
                }
                Some(found) => {
                    let (steps, found) = shrink::shrink(runner, steps, found).await;
                    if known.insert(kind(&steps)) {
                        print_difference(settings.seed, number, &steps, &found);
                    }
                }
            }
        }
        number += 1;
        if last_summary.elapsed().as_secs() >= 60 {
            last_summary = Instant::now();
            summary(runner, started, known.len(), unconfirmed);
        }
    }
    summary(runner, started, known.len(), unconfirmed);
    assert!(known.is_empty(), "{} differences", known.len());
    assert_eq!(unconfirmed, 0, "differences that a second run did not show");
}

/// The identity of a difference: its requests without their numbers.
fn kind(steps: &[Step]) -> String {
    let text: Vec<_> = steps.iter().map(Step::to_string).collect();
    text.join("\n")
        .chars()
        .filter(|letter| !letter.is_ascii_digit())
        .collect()
}

fn print_difference(seed: u64, case: u64, steps: &[Step], found: &Difference) {
    println!("--- a difference, seed {seed}, case {case}:");
    for step in steps {
        println!("{step}");
    }
    println!("about:  {}", found.about);
    println!("real:   {}", found.real);
    println!("kubekv: {}\n", found.own);
}

fn summary<P>(runner: &Runner<P>, started: Instant, different: usize, unconfirmed: u64) {
    let counts = &runner.counts;
    println!(
        "{} s: {} cases, {} steps, {} polls, {} not to be sent, {different} differences, {unconfirmed} unconfirmed; allowed: {:?}",
        started.elapsed().as_secs(),
        counts.cases,
        counts.steps,
        counts.parked,
        counts.unsendable,
        counts.rules,
    );
}

/// Resources that a store needs while it is used.
#[derive(Debug)]
enum Needed {
    Nothing,
    Directory(#[expect(dead_code, reason = "held")] tempfile::TempDir),
    Lead(
        #[expect(dead_code, reason = "held")] Box<SharedStore>,
        #[expect(dead_code, reason = "held")] Term,
        #[expect(dead_code, reason = "held")] Option<Box<Member>>,
    ),
}

/// A keyspace on the store of the settings.
async fn space(settings: &Settings) -> (Keyspace, Needed) {
    let (store, needed): (Arc<dyn Store>, _) = match settings.store {
        settings::Store::Memory => return (faces::space().await, Needed::Nothing),
        settings::Store::Embedded => {
            let directory = tempfile::tempdir().unwrap();
            let on_fatal: OnFatal = Arc::new(|line| panic!("the store ended: {line}"));
            let options = EmbeddedOptions::new(directory.path().join("store"), on_fatal);
            (
                Arc::new(EmbeddedStore::new(options)),
                Needed::Directory(directory),
            )
        }
        settings::Store::Kubernetes => {
            let (shared, term) = kubernetes::lead(&kubernetes::namespace()).await;
            (term.store(), Needed::Lead(Box::new(shared), term, None))
        }
        settings::Store::Etcd => {
            let member = Member::start("etcd-3.6");
            let (shared, term) = member.lead("referee").await;
            (
                term.store(),
                Needed::Lead(Box::new(shared), term, Some(Box::new(member))),
            )
        }
    };
    let admit = Arc::new(Bounds::new(store.limits()));
    let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
    (opened.unwrap().0, needed)
}

/// The sources that name rules.
const RULES: [&str; 5] = [
    include_str!("../raw/compare.rs"),
    include_str!("run.rs"),
    include_str!("consul/compare.rs"),
    include_str!("consul/mod.rs"),
    include_str!("etcd/compare.rs"),
];

#[test]
fn every_rule_is_documented_and_every_documented_rule_exists() {
    let page = include_str!("../../../docs/compatibility.md");
    let section = page
        .split("## What the random requests allow")
        .nth(1)
        .unwrap();
    let section = section.split("\n## ").next().unwrap();
    let explained: BTreeSet<_> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let opens = [
        "WORDS_OF_A_REFUSAL: &str = \"",
        "Verdict::Allowed(\"",
        "Verdict::Parted(\"",
        ".entry(\"",
        "allowed(\"",
    ];
    let named: BTreeSet<_> = RULES
        .iter()
        .flat_map(|source| opens.map(|open| source.split(open).skip(1)))
        .flatten()
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(named, explained);
}
