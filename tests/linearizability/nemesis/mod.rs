//! Nemesis: faults injected into the gateway while clients run.

pub mod cluster_faults;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rustix::process::Signal;
use tokio::task::block_in_place;

use crate::gateway::Gateway;
use crate::history::History;
use crate::nemesis::cluster_faults::ClusterFault;
use crate::random::Random;

/// The numbers of injected faults, by kind.
#[derive(Clone, Debug, Default)]
pub struct FaultCounts {
    pub kills: usize,
    pub stops: usize,
    /// Terminations by SIGTERM.
    pub terms: usize,
    pub deposed: usize,
    /// Faults injected into the cluster.
    pub cluster_faults: BTreeMap<ClusterFault, usize>,
}

impl fmt::Display for FaultCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kills,
            stops,
            terms,
            deposed,
            cluster_faults,
        } = self;
        write!(f, "{kills} kills, {stops} stops, {terms} terms")?;
        if *deposed > 0 {
            write!(f, ", {deposed} deposed")?;
        }
        for (cluster_fault, times) in cluster_faults {
            write!(f, ", {times} {cluster_fault}")?;
        }
        Ok(())
    }
}

/// Waits until this many more operations have been answered, in whatever state they leave the gateway.
async fn wait_for_answers(gateway: &mut Gateway, history: &History, more: usize) {
    let answers = || history.counts().done + history.counts().refused;
    let target = answers() + more;
    let mut waited = 0;
    while answers() < target {
        gateway.check_is_running();
        waited += 1;
        assert!(waited < 30_000, "no request is answered any more");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Injects this many faults, each after a random number of answers.
pub async fn inject_faults(
    gateway: &mut Gateway,
    history: &History,
    times: usize,
    random: &mut Random,
) -> FaultCounts {
    let mut faults = FaultCounts::default();
    let cluster_faults = cluster_faults::of(gateway.store());
    for time in 0..times {
        // A shared store answers more slowly.
        let most = if gateway.is_shared() { 200 } else { 700 };
        let more = random.below(most) + 50;
        wait_for_answers(gateway, history, more).await;
        block_in_place(|| gateway.check_leader());
        // Each kind once, then random kinds.
        let kinds = if gateway.is_shared() {
            4 + cluster_faults.len()
        } else {
            3
        };
        match if time < kinds {
            time
        } else {
            random.below(kinds + 3)
        } {
            0 => kill(gateway, random, &mut faults),
            1 => {
                gateway.stop_for(pause(random)).await;
                faults.stops += 1;
            }
            2 => {
                let status = block_in_place(|| gateway.terminate());
                assert!(status.success(), "a terminated gateway ended with {status}");
                block_in_place(|| gateway.restart(None));
                faults.terms += 1;
            }
            3 if gateway.is_shared() => {
                block_in_place(|| gateway.depose());
                faults.deposed += 1;
            }
            other if gateway.is_shared() && (4..kinds).contains(&other) => {
                let cluster_fault = cluster_faults[other - 4];
                block_in_place(|| cluster_fault.inject(gateway, random));
                *faults.cluster_faults.entry(cluster_fault).or_default() += 1;
            }
            _ => {
                // Kill a stopped process: requests wait in its sockets when it dies.
                let pause = pause(random);
                gateway.signal(Signal::STOP);
                tokio::time::sleep(pause.min(Duration::from_millis(300))).await;
                kill(gateway, random, &mut faults);
                faults.stops += 1;
            }
        }
    }
    let last = random.below(200) + 50;
    wait_for_answers(gateway, history, last).await;
    faults
}

fn kill(gateway: &mut Gateway, random: &mut Random, faults: &mut FaultCounts) {
    gateway.signal(Signal::KILL);
    let cut_short = random
        .percent(30)
        .then(|| Duration::from_millis(random.between(1, 60)));
    faults.kills += 1 + usize::from(cut_short.is_some());
    block_in_place(|| {
        gateway.wait_killed();
        gateway.restart(cut_short);
    });
}

/// A pause: mostly short, sometimes longer than the clients' timeout, seldom so long that it extends leases.
fn pause(random: &mut Random) -> Duration {
    let milliseconds = match random.below(20) {
        0..=13 => random.between(10, 300),
        14..=18 => random.between(700, 1500),
        _ => random.between(2200, 3500),
    };
    Duration::from_millis(milliseconds)
}
