//! `Journey`: the steps of two hosts whose requests are recorded.

use std::time::Duration;

use support::docker_lab::{docker, docker_on, run};
use support::recorder::form::{is_heartbeat, is_of_command, is_poll};
use support::recorder::{Record, Recorder};

/// Seconds without a command's request that end a step.
const QUIET: f64 = 2.0;

/// Seconds without any request between two steps: no heartbeat is cut.
const STILL: f64 = 0.3;

/// The longest wait: an entry of Consul's lives for twice its time, and two heartbeats.
const PATIENCE: f64 = 150.0;

/// Two hosts on their way.
pub(crate) struct Journey<'a> {
    pub(crate) recorder: &'a Recorder,
}

impl Journey<'_> {
    /// Seconds since the last request for which this holds was sent or answered; none while one is waiting.
    fn since(&self, counts: impl Fn(&Record) -> bool) -> Option<f64> {
        let now = self.recorder.now();
        let records = self.recorder.records();
        let mut last = 0.0_f64;
        for record in records.iter().filter(|record| counts(record)) {
            let ms = match record.ms {
                Some(ms) => ms,
                None if record.lost || record.method == "event" => 0.0,
                None => return None,
            };
            last = last.max(record.t + ms / 1e3);
        }
        Some(now - last)
    }

    pub(crate) fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let from = self.recorder.now();
        while !holds() {
            assert!(self.recorder.now() - from < PATIENCE, "never: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the hosts have nothing more to do.
    fn settle(&self) {
        let from = self.recorder.now();
        let is_any =
            |record: &Record| record.method != "ping" && (!is_poll(record) || record.ms.is_some());
        self.until("no more requests", || {
            self.recorder.now() - from > QUIET
                && self.since(is_of_command).is_some_and(|time| time > QUIET)
                && self.since(is_any).is_some_and(|time| time > STILL)
        });
    }

    fn step(&self, name: &str, action: impl FnOnce()) {
        let from = self.recorder.now();
        self.recorder.step(name);
        action();
        self.settle();
        let records = self.recorder.records();
        let count = records.iter().filter(|record| record.step == name).count();
        println!(
            "{name}: {count} requests, {:.1} s",
            self.recorder.now() - from
        );
    }

    /// Waits for so many heartbeats of each of these hosts from now on.
    pub(crate) fn heartbeats(&self, hosts: &[&str], count: usize, since: f64) {
        self.until("heartbeats", || {
            let records = self.recorder.records();
            hosts.iter().all(|host| {
                let made = records.iter().filter(|record| {
                    record.t >= since && record.host == *host && is_heartbeat(record)
                });
                made.count() >= count
            })
        });
    }

    /// All steps, from daemons that start on an empty store to the loss of a host.
    pub(crate) fn run(&self, store: &str, flags: &[&str]) {
        self.step("daemon start", || {
            run(docker().args(["up", store]).args(flags));
            self.heartbeats(&["a", "b"], 1, 0.0);
        });
        self.step("heartbeat", || {
            self.heartbeats(&["a", "b"], 2, self.recorder.now());
        });
        self.networks_and_containers();
        self.restart_and_loss(store);
        println!("all steps: {:.0} s", self.recorder.now());
    }

    fn networks_and_containers(&self) {
        let on = |host: &str, words: &str| {
            docker_on(host, &words.split(' ').collect::<Vec<_>>());
        };
        self.step("network create", || on("a", "network create -d overlay n1"));
        self.step("second network create", || {
            on("a", "network create -d overlay n2");
        });
        self.step("network list", || on("a", "network ls"));
        self.step("container start", || start_container("a", "a1", "n1"));
        self.step("container start beside a peer", || {
            start_container("b", "b1", "n1");
        });
        self.step("second container start", || {
            start_container("a", "a2", "n1");
        });
        self.step("container remove", || on("a", "rm -f a2"));
        self.step("container stop", || on("a", "stop a1"));
        self.step("stopped container remove", || on("a", "rm a1"));
        self.step("container start again", || {
            start_container("a", "a3", "n1");
        });
        self.step("container start on the second network", || {
            start_container("a", "a4", "n2");
        });
        self.step("last container remove", || on("a", "rm -f a4"));
        self.step("network remove", || on("a", "network rm n2"));
    }

    fn restart_and_loss(&self, store: &str) {
        self.step("daemon stop", || {
            run(docker().args(["stop", "a"]));
        });
        self.step("daemon restart", || {
            let since = self.recorder.now();
            run(docker().args(["start", "a"]));
            self.heartbeats(&["a"], 1, since);
            self.until("return of the container", || {
                docker_on("a", &["inspect", "a3", "--format", "{{.State.Running}}"]) == "true"
            });
        });
        if store.starts_with("zk:") {
            // The entry is still the old daemon's. It ends with that one's session, and then the new one makes its own.
            self.step("old session expires", || {
                self.until("the entry is made again", || {
                    let records = self.recorder.records();
                    records.iter().any(|record| {
                        record.step == "old session expires"
                            && record.method == "create"
                            && record.target.contains("/docker/nodes/")
                    })
                });
            });
        }
        self.step("host dies", || {
            let since = self.recorder.now();
            run(docker().args(["kill", "b"]));
            // The peer's list of hosts, from when its entry has expired.
            self.until("a list of hosts without the dead one", || {
                let records = self.recorder.records();
                let lists = records.iter().filter(|record| {
                    let is_list = ["recurse=", "recursive=true&sorted"]
                        .iter()
                        .any(|word| record.target.contains(word))
                        || record.method == "getChildren2";
                    let answered = record.t + record.ms.unwrap_or_default() / 1e3;
                    record.host == "a"
                        && is_list
                        && answered > since
                        && record.target.contains("/docker/nodes")
                });
                let last = lists
                    .filter_map(|record| record.answer.as_ref())
                    .next_back();
                last.is_some_and(|answer| {
                    answer.contains("10.99.0.1:2376") && !answer.contains("10.99.0.2:2376")
                })
            });
        });
        self.step("refused network remove", || {
            let refused = docker().args(["on", "a", "network", "rm", "n1"]).output();
            assert!(!refused.unwrap().status.success());
        });
    }
}

pub(crate) fn start_container(host: &str, name: &str, network: &str) {
    let run = ["run", "-d", "--net", network, "--name", name];
    let kept = ["--restart", "always", "--stop-timeout", "1"];
    let program = [
        "--security-opt",
        "apparmor=unconfined",
        "lab",
        "/bin/sleep",
        "1000000",
    ];
    docker_on(host, &[&run[..], &kept, &program].concat());
}
