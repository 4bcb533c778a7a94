//! Takeovers under Patroni: gateways are killed, and no primary is demoted.
#![expect(
    clippy::disallowed_methods,
    reason = "processes have no clock that could be paused"
)]

use std::time::{Duration, Instant, SystemTime};

use crate::fleet::Fleet;
use crate::postgresql::PostgreSql;
use crate::primary::{Dcs, Primary, Timing};
use crate::virtual_address;
use crate::writer::Writer;
use support::etcd_member::Member;
use support::gateway::get;
use support::kubernetes::namespace;
use support::until::until;

/// Patroni's own settings, but that it looks at its keys more often: each time in the midst of a take-over.
const OFTEN: Timing = Timing {
    ttl: 30,
    loop_wait: 2,
    retry_timeout: 10,
};

/// Patroni's own settings.
const DEFAULT: Timing = Timing {
    ttl: 30,
    loop_wait: 10,
    retry_timeout: 10,
};

fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// Kills the leader so many times, at a random moment of Patroni's loop; no primary may be demoted, and each must keep
/// renewing its key.
fn primaries_survive(what: &str, store: &str, gateways: usize, timing: Timing, kills: u32) {
    let mut fleet = Fleet::start(store, gateways);
    let consul = virtual_address::before(fleet.consul());
    let postgresql = PostgreSql::copy();
    let primaries: Vec<_> = [
        Dcs::Etcd(fleet.etcd()),
        Dcs::Consul(consul),
        Dcs::ZooKeeper(fleet.zookeeper()),
    ]
    .iter()
    .map(|dcs| Primary::start(dcs, &postgresql, timing))
    .collect();
    for primary in &primaries {
        primary.until_primary();
    }
    for kill in 0..kills {
        let millis = fastrand::u64(0..u64::from(timing.loop_wait) * 1_000);
        let writer = Writer::start(fleet.etcd());
        std::thread::sleep(Duration::from_millis(millis));
        let began = Instant::now();
        let place = fleet.kill_leader();
        if gateways == 1 {
            fleet.start_again(place);
        }
        let leader = fleet.leader();
        let (taken, led) = (began.elapsed(), now());
        // Two loops after there is a leader again, at least: the key is renewed in each.
        for primary in &primaries {
            for at_least in [led + 1, led + 1 + u64::from(timing.loop_wait)] {
                until("Patroni sees its keys", || primary.seen() >= at_least);
            }
            primary.assert_never_demoted(&format!("at kill {kill} on {what}"));
            let key = format!("service/{}/leader", primary.scope);
            assert_eq!(get(fleet.gateway(leader), &key).as_deref(), Some("primary"));
        }
        let gap = writer.longest_gap();
        println!("{what}: kill {kill}: another leads after {taken:.1?}, no write for {gap:.1?}");
        if gateways > 1 {
            fleet.start_again(place);
        }
    }
}

fn on_etcd(timing: Timing, kills: u32) {
    let member = Member::start("etcd-3.6");
    primaries_survive("etcd", &member.store("patroni"), 3, timing, kills);
}

fn on_kubernetes(timing: Timing, kills: u32) {
    let store = format!("kubernetes:{}", namespace());
    primaries_survive("kubernetes", &store, 3, timing, kills);
}

fn on_the_embedded_store(timing: Timing, kills: u32) {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("embedded:{}", directory.path().join("data").display());
    primaries_survive("embedded", &store, 1, timing, kills);
}

#[test]
#[ignore = "needs etcd, Patroni and PostgreSQL: tests/run"]
fn primary_survives_takeover_on_etcd() {
    on_etcd(OFTEN, 1);
}

#[test]
#[ignore = "needs Kubernetes, Patroni and PostgreSQL: tests/run"]
fn primary_survives_takeover_on_kubernetes() {
    on_kubernetes(OFTEN, 1);
}

#[test]
#[ignore = "needs Patroni and PostgreSQL: tests/run"]
fn primary_survives_restart_on_the_embedded_store() {
    on_the_embedded_store(OFTEN, 1);
}

/// Of each store as many kills as `KILLS` says, or 20, with Patroni's own settings: about 9 minutes. `LEAD_DURATION` is
/// the gateways', `KUBEKV` another program than the tests' own.
#[test]
#[ignore = "by hand: cargo test --test patroni -- --ignored --nocapture by_hand"]
fn primaries_survive_many_takeovers_by_hand() {
    let kills =
        std::env::var_os("KILLS").map_or(20, |kills| kills.to_string_lossy().parse().unwrap());
    let timing = if std::env::var_os("OFTEN").is_some() {
        OFTEN
    } else {
        DEFAULT
    };
    std::thread::scope(|scope| {
        scope.spawn(|| on_etcd(timing, kills));
        scope.spawn(|| on_kubernetes(timing, kills));
        scope.spawn(|| on_the_embedded_store(timing, kills));
    });
}
