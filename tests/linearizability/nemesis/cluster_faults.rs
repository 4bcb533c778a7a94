//! Cluster faults: faults injected into the API servers, into etcd and into the leader record while clients run.

use std::fmt;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::gateway::Gateway;
use crate::gateway::store::{ETCD_PREFIX, Store};
use crate::random::Random;
use support::etcd_members::Members;
use support::kubernetes_servers::{ETCD, Servers, apiserver};

/// A fault of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClusterFault {
    /// The leader's API server is stopped for less than leadership lasts.
    Stall,
    /// The leader's API server is stopped for longer: the standby, at the other API server, takes over.
    LongStall,
    /// etcd is compacted, and an API server is killed and restarted: its watches begin with a full list.
    Restart,
    /// etcd is stopped.
    Freeze,
    /// The leader record is deleted.
    DeleteLeaderRecord,
    /// A member of etcd is killed and restarted.
    KillMember,
    /// A member of etcd is stopped.
    StopMember,
    /// A member of etcd is partitioned from the other members but reachable for gateways.
    PartitionMember,
    /// The leadership of etcd moves to another member.
    MoveEtcdLeader,
    /// etcd is compacted, and the watched member is killed.
    Compact,
}

/// The faults of a Kubernetes cluster, first those after which gateways have to relist.
const OF_KUBERNETES: [ClusterFault; 5] = [
    ClusterFault::Restart,
    ClusterFault::LongStall,
    ClusterFault::Stall,
    ClusterFault::Freeze,
    ClusterFault::DeleteLeaderRecord,
];

/// The faults of an etcd of three members.
const OF_ETCD: [ClusterFault; 6] = [
    ClusterFault::KillMember,
    ClusterFault::PartitionMember,
    ClusterFault::StopMember,
    ClusterFault::MoveEtcdLeader,
    ClusterFault::Compact,
    ClusterFault::DeleteLeaderRecord,
];

/// The faults that a store's cluster can have.
pub fn of(store: &Store) -> &'static [ClusterFault] {
    match store {
        Store::Embedded => &[],
        Store::Kubernetes(_) => &OF_KUBERNETES,
        Store::Etcd(_) => &OF_ETCD,
    }
}

impl fmt::Display for ClusterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stall => "API servers stalled",
            Self::LongStall => "API servers stalled for long",
            Self::Restart => "API servers restarted",
            Self::Freeze => "times etcd stopped",
            Self::DeleteLeaderRecord => "leader records deleted",
            Self::KillMember => "members killed",
            Self::StopMember => "members stopped",
            Self::PartitionMember => "members partitioned",
            Self::MoveEtcdLeader => "moves of etcd's leader",
            Self::Compact => "compactions of etcd",
        })
    }
}

impl ClusterFault {
    /// Injects the fault, and returns when a gateway leads again.
    pub fn inject(self, gateway: &mut Gateway, random: &mut Random) {
        gateway.note_cluster_fault();
        let leader_server = gateway.leader_server();
        match gateway.store() {
            Store::Embedded => {}
            Store::Kubernetes(servers) => self.inject_kubernetes(servers, leader_server, random),
            Store::Etcd(members) => self.inject_etcd(members, random),
        }
        gateway.find_leader();
    }

    fn inject_kubernetes(self, servers: &mut Servers, leader_server: usize, random: &mut Random) {
        let other = 3 - leader_server;
        let mut stall = |name: &str, from: u64, to: u64| {
            servers.signal(name, Signal::STOP);
            sleep(Duration::from_millis(random.between(from, to)));
            servers.signal(name, Signal::CONT);
        };
        match self {
            Self::Stall => stall(&apiserver(leader_server), 300, 3_000),
            Self::LongStall => stall(&apiserver(leader_server), 6_000, 9_000),
            Self::Freeze => stall(ETCD, 300, 6_000),
            Self::Restart => {
                let number = if random.percent(70) {
                    leader_server
                } else {
                    other
                };
                servers.compact();
                servers.kill(&apiserver(number));
                sleep(Duration::from_millis(random.between(0, 500)));
                servers.again(&apiserver(number));
                servers.until_ready(number);
            }
            Self::DeleteLeaderRecord => {
                let list = ["get", "kv", "-o", "name"];
                let names = servers.kubectl(other, &list, &[]).unwrap();
                let record = names.lines().find(|name| name.contains("kubekv.lead-"));
                // The record may be missing at this moment, which is the same fault.
                if let Some(record) = record {
                    let _gone = servers.kubectl(other, &["delete", record], &[]);
                }
            }
            Self::KillMember
            | Self::StopMember
            | Self::PartitionMember
            | Self::MoveEtcdLeader
            | Self::Compact => {}
        }
    }

    fn inject_etcd(self, members: &mut Members, random: &mut Random) {
        // Mostly the leader.
        let leader = members.leader();
        let member = if random.percent(60) {
            leader
        } else {
            (leader + 1 + random.below(2)) % 3
        };
        match self {
            Self::KillMember | Self::Compact => {
                if self == Self::Compact {
                    members.compact();
                }
                members.kill(member);
                sleep(Duration::from_millis(random.between(0, 3_000)));
                members.again(member);
            }
            Self::StopMember => {
                members.stop(member);
                sleep(Duration::from_millis(random.between(300, 8_000)));
                members.go_on(member);
            }
            Self::PartitionMember => {
                members.cut_off(member);
                sleep(Duration::from_millis(random.between(300, 8_000)));
                members.join(member);
            }
            Self::MoveEtcdLeader => members.move_leader(),
            Self::DeleteLeaderRecord => {
                let record = format!("{ETCD_PREFIX}/.kubekv/lead");
                members.member(member).ctl(&["del", &record]).unwrap();
            }
            Self::Stall | Self::LongStall | Self::Restart | Self::Freeze => {}
        }
        members.leader();
    }
}
