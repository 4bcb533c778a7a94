//! kubekv against what a real Consul was heard to answer, so that no Consul is needed.
//!
//! `real` records, and tells where it wrote the record when it is not the one beside this file.

use super::client::Gateway;
use super::side::{Seen, Side};
use super::table::{DIFFERENCES, sequences};

/// What Consul 1.8.7 answered to every step of the table.
pub const RECORD: &str = include_str!("recorded.txt");

/// One step of the record. Of what differs on purpose nothing is recorded.
pub fn line(about: &str, step: &str, seen: &Seen) -> String {
    if DIFFERENCES.iter().any(|(known, _)| *known == step) {
        return format!("{about}: {step}\n  differs\n");
    }
    format!("{about}: {step}\n  {seen:?}\n")
}

#[tokio::test]
async fn kubekv_answers_as_consul_was_recorded_to() {
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
