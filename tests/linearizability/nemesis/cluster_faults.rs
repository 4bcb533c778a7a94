//! What happens to the cluster while clients run.

use std::fmt;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::gateway::{Gateway, Store};
use crate::random::Random;
use support::etcd_members::Members;
use support::kubernetes_servers::{ETCD, Servers, apiserver};

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
    /// A member of etcd is killed and started again.
    Kill,
    /// A member of etcd stands still.
    Still,
    /// A member of etcd is cut off from the others, and can be asked.
    CutOff,
    /// Another member of etcd leads.
    Move,
    /// etcd forgets what was, and the member that is watched is killed.
    Compact,
}

/// All of a cluster's, those first that cost most of what gateways know.
const OF_KUBERNETES: [Trouble; 5] = [
    Trouble::Restart,
    Trouble::LongStall,
    Trouble::Stall,
    Trouble::Freeze,
    Trouble::Theft,
];

/// All of an etcd's.
const OF_ETCD: [Trouble; 6] = [
    Trouble::Kill,
    Trouble::CutOff,
    Trouble::Still,
    Trouble::Move,
    Trouble::Compact,
    Trouble::Theft,
];

/// What may befall a store.
pub fn all(store: &Store) -> &'static [Trouble] {
    match store {
        Store::Embedded => &[],
        Store::Kubernetes(_) => &OF_KUBERNETES,
        Store::Etcd(_) => &OF_ETCD,
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stall => "API servers stalled",
            Self::LongStall => "API servers stalled for long",
            Self::Restart => "API servers restarted",
            Self::Freeze => "times etcd stood still",
            Self::Theft => "leads deleted",
            Self::Kill => "members killed",
            Self::Still => "members stood still",
            Self::CutOff => "members cut off",
            Self::Move => "leads of etcd moved",
            Self::Compact => "times etcd forgot",
        })
    }
}

impl Trouble {
    /// Befalls the cluster; returns when a gateway leads again.
    pub fn befall(self, gateway: &mut Gateway, random: &mut Random) {
        gateway.trouble();
        let leaders = gateway.server();
        match gateway.store() {
            Store::Embedded => {}
            Store::Kubernetes(servers) => self.befall_servers(servers, leaders, random),
            Store::Etcd(members) => self.befall_members(members, random),
        }
        gateway.regroup();
    }

    fn befall_servers(self, servers: &mut Servers, leaders: usize, random: &mut Random) {
        let other = 3 - leaders;
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
            Self::Kill | Self::Still | Self::CutOff | Self::Move | Self::Compact => {}
        }
    }

    fn befall_members(self, members: &mut Members, random: &mut Random) {
        // Mostly the one that leads.
        let leader = members.leader();
        let member = if random.percent(60) {
            leader
        } else {
            (leader + 1 + random.below(2)) % 3
        };
        match self {
            Self::Kill | Self::Compact => {
                if self == Self::Compact {
                    members.compact();
                }
                members.kill(member);
                sleep(Duration::from_millis(random.between(0, 3_000)));
                members.again(member);
            }
            Self::Still => {
                members.stop(member);
                sleep(Duration::from_millis(random.between(300, 8_000)));
                members.go_on(member);
            }
            Self::CutOff => {
                members.cut_off(member);
                sleep(Duration::from_millis(random.between(300, 8_000)));
                members.join(member);
            }
            Self::Move => members.move_leader(),
            Self::Theft => {
                let taken = members
                    .member(member)
                    .ctl(&["del", "histories/.kubekv/lead"]);
                taken.unwrap();
            }
            Self::Stall | Self::LongStall | Self::Restart | Self::Freeze => {}
        }
        members.leader();
    }
}
