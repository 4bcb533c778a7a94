//! What ends by itself does not end early: keys with a TTL, and what sessions have in common with them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;

use crate::gateway::Times;
use crate::random::Random;
use crate::workload::client::World;
use crate::workload::connection::{Answer, Connection, Face, Request};

pub const PATIENCE: Duration = Duration::from_millis(700);
const SECOND: u64 = 1_000_000_000;
/// How long after its time something may still be there, at most, when nothing befalls the gateway.
const OVERDUE: u64 = 30 * SECOND;
/// A gateway that stood still for longer does not count the time: nobody could renew.
const STOPPED: u64 = 2 * SECOND;

/// What was found of something that ends by itself.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many came to their end.
    pub ended: usize,
    /// How often one was prolonged.
    pub renewed: usize,
    pub faults: Vec<String>,
}

impl Tally {
    /// It is gone, an answer said; `from` is when it can last have been prolonged, `until` when it may end.
    pub fn gone(&mut self, what: &str, now: u64, until: u64) {
        self.ended += 1;
        if now < until {
            let early = Duration::from_nanos(until - now);
            self.faults.push(format!("{what} ended {early:?} early"));
        }
    }

    /// Whether it is long overdue.
    pub fn overdue(&mut self, what: &str, now: u64, until: u64, times: &Times) -> bool {
        let overdue = is_overdue(now, until, times);
        if overdue {
            self.faults.push(format!("{what} does not end"));
        }
        overdue
    }
}

/// Whether something should have ended long ago. What befalls the gateway when a term is over, before the end is
/// written, gives a session another term; many blows, many.
fn is_overdue(now: u64, until: u64, times: &Times) -> bool {
    let stopped = times.stopped.iter().map(|(_, to)| to);
    let troubled = times.troubled.iter();
    let began = times.began.iter().map(|(_, to)| to);
    let calm_since = began.chain(stopped).chain(troubled).max();
    now > until.max(calm_since.copied().unwrap_or_default()) + OVERDUE
}

/// Sends until there is an answer that says something.
async fn insist(connection: &mut Connection, request: &Request) -> Answer {
    loop {
        if let Some(answer) = connection.send(request, PATIENCE).await
            && answer.status < 500
        {
            return answer;
        }
    }
}

/// Writes keys with a TTL, one after the other, until the round is over.
///
/// A TTL runs from when the write was done, which is after it was asked for. Outages do not prolong it by promise.
pub async fn keys(world: Arc<World>, number: usize, mut random: Random) -> Tally {
    let mut connection = Connection::new(world.life.clone(), Face::Etcd);
    let mut tally = Tally::default();
    let mut written = 0;
    while !world.over.load(Ordering::Relaxed) {
        written += 1;
        let ttl = random.between(1, 4);
        let what = format!("{}-ends/t/{number}.{written}", world.layout.root);
        let uri = format!("/v2/keys/{what}");
        let get = Request::new(
            Face::Etcd,
            Method::GET,
            format!("{uri}?quorum=true"),
            String::new(),
        );
        let put = Request::new(Face::Etcd, Method::PUT, uri, format!("value=x&ttl={ttl}"));
        // Until when an acknowledged write keeps it.
        let mut until = None;
        let mut writes = random.between(1, 4);
        loop {
            if writes > 0 && random.percent(if until.is_none() { 100 } else { 10 }) {
                let called = world.life.now();
                if let Some(answer) = connection.send(&put, PATIENCE).await
                    && answer.status < 300
                {
                    until = Some(called + ttl * SECOND);
                    writes -= 1;
                    tally.renewed += 1;
                }
            }
            let Some(until) = until else { continue };
            let answer = insist(&mut connection, &get).await;
            let now = world.life.now();
            if answer.status == 404 {
                tally.gone(&what, now, until);
                break;
            }
            if tally.overdue(&what, now, until, &world.life.times()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(random.between(5, 60))).await;
        }
    }
    tally
}

/// Until when a session of a term that was renewed last at a time must be there.
///
/// It has its full term again when a gateway begins to serve, and time that a gateway stood still does not count.
pub fn kept_until(renewed: u64, term: u64, now: u64, times: &Times) -> u64 {
    let mut until = renewed + term;
    let began = times.began.iter().map(|(from, to)| (*from, *to, true));
    let stopped = times.stopped.iter().map(|(from, to)| (*from, *to, false));
    let mut events: Vec<_> = began.chain(stopped).collect();
    events.sort_unstable();
    for (from, to, begins) in events {
        if from < renewed || from > now {
            continue;
        }
        if begins {
            // Where it could end before that, the gateway before may have ended it.
            if until > to {
                until = from + term;
            }
        } else if from < until && to - from > STOPPED {
            until += to - from;
        }
    }
    until
}

#[test]
fn what_is_overdue_is_so_in_calm() {
    let mut times = Times::default();
    assert!(!is_overdue(5 + OVERDUE, 5, &times));
    assert!(is_overdue(6 + OVERDUE, 5, &times));
    times.began = vec![(0, 0), (6, 7)];
    assert!(!is_overdue(7 + OVERDUE, 5, &times), "it was killed at 7");
    times.stopped = vec![(8, 9)];
    assert!(
        !is_overdue(9 + OVERDUE, 5, &times),
        "it stood still until 9"
    );
    assert!(is_overdue(10 + OVERDUE, 5, &times));
}

#[test]
fn a_term_begins_again_and_stands_still() {
    let times = Times {
        began: vec![(0, 0), (15, 15)],
        stopped: vec![(21, 25 + STOPPED)],
        ..Times::default()
    };
    assert_eq!(kept_until(5, 9, 100, &times), 14);
    assert_eq!(kept_until(5, 11, 100, &times), 26 + 4 + STOPPED);
    assert_eq!(kept_until(5, 11, 14, &times), 16);
    assert_eq!(kept_until(16, 4, 100, &times), 20);
}

#[test]
fn a_term_begins_again_when_another_gateway_leads_not_when_this_one_is_over() {
    let times = Times {
        began: vec![(0, 0), (15, 19)],
        ..Times::default()
    };
    assert_eq!(kept_until(5, 15, 100, &times), 15 + 15);
    assert_eq!(kept_until(5, 14, 100, &times), 19, "it may end before");
    assert_eq!(kept_until(5, 10, 100, &times), 15);
    // Renewed meanwhile, by either.
    assert_eq!(kept_until(16, 10, 100, &times), 26);
}
