//! One server during a sequence of the table, and the compared parts of its answers.

use std::net::SocketAddr;
use std::time::Duration;

use support::http_client;
use tokio::task::JoinHandle;

use support::http_client::Answer;
use support::normalize::{name, replace_after, replace_ids};

/// Bodies longer than this are compared by their length only.
const MAX_COMPARED_BODY: usize = 4 << 10;

/// The compared parts of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// One of the two servers, during a sequence.
pub struct Side {
    address: SocketAddr,
    /// The indexes seen, in order of appearance.
    indexes: Vec<String>,
    /// The ids seen.
    ids: Vec<String>,
    parked: Option<JoinHandle<Answer>>,
}

/// The texts before an index in an answer.
const INDEX_MARKS: [&str; 4] = [
    "\"CreateIndex\":",
    "\"ModifyIndex\":",
    "\"CreateIndex\": ",
    "\"ModifyIndex\": ",
];

impl Side {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            indexes: Vec::new(),
            ids: Vec::new(),
            parked: None,
        }
    }

    pub async fn step(&mut self, key: &str, step: &str) -> Seen {
        let step = self.fill(key, step);
        if step == "TAKE" {
            let parked = self.parked.take().unwrap();
            let answer = tokio::time::timeout(Duration::from_secs(20), parked).await;
            return self.seen(&answer.expect("still parked").unwrap());
        }
        if let Some(request) = step.strip_prefix("PARK ") {
            let (address, request) = (self.address, request.to_owned());
            self.parked = Some(tokio::spawn(async move { send(address, &request).await }));
            // Long enough to be parked; if it is not, the answer is the same, but the waiting is not tested.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let answered = self.parked.as_ref().unwrap().is_finished();
            return Seen {
                status: 0,
                headers: Vec::new(),
                body: format!("answered at once: {answered}"),
            };
        }
        if let Some(request) = step.strip_prefix("GONE ") {
            for _ in 0..100 {
                let answer = send(self.address, request).await;
                if answer.status == 404 {
                    return self.seen(&answer);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            panic!("never gone: {request}");
        }
        let answer = send(self.address, &step).await;
        // The catalog's indexes do not share a history with the entries'.
        if ["catalog", "health"]
            .iter()
            .any(|part| step.contains(&format!("/v1/{part}/")))
        {
            let mut elsewhere = Self::new(self.address);
            let mut seen = elsewhere.seen(&answer);
            for place in 0..9 {
                seen.body = seen.body.replace(&format!("@{place}"), "@");
            }
            return seen;
        }
        self.seen(&answer)
    }

    /// The step with its key, and with the indexes (`@0`) and ids (`#0`) of this server.
    fn fill(&self, key: &str, step: &str) -> String {
        let mut step = step.replace('$', key);
        for (mark, known) in [('@', &self.indexes), ('#', &self.ids)] {
            for (place, text) in known.iter().enumerate() {
                step = step.replace(&format!("{mark}{place}"), text);
            }
        }
        step
    }

    /// An answer with its indexes and ids replaced by their order of appearance.
    fn seen(&mut self, answer: &Answer) -> Seen {
        let mut body = answer.unpacked();
        for mark in INDEX_MARKS {
            body = replace_after(&body, mark, |text| name(&mut self.indexes, text, '@'));
        }
        body = replace_ids(&body, &mut self.ids);
        body = body.replace(&self.address.to_string(), "ADDRESS");
        if body.len() > MAX_COMPARED_BODY {
            body = format!("{} bytes", body.len());
        }
        let compared = [
            "content-type",
            "content-encoding",
            "vary",
            "allow",
            "location",
            "x-content-type-options",
            "content-security-policy",
            "x-consul-knownleader",
            "x-consul-lastcontact",
            "x-consul-effective-consistency",
        ];
        let mut headers: Vec<_> = compared
            .map(|name| (name, answer.header(name).to_owned()))
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let index = answer.header("x-consul-index");
        if !index.is_empty() {
            // For a missing key, Consul answers the index of its latest write of any kind; for the catalog, the catalog's own.
            let known = self.indexes.iter().any(|known| known == index);
            let is_comparable = answer.status == 200
                && known
                && answer.header("x-consul-effective-consistency").is_empty();
            let index = if is_comparable {
                name(&mut self.indexes, index, '@')
            } else {
                "some".to_owned()
            };
            headers.push(("x-consul-index", index));
        }
        Seen {
            status: answer.status,
            headers,
            body,
        }
    }
}

/// Sends `METHOD PATH ! HEADER: VALUE < BODY`; a body of `*N` is N bytes.
async fn send(to: SocketAddr, line: &str) -> Answer {
    let (line, body) = line.split_once(" < ").unwrap_or((line, ""));
    let mut parts = line.split(" ! ");
    let (method, path) = parts.next().unwrap().split_once(' ').unwrap();
    let headers: Vec<_> = parts
        .map(|header| header.split_once(": ").unwrap())
        .collect();
    let body = match body.strip_prefix('*') {
        Some(count) => vec![b'v'; count.parse().unwrap()],
        None => body.as_bytes().to_vec(),
    };
    let answer = http_client::try_request(to, method, path, &headers, &body).await;
    answer.unwrap_or_else(|_| Answer {
        status: 0,
        headers: http::HeaderMap::new(),
        body: "broken off".into(),
    })
}
