//! Clients that write, each key once, while something happens.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::gateway::until;
use support::requests::{ask, ask_body};
use support::running::Running;

/// etcd v2's answer to a change that took too long: it may still take effect.
const TIMED_OUT: &str = "etcdserver: request timed out";

/// The time between two clients.
const PACE: Duration = Duration::from_millis(20);

/// Clients of both protocols in turn, each of which connects, writes one key and disconnects.
pub(crate) struct Writers {
    over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    coming: JoinHandle<Vec<JoinHandle<Option<String>>>>,
}

impl Writers {
    /// Starts clients of one gateway. Consul's get every write acknowledged, however long that takes; etcd's may get a timeout,
    /// and no other error.
    pub(crate) fn start(gateway: &Running) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::<AtomicUsize>::default();
        let (consul, etcd) = (gateway.consul, gateway.etcd);
        let coming = {
            let (over, acknowledged) = (Arc::clone(&over), Arc::clone(&acknowledged));
            std::thread::spawn(move || {
                let mut all = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let number = all.len();
                    let acknowledged = Arc::clone(&acknowledged);
                    all.push(std::thread::spawn(move || {
                        let key = format!("w/{number}");
                        let taken = if number % 2 == 0 {
                            over_consul(consul, &key)
                        } else {
                            over_etcd(etcd, &key)
                        };
                        let taken = usize::from(taken);
                        acknowledged.fetch_add(taken, Ordering::Relaxed);
                        (taken > 0).then_some(key)
                    }));
                    std::thread::sleep(PACE);
                }
                all
            })
        };
        Self {
            over,
            acknowledged,
            coming,
        }
    }

    /// Waits until so many more writes are acknowledged.
    pub(crate) fn until_more(&self, more: usize) {
        let acknowledged = &self.acknowledged;
        let target = acknowledged.load(Ordering::Relaxed) + more;
        until("writes", || acknowledged.load(Ordering::Relaxed) >= target);
    }

    /// Stops them, and asserts that every acknowledged write is there.
    pub(crate) fn end(self, gateway: &Running) {
        self.over.store(true, Ordering::Relaxed);
        let all = self.coming.join().unwrap();
        let total = all.len();
        let acknowledged: Vec<_> = all
            .into_iter()
            .filter_map(|writer| writer.join().unwrap())
            .collect();
        println!("{} of {total} writes were acknowledged", acknowledged.len());
        let there = keys(gateway);
        let lost: Vec<_> = acknowledged
            .iter()
            .filter(|key| !there.contains(*key))
            .collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
    }
}

fn over_consul(to: SocketAddr, key: &str) -> bool {
    let answer = ask_body(to, &format!("PUT /v1/kv/{key}"), "", key);
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("true"),
        "{answer}"
    );
    true
}

fn over_etcd(to: SocketAddr, key: &str) -> bool {
    let kind = "application/x-www-form-urlencoded";
    let answer = ask_body(to, &format!("PUT /v2/keys/{key}"), kind, "value=v");
    let taken = answer.starts_with("HTTP/1.1 20");
    // Beyond 64 changes of one client, which wait for etcd, it is told to come later.
    let later = answer.contains("etcdserver: too many requests");
    assert!(taken || later || answer.contains(TIMED_OUT), "{answer}");
    taken
}

/// The keys of the writers that are there.
fn keys(gateway: &Running) -> std::collections::HashSet<String> {
    let answer = ask(gateway.consul, "GET /v1/kv/w/?keys");
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}
