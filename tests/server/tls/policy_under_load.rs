//! A policy that changes while clients write: each request is decided by the old one or by the new one, and by the new one from
//! when that is in force.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use super::client::{Client, ask};
use super::policy::{Secured, secured};

const WRITERS: usize = 4;

/// How many requests each writer makes while one policy is in force.
const REQUESTS: usize = 40;

/// How often the policy changes.
const CHANGES: usize = 4;

fn rules(moved: &str) -> String {
    format!(
        "[[rule]]\nname = \"mine\"\nidentities = [\"me\"]\nallow = [\"all\"]\nbeneath = [\"steady\"{moved}]\n"
    )
}

/// Which policy is in force, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// One of both.
    Changing,
    Wide,
    Narrow,
    Over,
}

const DENIED: &str = "Permission denied";

/// Writes to a key that every policy allows, and to one that comes and goes; the last values that were taken.
async fn write(
    me: Client,
    to: std::net::SocketAddr,
    number: usize,
    phase: watch::Receiver<Phase>,
    made: Arc<[AtomicUsize; WRITERS]>,
) -> [usize; 2] {
    let mut kept = me.connect(to).await.unwrap();
    let mut last = [0; 2];
    for value in 1.. {
        let before = *phase.borrow();
        if before == Phase::Over {
            break;
        }
        let text = value.to_string();
        let steady = format!("PUT /v1/kv/steady/{number}");
        assert_eq!(ask(&mut kept, &steady, &text).await.unwrap(), "true");
        last[0] = value;
        let moved = format!("PUT /v1/kv/moved/{number}");
        let said = ask(&mut kept, &moved, &text).await.unwrap();
        match said.as_str() {
            "true" => last[1] = value,
            said => assert_eq!(said, DENIED),
        }
        if *phase.borrow() == before {
            match before {
                Phase::Wide => assert_eq!(said, "true"),
                Phase::Narrow => assert_eq!(said, DENIED),
                Phase::Changing | Phase::Over => {}
            }
            made[number].fetch_add(1, Ordering::Relaxed);
        }
    }
    last
}

/// Puts a policy in force, as a client sees it.
async fn change(all: &Secured, phase: &watch::Sender<Phase>, to: Phase) {
    phase.send_replace(Phase::Changing);
    let moved = if to == Phase::Wide { ", \"moved\"" } else { "" };
    all.set_rules(&rules(moved));
    while (all.read(&all.me, "moved/k").await == DENIED) == (to == Phase::Wide) {}
    phase.send_replace(to);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_changes_under_load_decides_every_request_once_and_whole() {
    let all = secured(&[]).await;
    all.set("moved/k", "1").await;
    let (phase, seen) = watch::channel(Phase::Changing);
    change(&all, &phase, Phase::Wide).await;
    let made = Arc::<[AtomicUsize; WRITERS]>::default();
    let writers = std::array::from_fn::<_, WRITERS, _>(|number| {
        let (me, made) = (all.me.clone(), Arc::clone(&made));
        tokio::spawn(write(me, all.gateway.consul, number, seen.clone(), made))
    });
    for round in 0..CHANGES {
        let to = if round % 2 == 0 {
            Phase::Narrow
        } else {
            Phase::Wide
        };
        change(&all, &phase, to).await;
        let from = made.each_ref().map(|made| made.load(Ordering::Relaxed));
        let is_done = || {
            let now = made.iter().map(|made| made.load(Ordering::Relaxed));
            now.zip(from).all(|(now, from)| now >= from + REQUESTS)
        };
        while !is_done() {
            tokio::task::yield_now().await;
        }
    }
    phase.send_replace(Phase::Over);
    for (number, writer) in writers.into_iter().enumerate() {
        let last = writer.await.unwrap();
        // What was refused changed nothing, and what was taken is there.
        for (tree, last) in ["steady", "moved"].into_iter().zip(last) {
            let key = format!("{tree}/{number}");
            assert_eq!(all.read(&all.ops, &key).await, last.to_string(), "{key}");
        }
    }
}
