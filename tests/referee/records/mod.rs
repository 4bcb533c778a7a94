//! The checks of Docker's records beside libnetwork's own decoders: what the Docker guard takes never harms a daemon.
//!
//! Good records are mutated at random, by a seed; each that is taken is decoded by the referee, which does with it what a daemon
//! does. By hand, a million of them in a few minutes: `KUBEKV_RECORDS=1000000 KUBEKV_SEED=7 cargo test --test referee
//! never_harms -- --ignored`.

mod good;
mod json;
mod mutator;
mod referee;

use std::collections::BTreeMap;

use fastrand::Rng;
use kubekv::docker::RecordPlace;

use self::mutator::mutated;
use self::referee::Referee;

/// Records of a run that no option makes longer.
const RECORDS: u64 = 4_000;

#[test]
#[ignore = "needs libnetwork's decoders: tests/run"]
fn what_the_guard_takes_never_harms_a_daemon() {
    let records = variable("KUBEKV_RECORDS").unwrap_or(RECORDS);
    let seed = variable("KUBEKV_SEED").unwrap_or(1);
    let mut referee = Referee::start();
    let mut harmful = Vec::new();
    let mut rng = Rng::with_seed(seed);
    let mut taken: BTreeMap<&str, u64> = BTreeMap::new();
    let mut refused: BTreeMap<&str, u64> = BTreeMap::new();
    for number in 0..records {
        let good = rng.choice(good::RECORDS).unwrap();
        let value = mutated(&mut rng, good.value.as_bytes());
        let place = RecordPlace::of(good.key.as_bytes()).unwrap();
        match place.check(&value) {
            Ok(_) => {
                *taken.entry(good.kind).or_default() += 1;
                referee.ask(good.kind, &value);
            }
            Err(fault) => *refused.entry(fault.name()).or_default() += 1,
        }
        if number % 1_000 == 999 || number + 1 == records {
            harmful.extend(referee.settle());
        }
        assert!(harmful.len() < 20, "seed {seed}: {harmful:#?}");
    }
    assert!(harmful.is_empty(), "seed {seed}: {harmful:#?}");
    // It would prove nothing otherwise.
    let kinds: Vec<&str> = good::RECORDS.iter().map(|good| good.kind).collect();
    assert!(
        kinds.iter().all(|kind| taken.contains_key(kind)),
        "{taken:?}"
    );
    assert!(refused.len() >= 8, "{refused:?}");
    println!("of {records} records with seed {seed}: taken {taken:?}, refused {refused:?}");
}

/// The referee finds what the guard is there for.
#[test]
#[ignore = "needs libnetwork's decoders: tests/run"]
fn the_referee_knows_what_harms_a_daemon() {
    let mut referee = Referee::start();
    for (kind, value, verdict) in [
        ("network", "{}", "panic"),
        ("network", "null", "panic"),
        ("network", "[", "error"),
        ("endpoint", r#"{"name":"a","id":"b"}"#, "panic"),
        ("count", r#"{"Count":-1}"#, "error"),
        ("overlay", r#"{"subnets":[null]}"#, "panic"),
        (
            "pools",
            r#"{"Scope":"global","Subnets":{"G/10.0.0.0/24":null}}"#,
            "panic",
        ),
        ("bits", r#"{"id":"x","sequence":""}"#, "panic"),
        ("node", "foo", "error"),
    ] {
        let answer = referee.answer(kind, value.as_bytes());
        assert!(answer.starts_with(verdict), "{kind} {value}: {answer}");
    }
}

fn variable(name: &str) -> Option<u64> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test binary has no other options"
    )]
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap())
}
