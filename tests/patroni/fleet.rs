//! A fleet: the gateways of one store, each at fixed addresses across restarts.

use std::net::SocketAddr;

use rustix::process::Signal;

use support::command::{by, kubekv};
use support::etcd_member::free;
use support::gateway::state;
use support::running::Running;
use support::until::until;

/// Gateways of one store: a leader and standbys.
#[derive(Debug)]
pub(crate) struct Fleet {
    store: String,
    places: Vec<[SocketAddr; 4]>,
    gateways: Vec<Option<Running>>,
}

impl Fleet {
    /// Starts so many on a store, with the settings of a user who gives none.
    pub(crate) fn start(store: &str, size: usize) -> Self {
        let places = (0..size)
            .map(|_| [free(), free(), free(), free()])
            .collect();
        let mut fleet = Self {
            store: store.to_owned(),
            places,
            gateways: (0..size).map(|_| None).collect(),
        };
        (0..size).for_each(|place| fleet.start_again(place));
        fleet.leader();
        fleet
    }

    pub(crate) fn consul(&self) -> Vec<SocketAddr> {
        self.places.iter().map(|[consul, ..]| *consul).collect()
    }

    pub(crate) fn etcd(&self) -> Vec<SocketAddr> {
        self.places.iter().map(|[_, etcd, ..]| *etcd).collect()
    }

    pub(crate) fn zookeeper(&self) -> Vec<SocketAddr> {
        self.places
            .iter()
            .map(|[_, _, zookeeper, _]| *zookeeper)
            .collect()
    }

    /// Starts a killed gateway.
    pub(crate) fn start_again(&mut self, place: usize) {
        let mut command = match std::env::var_os("KUBEKV") {
            Some(program) => by(&program.to_string_lossy()),
            None => kubekv(),
        };
        command.args(["serve", "--store", &self.store]);
        command.args(["--node-name", &format!("gateway-{place}")]);
        // Loopback addresses of the tests' own, accepted by any version of kubekv with this option.
        command.arg("--allow-plaintext");
        for (face, address) in ["--consul", "--etcd", "--zookeeper", "--admin"]
            .iter()
            .zip(self.places[place])
        {
            command.args([face, address.to_string().as_str()]);
        }
        if let Some(seconds) = std::env::var_os("LEAD_DURATION") {
            command.arg("--lead-duration").arg(seconds);
        }
        let log = std::process::Stdio::null();
        self.gateways[place] = Some(Running::spawn_logging_to(command, log));
    }

    /// Waits for a leader.
    pub(crate) fn leader(&self) -> usize {
        let mut leader = None;
        until("one of the gateways leads", || {
            leader = self.gateways.iter().position(|gateway| {
                gateway
                    .as_ref()
                    .is_some_and(|gateway| state(gateway) == "ok")
            });
            leader.is_some()
        });
        leader.unwrap()
    }

    pub(crate) fn gateway(&self, place: usize) -> &Running {
        self.gateways[place].as_ref().unwrap()
    }

    /// Kills the leader.
    pub(crate) fn kill_leader(&mut self) -> usize {
        let place = self.leader();
        let gateway = self.gateways[place].take().unwrap();
        gateway.signal(Signal::KILL);
        let _killed = gateway.end();
        place
    }
}
