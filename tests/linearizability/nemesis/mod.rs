//! What happens to the gateway while clients run.

pub mod cluster_faults;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rustix::process::Signal;
use tokio::task::block_in_place;

use crate::gateway::Gateway;
use crate::history::Record;
use crate::nemesis::cluster_faults::Trouble;
use crate::random::Random;

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub struct Blows {
    pub kills: usize,
    pub stops: usize,
    pub terms: usize,
    pub deposed: usize,
    /// To the cluster.
    pub troubles: BTreeMap<Trouble, usize>,
}

impl fmt::Display for Blows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kills,
            stops,
            terms,
            deposed,
            troubles,
        } = self;
        write!(f, "{kills} kills, {stops} stops, {terms} terms")?;
        if *deposed > 0 {
            write!(f, ", {deposed} deposed")?;
        }
        for (trouble, times) in troubles {
            write!(f, ", {times} {trouble}")?;
        }
        Ok(())
    }
}

/// Waits until so many more operations were answered, wherever that falls.
async fn answered(gateway: &mut Gateway, record: &Record, more: usize) {
    let so_far = || record.counts().yes + record.counts().no;
    let target = so_far() + more;
    let mut waited = 0;
    while so_far() < target {
        gateway.check();
        waited += 1;
        assert!(waited < 30_000, "nothing is answered any more");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Strikes so many times; each time after a number of answers that is left to chance.
pub async fn strike(
    gateway: &mut Gateway,
    record: &Record,
    times: usize,
    random: &mut Random,
) -> Blows {
    let mut blows = Blows::default();
    let troubles = cluster_faults::all(gateway.store());
    for time in 0..times {
        // A cluster answers more slowly.
        let most = if gateway.is_shared() { 200 } else { 700 };
        let more = random.below(most) + 50;
        answered(gateway, record, more).await;
        block_in_place(|| gateway.look_round());
        // One of each in any case, then by chance.
        let each = if gateway.is_shared() {
            4 + troubles.len()
        } else {
            3
        };
        match if time < each {
            time
        } else {
            random.below(each + 3)
        } {
            0 => kill(gateway, random, &mut blows),
            1 => {
                gateway.stop_for(pause(random)).await;
                blows.stops += 1;
            }
            2 => {
                let status = block_in_place(|| gateway.end());
                assert!(status.success(), "a gateway told to end: {status}");
                block_in_place(|| gateway.again(None));
                blows.terms += 1;
            }
            3 if gateway.is_shared() => {
                block_in_place(|| gateway.depose());
                blows.deposed += 1;
            }
            other if gateway.is_shared() && (4..each).contains(&other) => {
                let trouble = troubles[other - 4];
                block_in_place(|| trouble.befall(gateway, random));
                *blows.troubles.entry(trouble).or_default() += 1;
            }
            _ => {
                // Requests wait in its sockets when it dies.
                let pause = pause(random);
                gateway.signal(Signal::STOP);
                tokio::time::sleep(pause.min(Duration::from_millis(300))).await;
                kill(gateway, random, &mut blows);
                blows.stops += 1;
            }
        }
    }
    let last = random.below(200) + 50;
    answered(gateway, record, last).await;
    blows
}

fn kill(gateway: &mut Gateway, random: &mut Random, blows: &mut Blows) {
    gateway.signal(Signal::KILL);
    let cut_short = random
        .percent(30)
        .then(|| Duration::from_millis(random.between(1, 60)));
    blows.kills += 1 + usize::from(cut_short.is_some());
    block_in_place(|| {
        gateway.killed();
        gateway.again(cut_short);
    });
}

/// Mostly short; sometimes longer than clients wait, and seldom longer than leases count.
fn pause(random: &mut Random) -> Duration {
    let milliseconds = match random.below(20) {
        0..=13 => random.between(10, 300),
        14..=18 => random.between(700, 1500),
        _ => random.between(2200, 3500),
    };
    Duration::from_millis(milliseconds)
}
