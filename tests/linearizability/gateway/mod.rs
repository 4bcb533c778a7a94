//! Gateway under test: one process on the embedded store, or a leader and a standby on a shared one.

pub mod handle;
mod process;
pub mod resume_floors;
pub mod store;

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use handle::{EndpointSenders, Endpoints, GatewayHandle};
use process::{Process, Spawned};
use resume_floors::ResumeFloors;
use store::Store;

/// The longest time without a leader.
const LEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// The gateway in a directory of its own, process after process; killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    store: Store,
    directory: PathBuf,
    leader: Process,
    /// The standby, if the store is shared.
    standby: Option<Process>,
    spawned: usize,
    senders: EndpointSenders,
    handle: GatewayHandle,
}

impl Gateway {
    pub fn start(directory: &Path, store: Store) -> Self {
        let (senders, handle) = GatewayHandle::new(store.is_shared());
        handle.update(|timeline| timeline.begin(0));
        process::copy_program(directory);
        let first = process::spawn(directory, &store, 0, 1);
        let mut gateway = Self {
            directory: directory.to_owned(),
            leader: Process::listening(first),
            standby: None,
            spawned: 1,
            store,
            senders,
            handle,
        };
        gateway.await_leader();
        gateway
    }

    pub fn handle(&self) -> GatewayHandle {
        self.handle.clone()
    }

    /// Whether another gateway may take over.
    pub fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    /// Spawns a process at the API server, or with the order of etcd members, that the leader does not use.
    fn spawn(&mut self) -> Spawned {
        self.spawned += 1;
        let server = 3 - self.leader.server;
        process::spawn(&self.directory, &self.store, self.spawned, server)
    }

    /// Waits until the gateway answers, which makes it the leader, and announces its endpoints to clients.
    fn await_leader(&mut self) {
        let begun = Instant::now();
        while self.is_shared() && !serves(self.leader.etcd) {
            self.check_is_running();
            self.check_leader_timeout(begun);
        }
        if self.is_shared() && self.standby.is_none() {
            self.standby = Some(Process::listening(self.spawn()));
        }
        self.announce();
    }

    fn check_leader_timeout(&self, begun: Instant) {
        let is_in_time = begun.elapsed() < LEADER_TIMEOUT;
        assert!(is_in_time, "no gateway leads:\n{}", self.leader.log());
    }

    /// Announces the endpoints to clients.
    fn announce(&self) {
        let generation = self.handle.update(|timeline| timeline.generation());
        let endpoints = |process: &Process| Endpoints {
            generation,
            consul: process.consul,
            etcd: process.etcd,
            zookeeper: process.zookeeper,
        };
        let leader = endpoints(&self.leader);
        self.senders.leader.send_replace(Some(leader));
        let standby = self.standby.as_ref();
        self.senders.standby.send_replace(standby.map(endpoints));
    }

    pub fn store(&mut self) -> &mut Store {
        &mut self.store
    }

    /// The number of the leader's API server.
    pub fn leader_server(&self) -> usize {
        self.leader.server
    }

    /// Notes the time of a cluster fault: the leader may change until [`Gateway::find_leader`] returns.
    pub fn note_cluster_fault(&self) {
        let now = self.handle.now();
        self.handle
            .update(|timeline| timeline.cluster_faults.push(now));
    }

    /// The floors of the leaders' watch history, from the logs of all processes.
    pub fn resume_floors(&self) -> ResumeFloors {
        if !self.is_shared() {
            return ResumeFloors::default();
        }
        let logs = (0..=self.spawned).map(|number| process::log_path(&self.directory, number));
        let logs: Vec<_> = logs.filter(|log| log.exists()).collect();
        ResumeFloors::read(&logs)
    }

    /// Waits until a gateway leads, and announces it to clients.
    pub fn find_leader(&mut self) {
        let begun = Instant::now();
        let leader = loop {
            self.check_is_running();
            let processes = [Some(&self.leader), self.standby.as_ref()];
            let leader = processes
                .into_iter()
                .flatten()
                .find_map(|process| leader_name(process.consul));
            if let Some(leader) = leader {
                break leader;
            }
            self.check_leader_timeout(begun);
            std::thread::sleep(Duration::from_millis(50));
        };
        let now = self.handle.now();
        let is_other = self
            .standby
            .as_ref()
            .is_some_and(|standby| standby.name == leader);
        if is_other && let Some(standby) = &mut self.standby {
            std::mem::swap(&mut self.leader, standby);
        }
        self.handle.update(|timeline| {
            if is_other {
                timeline.generations.push(now);
            }
            timeline.cluster_faults.push(now);
        });
        self.announce();
    }

    /// Notices a change of the leader that no injected fault caused.
    pub fn check_leader(&mut self) {
        if self.is_shared() && leader_name(self.leader.consul).as_ref() != Some(&self.leader.name) {
            self.note_cluster_fault();
            self.find_leader();
        }
    }

    /// Sends a signal to the leader.
    pub fn signal(&self, signal: Signal) {
        self.leader.signal(signal);
    }

    /// Stops the leader's process for a while.
    pub async fn stop_for(&self, pause: Duration) {
        let from = self.handle.now();
        self.signal(Signal::STOP);
        tokio::time::sleep(pause).await;
        self.signal(Signal::CONT);
        let to = self.handle.now();
        self.handle
            .update(|timeline| timeline.stopped.push((from, to)));
    }

    /// Stops the leader until the standby leads, and lets it continue then. Requests that it received and has not read
    /// yet may take effect when it leads again, until the end that [`GatewayHandle::end_of`] states.
    pub fn depose(&mut self) {
        self.signal(Signal::STOP);
        let now = self.handle.now();
        self.handle.update(|timeline| timeline.begin(now));
        let standby = self.standby.take().unwrap();
        let stopped = std::mem::replace(&mut self.leader, standby);
        self.standby = Some(stopped);
        self.await_leader();
        self.standby.as_ref().unwrap().signal(Signal::CONT);
    }

    /// Terminates the leader and waits for its end. The standby may lead before that: the leader gives up leadership
    /// first.
    pub fn terminate(&mut self) -> ExitStatus {
        let signalled = self.handle.now();
        self.signal(Signal::TERM);
        let status = self.wait();
        if self.is_shared() {
            let now = self.handle.now();
            self.handle
                .update(|timeline| timeline.began.push((signalled, now)));
        }
        status
    }

    /// Waits for the end of the leader's process after a signal.
    fn wait(&mut self) -> ExitStatus {
        let status = self.leader.wait();
        let now = self.handle.now();
        if !self.is_shared() {
            self.handle.update(|timeline| {
                timeline.ended.insert(timeline.generation(), now);
            });
        }
        status
    }

    /// Waits for the end of the killed leader. No gateway serves until the next one leads.
    pub fn wait_killed(&mut self) {
        self.wait();
        if self.is_shared() {
            let now = self.handle.now();
            self.handle
                .update(|timeline| timeline.began.push((now, now)));
        }
    }

    /// Restarts the gateway, or lets the standby take over. With `cut_short` a spawned process is killed after that
    /// time, in the middle of its start, and spawned again.
    pub fn restart(&mut self, cut_short: Option<Duration>) {
        let now = self.handle.now();
        if let Some(standby) = self.standby.take() {
            self.handle
                .update(|timeline| timeline.generations.push(now));
            self.leader = standby;
            self.await_leader();
            if let Some(delay) = cut_short {
                self.spawn().kill_after(delay);
            }
            return;
        }
        self.handle.update(|timeline| timeline.begin(now));
        if let Some(delay) = cut_short {
            self.spawn().kill_after(delay);
            let now = self.handle.now();
            self.handle.update(|timeline| {
                timeline.ended.insert(timeline.generation(), now);
                timeline.begin(now);
            });
        }
        self.leader = Process::listening(self.spawn());
        self.await_leader();
    }

    /// Panics if a process ended unexpectedly.
    pub fn check_is_running(&mut self) {
        self.leader.check_is_running();
        if let Some(standby) = &mut self.standby {
            standby.check_is_running();
        }
    }

    /// The size of the embedded store in bytes.
    pub fn stored_bytes(&self) -> u64 {
        size(&process::store_directory(&self.directory))
    }
}

/// Whether reads are served at an address. Waits up to two seconds for the answer.
fn serves(address: SocketAddr) -> bool {
    get(address, "/v2/keys/").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The name of the leader, as the gateway at an address reports it.
fn leader_name(address: SocketAddr) -> Option<String> {
    let answer = get(address, "/v1/agent/self").ok()?;
    let name = answer.split("\"NodeName\":\"").nth(1)?;
    Some(name.split('"').next()?.to_owned())
}

fn size(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    let each = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    each.sum()
}
