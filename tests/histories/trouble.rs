//! What happens to the cluster while clients run.

use std::fmt;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use super::gateway::Gateway;
use super::random::Random;
use super::servers::{ETCD, apiserver};

/// Something that befalls the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The leader's API server stands still, for less than the lead lasts.
    Stall,
    /// It stands still for longer: the other gateway, at the other API server, takes over.
    LongStall,
    /// etcd forgets what was, and an API server is killed and started again: its watches begin with a list.
    Restart,
    /// etcd stands still.
    Freeze,
    /// Somebody deletes the lead's record.
    Theft,
}

/// All of them, those first that cost most of what gateways know.
pub const ALL: [Trouble; 5] = [
    Trouble::Restart,
    Trouble::LongStall,
    Trouble::Stall,
    Trouble::Freeze,
    Trouble::Theft,
];

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stall => "API servers stalled",
            Self::LongStall => "API servers stalled for long",
            Self::Restart => "API servers restarted",
            Self::Freeze => "times etcd stood still",
            Self::Theft => "leads deleted",
        })
    }
}

impl Trouble {
    /// Befalls the cluster; returns when a gateway leads again.
    pub fn befall(self, gateway: &mut Gateway, random: &mut Random) {
        gateway.trouble();
        let leaders = gateway.server();
        let other = 3 - leaders;
        let servers = gateway.servers().unwrap();
        let mut stall = |name: &str, from: u64, to: u64| {
            servers.signal(name, Signal::STOP);
            sleep(Duration::from_millis(random.between(from, to)));
            servers.signal(name, Signal::CONT);
        };
        match self {
            Self::Stall => stall(&apiserver(leaders), 300, 3_000),
            Self::LongStall => stall(&apiserver(leaders), 6_000, 9_000),
            Self::Freeze => stall(ETCD, 300, 6_000),
            Self::Restart => {
                let number = if random.percent(70) { leaders } else { other };
                servers.compact();
                servers.kill(&apiserver(number));
                sleep(Duration::from_millis(random.between(0, 500)));
                servers.again(&apiserver(number));
                servers.until_ready(number);
            }
            Self::Theft => {
                let lead = ["get", "kv", "-o", "name"];
                let names = servers.kubectl(other, &lead, &[]).unwrap();
                let lead = names.lines().find(|name| name.contains("kubekv.lead-"));
                // The other way to lose it: it may not be there at this moment.
                if let Some(lead) = lead {
                    let _gone = servers.kubectl(other, &["delete", lead], &[]);
                }
            }
        }
        gateway.regroup();
    }
}
