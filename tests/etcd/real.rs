//! Comparison of kubekv with a real etcd 3.4: for the same requests, every different answer is one of the table's
//! differences.

use std::net::SocketAddr;
use std::time::Duration;

use super::client::{Gateway, Parked, ask, watch};
use super::table::{DIFFERENCES, SEQUENCES};
pub(crate) use support::etcd::Etcd;
use support::http_client::Answer;

/// The compared parts of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

fn seen(answer: &Answer) -> Seen {
    // Their values differ between servers.
    let required = ["x-etcd-cluster-id", "x-raft-index", "x-raft-term"];
    let compared = [
        "content-type",
        "allow",
        "x-content-type-options",
        "x-etcd-index",
    ];
    let required = required.map(|name| (name, (!answer.header(name).is_empty()).to_string()));
    let compared = compared.map(|name| (name, answer.header(name).to_owned()));
    Seen {
        status: answer.status,
        headers: required.into_iter().chain(compared).collect(),
        body: without_times(&String::from_utf8_lossy(&answer.body)),
    }
}

fn without_times(body: &str) -> String {
    let mark = "\"expiration\":\"";
    let mut parts = body.split(mark);
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (time, rest) = part.split_once('"').unwrap();
        assert!(time.ends_with('Z') && time.contains('T'), "{time}");
        text.extend([mark, "T\"", rest]);
    }
    text
}

/// The current index of a server.
pub(crate) async fn index(server: SocketAddr) -> u64 {
    let answer = ask(server, "HEAD /").await;
    answer.header("x-etcd-index").parse().unwrap()
}

/// One of the two servers, during a sequence.
struct Side {
    address: SocketAddr,
    /// The index before the sequence.
    base: u64,
    parked: Option<Parked>,
}

impl Side {
    async fn step(&mut self, directory: &str, step: &str) -> Seen {
        let step = self.fill(directory, step);
        if step == "TAKE" {
            let mut parked = self.parked.take().unwrap();
            let patience = Duration::from_secs(10);
            let body = tokio::time::timeout(patience, parked.next()).await;
            let body = body.map_or("parked".to_owned(), |body| body.unwrap().unwrap());
            return Seen {
                status: parked.status,
                headers: Vec::new(),
                body: without_times(&body),
            };
        }
        if let Some(path) = step.strip_prefix("PARK ") {
            let parked = watch(self.address, path).await;
            let seen = seen(&Answer {
                status: parked.status,
                headers: parked.headers.clone(),
                body: bytes::Bytes::new(),
            });
            self.parked = Some(parked);
            return seen;
        }
        if let Some(path) = step.strip_prefix("GONE ") {
            for _ in 0..100 {
                let answer = ask(self.address, &format!("GET {path}")).await;
                if answer.status == 404 {
                    return seen(&answer);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        let mut seen = seen(&ask(self.address, &step).await);
        seen.body = seen.body.replace(&self.address.to_string(), "ADDRESS");
        seen
    }

    /// The step with its directory, and with indexes counted from the beginning of the sequence.
    fn fill(&self, directory: &str, step: &str) -> String {
        let step = step.replace('$', directory);
        match step.split_once('@') {
            Some((before, number)) => {
                let number: u64 = number.parse().unwrap();
                format!("{before}{}", self.base + number)
            }
            None => step,
        }
    }
}

/// Brings both servers to the same index, so that indexes in answers can be compared as they are.
async fn level(sides: &mut [Side; 2]) {
    let [own, real] = &sides;
    let (mut at, mut real_at) = (index(own.address).await, index(real.address).await);
    while at < real_at {
        ask(own.address, "PUT /_level value=1").await;
        at += 1;
    }
    while real_at < at {
        ask(real.address, "PUT /_level value=1").await;
        real_at += 1;
    }
    for side in sides {
        side.base = at;
        assert_eq!(index(side.address).await, at);
    }
}

#[tokio::test]
#[ignore = "needs etcd: tests/run"]
async fn kubekv_answers_as_etcd_does() {
    let (gateway, etcd) = (Gateway::start().await, Etcd::start().await);
    let mut sides = [gateway.address, etcd.address].map(|address| Side {
        address,
        base: 0,
        parked: None,
    });
    let mut wrong = Vec::new();
    let mut differed = Vec::new();
    for (number, (about, steps)) in SEQUENCES.iter().enumerate() {
        level(&mut sides).await;
        for step in *steps {
            let directory = format!("/s{number}");
            let [own, real] = &mut sides;
            let real = real.step(&directory, step).await;
            let own = own.step(&directory, step).await;
            let same = own == real;
            if !same {
                differed.push(*step);
                if !DIFFERENCES.iter().any(|(known, _)| known == step) {
                    wrong.push(format!(
                        "{about}: {step}\n  etcd   {real:?}\n  kubekv {own:?}"
                    ));
                }
                level(&mut sides).await;
            }
        }
    }
    let steps: usize = SEQUENCES.iter().map(|(_, steps)| steps.len()).sum();
    println!(
        "{steps} steps, {} known differences",
        differed.len() - wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    for (known, why) in DIFFERENCES {
        assert!(
            differed.contains(known),
            "listed as a difference, but the answers are equal: {known} ({why})"
        );
    }
}
