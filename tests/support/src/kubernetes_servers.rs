//! A Kubernetes cluster of a test's own, whose programs can be paused, killed, restarted, and set back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::kubernetes::kubectl;
use crate::until::until;

/// etcd and API servers; all end with the test.
#[derive(Debug)]
pub struct Servers {
    directory: tempfile::TempDir,
    count: usize,
    /// The command line of each program.
    commands: BTreeMap<String, Vec<String>>,
    /// Those that this test started again.
    children: BTreeMap<String, Child>,
}

/// The name of an API server, the first being 1.
pub fn apiserver(number: usize) -> String {
    format!("apiserver-{number}")
}

/// The name of the store of them all.
pub const ETCD: &str = "etcd";

impl Servers {
    /// Starts so many API servers on one etcd.
    pub fn start(count: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let up = Command::new("tests/kubernetes")
            .args(["up", "--servers", &count.to_string()])
            .arg(directory.path().join("cluster"))
            .output()
            .unwrap();
        assert!(up.status.success(), "{up:?}");
        let mut servers = Self {
            directory,
            count,
            commands: BTreeMap::new(),
            children: BTreeMap::new(),
        };
        for name in servers.names() {
            let path = format!("/proc/{}/cmdline", servers.pid(&name).as_raw_nonzero());
            let line = fs::read_to_string(path).unwrap();
            let words = line.trim_end_matches('\0').split('\0').map(str::to_owned);
            servers.commands.insert(name, words.collect());
        }
        servers
    }

    fn names(&self) -> Vec<String> {
        let apiservers = (1..=self.count).map(apiserver);
        apiservers.chain([ETCD.to_owned()]).collect()
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("cluster")
    }

    /// The kubeconfig that names one API server.
    pub fn kubeconfig(&self, number: usize) -> String {
        let name = match number {
            1 => "kubeconfig".to_owned(),
            other => format!("kubeconfig-{other}"),
        };
        self.path().join(name).display().to_string()
    }

    /// Runs kubectl on one API server.
    pub fn kubectl(
        &self,
        number: usize,
        arguments: &[&str],
        input: &[u8],
    ) -> Result<String, String> {
        let config = self.kubeconfig(number);
        kubectl(&[&["--kubeconfig", &config], arguments].concat(), input)
    }

    /// Applies the definition of entries.
    pub fn define(&self) {
        let definition = kubekv::store::kubernetes::definition().unwrap();
        self.kubectl(1, &["apply", "-f", "-"], definition.as_bytes())
            .unwrap();
    }

    fn pid(&self, name: &str) -> Pid {
        let text = fs::read_to_string(self.path().join(format!("{name}.pid"))).unwrap();
        let number = text.split_whitespace().next().unwrap().parse().unwrap();
        Pid::from_raw(number).unwrap()
    }

    pub fn signal(&self, name: &str, signal: Signal) {
        kill_process(self.pid(name), signal).unwrap();
    }

    /// Kills a program and waits for its end.
    pub fn kill(&mut self, name: &str) {
        self.signal(name, Signal::KILL);
        if let Some(mut child) = self.children.remove(name) {
            child.wait().unwrap();
            return;
        }
        let pid = self.pid(name).as_raw_nonzero();
        until("its end", || started(pid.get()).is_none());
    }

    /// Starts a program that was killed.
    pub fn again(&mut self, name: &str) {
        let words = &self.commands[name];
        let path = self.path().join(format!("{name}.log"));
        let log = fs::File::options().append(true).open(path).unwrap();
        let child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let (pid, noted) = (child.id(), self.path().join(format!("{name}.pid")));
        let since = started(pid.try_into().unwrap()).unwrap();
        fs::write(noted, format!("{pid} {since}\n")).unwrap();
        self.children.insert(name.to_owned(), child);
    }

    /// Waits until an API server serves.
    pub fn until_ready(&self, number: usize) {
        until("an API server is ready", || {
            self.kubectl(number, &["get", "--raw", "/readyz"], &[])
                .is_ok()
        });
    }

    /// The data directory of etcd.
    pub fn data(&self) -> PathBuf {
        self.path().join("etcd")
    }

    /// Kills all programs, runs `meanwhile` on etcd's data directory, and starts them again.
    pub fn while_down(&mut self, meanwhile: impl FnOnce(&Path)) {
        for name in self.names() {
            self.kill(&name);
        }
        meanwhile(&self.data());
        let mut names = self.names();
        names.reverse();
        for name in names {
            self.again(&name);
        }
        for number in 1..=self.count {
            self.until_ready(number);
        }
    }

    /// Asks etcd's own API, which takes JSON.
    fn etcd(&self, path: &str, body: &serde_json::Value) -> serde_json::Value {
        let url = fs::read_to_string(self.path().join("etcd.url")).unwrap();
        let mut answer = ureq::post(format!("{}{path}", url.trim()))
            .send(body.to_string())
            .unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// Compacts every revision of etcd but the last.
    pub fn compact(&self) {
        // "\0" in base64: any key.
        let range = self.etcd("/v3/kv/range", &serde_json::json!({"key": "AA=="}));
        let revision = &range["header"]["revision"];
        let compaction = serde_json::json!({"revision": revision, "physical": true});
        self.etcd("/v3/kv/compaction", &compaction);
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for name in self.names() {
            // A paused program cannot end; one that has ended need not.
            let _gone = kill_process(self.pid(&name), Signal::CONT);
        }
        for child in self.children.values_mut() {
            let _gone = child.kill();
            let _gone = child.wait();
        }
        let down = Command::new("tests/kubernetes")
            .arg("down")
            .arg(self.path())
            .status();
        assert!(down.is_ok_and(|down| down.success()));
    }
}

/// When a process was started, in ticks since boot; none where it has ended.
fn started(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = stat.rsplit_once(") ")?.1.split(' ');
    let state = rest.next()?;
    (state != "Z").then(|| rest.nth(18).map(str::to_owned))?
}
