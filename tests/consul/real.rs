//! Comparison of kubekv with a real Consul 1.8.7 in server mode: for the same requests, every different answer is one of
//! the table's differences.

use super::client::Gateway;
use super::recorded;
use super::side::Side;
use super::table::{DIFFERENCES, sequences};
pub use support::consul::Real;

#[tokio::test]
#[ignore = "needs consul: tests/run"]
async fn kubekv_answers_as_consul_does() {
    let (gateway, real) = (Gateway::start().await, Real::start().await);
    let mut wrong = Vec::new();
    let mut differed = Vec::new();
    let mut record = String::new();
    for (number, (about, steps)) in sequences() {
        let mut own = Side::new(gateway.address);
        let mut theirs = Side::new(real.address);
        for step in *steps {
            let key = format!("s{number}");
            let seen = (own.step(&key, step).await, theirs.step(&key, step).await);
            record += &recorded::line(about, step, &seen.1);
            if seen.0 != seen.1 {
                differed.push(*step);
                if !DIFFERENCES.iter().any(|(known, _)| known == step) {
                    let (own, theirs) = seen;
                    wrong.push(format!(
                        "{about}: {step}\n  consul {theirs:?}\n  kubekv {own:?}"
                    ));
                }
            }
        }
    }
    let steps: usize = sequences().map(|(_, (_, steps))| steps.len()).sum();
    let known = differed.len() - wrong.len();
    println!(
        "{steps} steps, {known} known differences, {} unknown differences",
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let place = concat!(env!("CARGO_TARGET_TMPDIR"), "/recorded.txt");
    std::fs::write(place, &record).unwrap();
    assert!(
        record == recorded::RECORD,
        "Consul's answers differ from the record; the new record is in {place}"
    );
    for (known, why) in DIFFERENCES {
        assert!(
            differed.contains(known),
            "listed as a difference, but the answers are equal: {known} ({why})"
        );
    }
}
