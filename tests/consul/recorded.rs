//! Comparison of kubekv with recorded answers of a real Consul, so that no Consul is needed.
//!
//! `real` makes the record, and prints where it wrote it when it differs from the one beside this file.

use super::client::Gateway;
use super::side::{Seen, Side};
use super::table::{DIFFERENCES, sequences};

/// The answers of Consul 1.8.7 to every step of the table.
pub const RECORD: &str = include_str!("recorded.txt");

/// One step of the record. For intended differences no answer is recorded.
pub fn line(about: &str, step: &str, seen: &Seen) -> String {
    if DIFFERENCES.iter().any(|(known, _)| *known == step) {
        return format!("{about}: {step}\n  differs\n");
    }
    format!("{about}: {step}\n  {seen:?}\n")
}

#[tokio::test]
async fn kubekv_answers_as_the_recorded_consul() {
    let gateway = Gateway::start().await;
    let mut recorded = RECORD.lines();
    for (number, (about, steps)) in sequences() {
        let mut side = Side::new(gateway.address);
        for step in *steps {
            let own = line(about, step, &side.step(&format!("s{number}"), step).await);
            for own in own.lines() {
                assert_eq!(Some(own), recorded.next(), "{about}: {step}");
            }
        }
    }
    assert_eq!(recorded.next(), None);
}
