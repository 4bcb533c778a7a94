//! A replay of the requests of dockerd while a container starts, with growing numbers of other networks present.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::client::Client;
use super::server::Server;

#[derive(Debug, Deserialize)]
struct RecordedRequest {
    step: String,
    method: String,
    uri: String,
    #[serde(default)]
    body: String,
    status: u16,
}

pub async fn run(
    server: Server,
    recording: &Path,
    network: &Path,
    networks: &[usize],
    rounds: usize,
    running: bool,
) {
    let (recording, network) = (read(recording), read(network));
    let recorded: Vec<RecordedRequest> = recording
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let step = |name: &str| -> Vec<&RecordedRequest> {
        recorded
            .iter()
            .filter(|request| request.step == name)
            .collect()
    };
    let (up, start, stop) = (
        step("set up"),
        step("start a container"),
        step("stop the container"),
    );
    let mut replay = Replay {
        server,
        client: Client::connect(server.address).await,
        indexes: HashMap::new(),
        unlike: 0,
    };
    replay.send(&up).await;
    let mut present = 1;
    for &count in networks {
        while present < count {
            replay.add_network(present, &network).await;
            present += 1;
        }
        let mut times = Vec::new();
        for round in 1..=rounds {
            times.push(replay.send(&start).await);
            if !running || round < rounds {
                replay.send(&stop).await;
            }
        }
        times.sort_unstable();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "networks {count} requests {} ms {:.1} {:.1} {:.1} unlike {}",
            start.len(),
            ms(times[0]),
            ms(times[rounds / 2]),
            ms(times[rounds - 1]),
            replay.unlike
        );
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

struct Replay {
    server: Server,
    client: Client,
    /// The last index of each key from this server: compare-and-swap needs these, not the recorded ones.
    indexes: HashMap<String, u64>,
    /// The number of responses with another status than the recorded one.
    unlike: usize,
}

impl Replay {
    async fn send(&mut self, requests: &[&RecordedRequest]) -> Duration {
        let from = Instant::now();
        for request in requests {
            let (path, query) = request.uri.split_once('?').unwrap_or((&request.uri, ""));
            let uri = format!("{path}?{}", self.with_own_index(path, query));
            let answer = self.client.send(&request.method, &uri, &request.body).await;
            if answer.status != request.status {
                self.unlike += 1;
            }
            let is_single_key = !(query.contains("recursive=true") || query.contains("recurse"));
            if is_single_key
                && answer.status < 300
                && let Some(index) = self.server.protocol.index(&answer)
            {
                self.indexes.insert(path.to_owned(), index);
            }
        }
        from.elapsed()
    }

    fn with_own_index(&self, path: &str, query: &str) -> String {
        query
            .split('&')
            .map(|part| match part.split_once('=') {
                Some((name @ ("cas" | "prevIndex"), recorded)) if recorded != "0" => {
                    format!("{name}={}", self.indexes.get(path).copied().unwrap_or(1))
                }
                _ => part.to_owned(),
            })
            .collect::<Vec<_>>()
            .join("&")
    }

    /// Writes a network as dockerd does: its record, and its count of endpoints.
    async fn add_network(&mut self, number: usize, network: &str) {
        for (directory, value) in [("network", network), ("endpoint_count", r#"{"Count":0}"#)] {
            let key = format!("docker/network/v1.0/{directory}/{number:064x}/");
            let uri = self.server.protocol.key(&key);
            let value = self.server.protocol.value(value);
            let answer = self.client.send("PUT", &uri, &value).await;
            assert!(answer.status < 300, "{uri}: {}", answer.status);
        }
    }
}
