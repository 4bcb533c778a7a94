//! A real etcd of three members, each of which can be killed, paused, partitioned and started again.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::components::component;
use crate::etcd_member::{Member, Place, free};
use crate::network_namespaces::Namespaces;
use crate::until::until;

/// The timeout of a request to a member.
const ANSWER: Duration = Duration::from_secs(2);

/// Three members on loopback; they end with the test.
#[derive(Debug)]
pub struct Members {
    all: Vec<Member>,
    /// Their peer addresses, and the initial cluster as etcd takes it.
    peers: [String; 3],
    cluster: String,
    /// Which of them are killed, paused or cut off.
    away: [bool; 3],
    /// Dropped after those that use them.
    namespaces: Option<Namespaces>,
}

impl Members {
    /// Starts the etcd of a component: `etcd` is 3.4, `etcd-3.6` is 3.6.
    pub fn start(component: &str) -> Self {
        Self::start_with(component, &[])
    }

    /// Starts them with more arguments, and waits for a leader.
    pub fn start_with(component: &str, more: &[&str]) -> Self {
        Self::start_at([free(), free(), free()], None, component, more)
    }

    /// Starts them in network namespaces, so that each can be cut off from the others. Needs root.
    pub fn start_apart(component: &str) -> Self {
        let namespaces = Namespaces::make();
        let peers = [0, 1, 2].map(|at| namespaces.peer(at));
        Self::start_at(peers, Some(namespaces), component, &[])
    }

    fn start_at(
        peers: [SocketAddr; 3],
        namespaces: Option<Namespaces>,
        component: &str,
        more: &[&str],
    ) -> Self {
        let peers = peers.map(|peer| format!("http://{peer}"));
        let named: Vec<_> = (0..3).map(|at| format!("m{at}={}", peers[at])).collect();
        let cluster = named.join(",");
        let member = |at: usize| {
            let name = format!("m{at}");
            let place = namespaces.as_ref().map(|namespaces| namespaces.place(at));
            let place = place.unwrap_or_else(|| Place::free("http"));
            let names = (name.as_str(), peers[at].as_str(), cluster.as_str());
            Member::of(component, "http", names, place, more)
        };
        let members = Self {
            all: (0..3).map(member).collect(),
            away: [false; 3],
            peers: peers.clone(),
            cluster: cluster.clone(),
            namespaces,
        };
        members.leader();
        members
    }

    /// One of them, from 0.
    pub fn member(&self, at: usize) -> &Member {
        &self.all[at]
    }

    /// The value of `--store` for a prefix; members are tried in this order.
    pub fn store(&self, order: &[usize], prefix: &str) -> String {
        let addresses = order.iter().map(|at| self.all[*at].address());
        format!(
            "etcd://{}/{prefix}",
            addresses.collect::<Vec<_>>().join(",")
        )
    }

    /// Asks a member's own API, which takes JSON.
    fn ask(&self, at: usize, path: &str, body: &Value) -> Option<Value> {
        let url = format!("http://{}{path}", self.all[at].address());
        let request = ureq::post(&url).config().timeout_global(Some(ANSWER));
        let mut answer = request.build().send(body.to_string()).ok()?;
        serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()
    }

    fn status(&self, at: usize) -> Option<(u64, u64)> {
        let status = self.ask(at, "/v3/maintenance/status", &json!({}))?;
        let number = |value: &Value| value.as_str().map_or(0, |text| text.parse().unwrap());
        Some((
            number(&status["header"]["member_id"]),
            number(&status["leader"]),
        ))
    }

    fn available(&self) -> impl Iterator<Item = usize> {
        (0..3).filter(|at| !self.away[*at])
    }

    /// The leader on which the available members agree; waits until there is one.
    pub fn leader(&self) -> usize {
        let mut found = None;
        until("a leader of etcd", || {
            let all: Vec<_> = self.available().map(|at| (at, self.status(at))).collect();
            let leads = |of: u64| {
                all.iter()
                    .find(|(_, status)| status.is_some_and(|s| s.0 == of))
            };
            let mut said = all.iter().map(|(_, status)| status.map_or(0, |s| s.1));
            let first = said.next().unwrap_or_default();
            found = leads(first).map(|(at, _)| *at);
            said.all(|leader| leader == first) && found.is_some()
        });
        found.unwrap()
    }

    /// Transfers leadership to another available member.
    pub fn move_leader(&self) {
        let from = self.leader();
        let to = self.available().find(|at| *at != from).unwrap();
        let id = self.status(to).unwrap().0;
        let target = json!({"targetID": id.to_string()});
        self.ask(from, "/v3/maintenance/transfer-leadership", &target);
    }

    pub fn kill(&mut self, at: usize) {
        self.all[at].kill();
        self.away[at] = true;
    }

    /// Starts a killed member.
    pub fn again(&mut self, at: usize) {
        self.all[at].again();
        self.away[at] = false;
    }

    /// Cuts one off from the others; clients still reach it.
    pub fn cut_off(&mut self, at: usize) {
        self.namespaces.as_ref().unwrap().cut(at);
        self.away[at] = true;
    }

    /// Reconnects a member that was cut off.
    pub fn join(&mut self, at: usize) {
        self.namespaces.as_ref().unwrap().mend(at);
        self.away[at] = false;
    }

    /// Pauses one: to the others it is cut off, and requests wait in its sockets.
    pub fn stop(&mut self, at: usize) {
        self.all[at].signal(Signal::STOP);
        self.away[at] = true;
    }

    /// Resumes a paused member.
    pub fn go_on(&mut self, at: usize) {
        self.all[at].signal(Signal::CONT);
        self.away[at] = false;
    }

    /// Saves a snapshot of the leader.
    pub fn save(&self, to: &Path) {
        let member = &self.all[self.leader()];
        let saved = member.ctl(&["snapshot", "save", to.to_str().unwrap()]);
        saved.unwrap();
    }

    /// Kills all members and starts them as another cluster, from a snapshot of 3.4.
    pub fn restore(&mut self, snapshot: &Path) {
        let control = component("etcdctl").join("etcdctl");
        let (peers, cluster) = (self.peers.clone(), self.cluster.clone());
        self.while_down(|at, data| {
            fs::remove_dir_all(data).unwrap();
            let restored = Command::new(&control)
                .env("ETCDCTL_API", "3")
                .args(["snapshot", "restore"])
                .arg(snapshot)
                .arg("--data-dir")
                .arg(data)
                .args(["--name", &format!("m{at}")])
                .args(["--initial-advertise-peer-urls", &peers[at]])
                .args(["--initial-cluster", &cluster])
                .output()
                .unwrap();
            assert!(restored.status.success(), "{restored:?}");
        });
    }

    /// Kills all, runs `meanwhile` on each one's data directory, and starts them again.
    pub fn while_down(&mut self, meanwhile: impl Fn(usize, &Path)) {
        for member in &mut self.all {
            member.kill();
        }
        for (at, member) in self.all.iter_mut().enumerate() {
            meanwhile(at, &member.data());
            member.again();
        }
        self.leader();
    }

    /// The head of the cluster's history.
    pub fn revision(&self) -> u64 {
        let at = self.available().next().unwrap();
        // "\0" in base64: any key.
        let range = json!({"key": "AA==", "limit": 1});
        let mut head = None;
        until("a revision", || {
            head = self.ask(at, "/v3/kv/range", &range);
            head.is_some()
        });
        let head = head.unwrap();
        head["header"]["revision"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Compacts every revision but the last.
    pub fn compact(&self) {
        let revision = self.revision().to_string();
        let at = self.available().next().unwrap();
        self.ask(
            at,
            "/v3/kv/compaction",
            &json!({"revision": revision, "physical": true}),
        );
    }
}

/// Copies a directory that holds files and directories.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
