//! Population of a fleet: the networks and containers there are, from which events choose.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::events::EventKind;
use super::{Host, HostAction};

/// The networks and containers of a fleet.
#[derive(Clone, Debug)]
pub struct Population {
    state: Arc<Mutex<PopulationState>>,
}

#[derive(Debug)]
struct PopulationState {
    random: Rng,
    /// The networks that containers are started on.
    networks: Vec<String>,
    /// Networks that came by an event and go by one, with the host that created them.
    passing: Vec<(Arc<Host>, String)>,
    containers: Vec<RunningContainer>,
    /// Hosts that are dead.
    dead: Vec<u64>,
    created: u64,
}

/// A container that runs.
#[derive(Clone, Debug)]
struct RunningContainer {
    host: Arc<Host>,
    name: String,
}

/// An event that was chosen.
#[derive(Debug)]
pub(super) struct FleetEvent {
    host: Arc<Host>,
    /// A command, or the host's death.
    action: Option<HostAction>,
}

impl Population {
    /// No networks and no containers.
    pub(super) fn new(random: Rng) -> Self {
        Self {
            state: Arc::new(Mutex::new(PopulationState {
                random,
                networks: Vec::new(),
                passing: Vec::new(),
                containers: Vec::new(),
                dead: Vec::new(),
                created: 0,
            })),
        }
    }

    /// How many containers run.
    pub fn containers(&self) -> usize {
        self.state.lock().containers.len()
    }

    /// How many networks there are.
    pub fn networks(&self) -> usize {
        let state = self.state.lock();
        state.networks.len() + state.passing.len()
    }

    /// Adds a network that stays.
    pub(super) fn add_network(&self, name: String) {
        self.state.lock().networks.push(name);
    }

    /// A host that is not dead.
    pub(super) fn any_host<'a>(&self, hosts: &'a [Arc<Host>]) -> Option<&'a Arc<Host>> {
        self.state.lock().any_host(hosts)
    }

    /// Chooses what happens, and where.
    pub(super) fn choose(&self, kind: EventKind, hosts: &[Arc<Host>]) -> Option<FleetEvent> {
        let mut state = self.state.lock();
        match kind {
            EventKind::Container => state.container(hosts),
            EventKind::Network => state.network(hosts),
            EventKind::List => {
                let host = Arc::clone(state.any_host(hosts)?);
                let action = Some(HostAction::NetworkList);
                Some(FleetEvent { host, action })
            }
            EventKind::Restart | EventKind::Death => {
                let host = Arc::clone(state.any_host(hosts)?);
                state.dead.push(host.number());
                state.forget_host(host.number());
                Some(FleetEvent { host, action: None })
            }
        }
    }

    /// The end of every container.
    pub(super) fn stop_all(&self) -> Vec<FleetEvent> {
        let containers = std::mem::take(&mut self.state.lock().containers);
        containers.into_iter().map(RunningContainer::stop).collect()
    }

    /// The end of every network, on the host that created it or on any.
    pub(super) fn remove_all(&self, hosts: &[Arc<Host>]) -> Vec<FleetEvent> {
        let mut state = self.state.lock();
        let mut events: Vec<FleetEvent> = Vec::new();
        for (host, name) in std::mem::take(&mut state.passing) {
            events.push(remove(host, name));
        }
        for name in std::mem::take(&mut state.networks) {
            if let Some(host) = state.any_host(hosts) {
                events.push(remove(Arc::clone(host), name));
            }
        }
        events
    }

    fn started(&self, host: &Arc<Host>, name: String) {
        let mut state = self.state.lock();
        if !state.dead.contains(&host.number()) {
            let host = Arc::clone(host);
            state.containers.push(RunningContainer { host, name });
        }
    }

    fn created(&self, host: &Arc<Host>, name: String) {
        self.state.lock().passing.push((Arc::clone(host), name));
    }

    fn revived(&self, host: u64) {
        self.state.lock().dead.retain(|dead| *dead != host);
    }
}

impl PopulationState {
    fn any_host<'a>(&mut self, hosts: &'a [Arc<Host>]) -> Option<&'a Arc<Host>> {
        if self.dead.len() >= hosts.len() {
            return None;
        }
        loop {
            let host = hosts.get(self.random.usize(0..hosts.len()))?;
            if !self.dead.contains(&host.number()) {
                return Some(host);
            }
        }
    }

    /// Starts and stops are in balance, where something runs.
    fn container(&mut self, hosts: &[Arc<Host>]) -> Option<FleetEvent> {
        if self.random.bool() && !self.containers.is_empty() {
            let at = self.random.usize(0..self.containers.len());
            return Some(self.containers.swap_remove(at).stop());
        }
        let network = self
            .networks
            .get(self.random.usize(0..self.networks.len().max(1)))?;
        let network = network.clone();
        let host = Arc::clone(self.any_host(hosts)?);
        self.created += 1;
        let action = Some(HostAction::ContainerStart {
            container: format!("container-{}", self.created),
            network,
        });
        Some(FleetEvent { host, action })
    }

    fn network(&mut self, hosts: &[Arc<Host>]) -> Option<FleetEvent> {
        if self.random.bool() && !self.passing.is_empty() {
            let at = self.random.usize(0..self.passing.len());
            let (host, name) = self.passing.swap_remove(at);
            return Some(remove(host, name));
        }
        let host = Arc::clone(self.any_host(hosts)?);
        self.created += 1;
        let action = Some(HostAction::NetworkCreate {
            name: format!("passing-{}", self.created),
            subnet: None,
        });
        Some(FleetEvent { host, action })
    }

    fn forget_host(&mut self, number: u64) {
        self.containers
            .retain(|container| container.host.number() != number);
    }
}

impl RunningContainer {
    fn stop(self) -> FleetEvent {
        FleetEvent {
            host: self.host,
            action: Some(HostAction::ContainerStop {
                container: self.name,
            }),
        }
    }
}

fn remove(host: Arc<Host>, name: String) -> FleetEvent {
    FleetEvent {
        host,
        action: Some(HostAction::NetworkRemove { name }),
    }
}

impl FleetEvent {
    /// Lets it happen. A host that dies starts again after a time. Failures are the observer's to count.
    pub(super) async fn happen(self, population: Population, due: Instant, revival: Duration) {
        let Some(action) = self.action else {
            self.host.die(due).await;
            sleep(revival).await;
            let _restarted = self.host.start(due + revival, true).await;
            population.revived(self.host.number());
            return;
        };
        let done = self.host.perform(&action, due).await;
        match (done, action) {
            (Ok(()), HostAction::ContainerStart { container, .. }) => {
                population.started(&self.host, container);
            }
            (Ok(()), HostAction::NetworkCreate { name, .. }) => {
                population.created(&self.host, name);
            }
            _ => {}
        }
    }
}
