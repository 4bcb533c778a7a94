//! Profiles of recordings: the stored ones, and the comparison of two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use support::recorder::Record;
use support::recorder::form::{is_done, value};
use support::recorder::profile::{Profile, Repeated, StepProfile, differences};
use support::recorder::record::load;

use crate::live::stored;
use crate::servers::Store;

const ALL: [Store; 3] = [Store::Consul, Store::Etcd, Store::ZooKeeper];

fn records(store: Store) -> Vec<Record> {
    load(&stored(store))
}

/// The profiles of all stored recordings, made once.
static PROFILES: LazyLock<Vec<Profile>> =
    LazyLock::new(|| ALL.map(|store| Profile::of(&records(store))).into());

fn profile(store: Store) -> &'static Profile {
    let at = ALL.iter().position(|one| *one == store).unwrap();
    &PROFILES[at]
}

/// The commands whose forms begin so, and how many of them there are.
fn count(step: &StepProfile, start: &str) -> usize {
    let fits = step
        .commands
        .iter()
        .filter(|(form, _)| form.starts_with(start));
    fits.map(|(_, count)| count).sum()
}

fn forms(profile: &Profile, host: &str, kind: Repeated) -> Vec<String> {
    let mut all = BTreeMap::new();
    for (_, hosts) in &profile.steps {
        let found = hosts.get(host).and_then(|step| step.repeated.get(&kind));
        all.extend(found.cloned().unwrap_or_default());
    }
    all.into_keys().collect()
}

#[test]
fn a_list_of_networks_reads_all_networks_and_all_counts() {
    let step = profile(Store::Etcd).step("network list", "a");
    let (check, list) = (
        "quorum=true&recursive=false&sorted=false",
        "quorum=true&recursive=true&sorted=true",
    );
    let tree = "GET /v2/keys/docker/network/v1.0";
    let expected = [
        format!("{tree}/endpoint_count/?{check} -> 200"),
        format!("{tree}/endpoint_count/?{list} -> 200"),
        format!("{tree}/network/?{check} -> 200"),
        format!("{tree}/network/?{list} -> 200"),
    ];
    assert_eq!(step.commands, expected.map(|form| (form, 1)).into());
    assert_eq!(step.writes, BTreeMap::new());

    let step = profile(Store::Consul).step("network list", "a");
    assert_eq!(step.commands.values().sum::<usize>(), 4);

    // A list of ZooKeeper's is as many more reads as it has children: two networks, here.
    let step = profile(Store::ZooKeeper).step("network list", "a");
    assert_eq!(count(&step, "exists "), 2);
    assert_eq!(count(&step, "getChildren2 "), 2);
    assert_eq!(count(&step, "getData "), 4);
}

#[test]
fn a_daemon_has_three_clients_of_the_store() {
    for host in ["a", "b"] {
        let step = profile(Store::Etcd).step("daemon start", host);
        assert_eq!(step.commands["GET /v2/members -> 200"], 3);
        let step = profile(Store::ZooKeeper).step("daemon start", host);
        let connects = "connect timeout=10000 new len=44 -> 0";
        assert_eq!(step.commands[connects], 3, "{:?}", step.commands);
    }
}

#[test]
fn a_heartbeat_is_one_write_or_a_few_requests() {
    let beats = |store| forms(profile(store), "b", Repeated::Heartbeat);
    let entry = "/v2/keys/docker/nodes/{self} ttl&value";
    assert_eq!(
        beats(Store::Etcd),
        [format!("PUT {entry} -> 200"), format!("PUT {entry} -> 201")]
    );
    let entry = "/v1/kv/docker/nodes/{self}";
    let write = format!("PUT {entry}?flags=3304740253564472344 value -> 200 true");
    let renew = "PUT /v1/session/renew/{session} -> 200";
    assert_eq!(
        beats(Store::Consul),
        [
            format!("GET {entry} -> 200; {renew}; {write}"),
            format!(
                "GET {entry} -> 404; PUT /v1/session/create \
                 {{\"Behavior\":\"delete\",\"LockDelay\":\"1ms\",\"TTL\":\"{{ttl}}\"}} -> 200; \
                 GET {entry}?wait=15000ms -> 404; \
                 PUT {entry}?acquire={{session}}&flags=3304740253564472344 -> 200 true; {renew}; {write}"
            ),
        ]
    );
    let entry = "/docker/nodes/{self}";
    let write = format!("setData {entry} version=-1 value -> 0");
    assert_eq!(
        beats(Store::ZooKeeper),
        [
            format!(
                "exists {entry} -> -101; create /docker flags=0 -> -110; \
                 create /docker/nodes flags=0 -> -110; create {entry} flags=1 -> 0; {write}"
            ),
            format!("exists {entry} -> 0; {write}"),
        ]
    );
}

#[test]
fn entries_of_hosts_live_for_three_heartbeats_of_twenty_seconds() {
    for store in ALL {
        let records = records(store);
        let writes = records.iter().filter(|record| {
            let is_write = ["PUT", "setData"].contains(&record.method.as_str());
            is_write && record.host == "b" && record.target.contains("/docker/nodes/10.99.0.2:2376")
        });
        let times: Vec<f64> = writes
            .filter(|record| record.body.is_some())
            .map(|record| record.t)
            .collect();
        // The first one comes half a second after the daemon's start, and not in time with the others.
        let pauses = times[1..].windows(2).map(|pair| pair[1] - pair[0]);
        assert!(
            times.len() > 3 && pauses.clone().all(|pause| (pause - 20.0).abs() < 2.0),
            "{times:?}"
        );
    }
    let body = |store, part: &str| {
        let found = records(store)
            .into_iter()
            .find(|record| record.target.contains(part));
        found.and_then(|record| record.body)
    };
    assert_eq!(
        body(Store::Etcd, "/docker/nodes/10.99.0.1:2376").as_deref(),
        Some("ttl=60&value=10.99.0.1%3A2376")
    );
    let session = body(Store::Consul, "/v1/session/create").unwrap();
    assert!(session.contains(r#""TTL":"30s""#), "{session}");
}

#[test]
fn a_container_start_wakes_the_peer_that_watches_the_network() {
    for store in ALL {
        let step = profile(store).step("container start beside a peer", "a");
        assert_eq!(step.commands, BTreeMap::new(), "{store:?}");
        let reactions = &step.repeated[&Repeated::Reaction];
        assert_eq!(reactions.len(), 1, "{reactions:?}");
        let form = reactions.keys().next().unwrap();
        assert!(form.contains("endpoint/{network}"), "{form}");
    }
}

#[test]
fn requests_that_follow_the_clock_belong_to_no_command() {
    for store in ALL {
        for host in ["a", "b"] {
            let step = profile(store).step("heartbeat", host);
            assert_eq!(step.commands, BTreeMap::new(), "{store:?}");
            assert!(step.repeated[&Repeated::Heartbeat].values().sum::<usize>() >= 2);
        }
    }
}

/// A recording of the same requests with other ids, addresses and indexes.
fn renamed(records: &[Record]) -> Vec<Record> {
    let is_id = |word: &&str| word.len() == 64;
    let ids: BTreeSet<_> = records
        .iter()
        .flat_map(|record| record.target.split(['/', '?']).filter(is_id))
        .collect();
    let rename = |text: &str| {
        let mut text = text
            .replace("10.99.0.", "10.77.0.")
            .replace("10.0.", "10.200.");
        for name in ["prevIndex=", "cas=", "&index=", "?index="] {
            text = text.replace(name, &format!("{name}1"));
        }
        for id in &ids {
            text = text.replace(*id, &id.chars().rev().collect::<String>());
        }
        // Where a key must not be there yet, the index is 0.
        text.replace("cas=10&", "cas=0&")
    };
    let mut renamed = records.to_vec();
    for record in &mut renamed {
        record.target = rename(&record.target);
        record.body = record.body.as_deref().map(rename);
        record.answer = record.answer.as_deref().map(rename);
        record.index = record
            .index
            .map(|index| format!("1{index}").parse().unwrap());
        record.version = record
            .version
            .map(|version| if version < 0 { version } else { version + 10 });
    }
    renamed
}

#[test]
fn ids_addresses_and_indexes_make_no_difference() {
    for store in ALL {
        let records = records(store);
        let renamed = renamed(&records);
        assert_ne!(renamed, records);
        let found = differences(profile(store), &Profile::of(&renamed));
        assert_eq!(found, Vec::<String>::new(), "{store:?}");
    }
}

#[test]
fn the_number_of_heartbeats_and_polls_makes_no_difference() {
    for store in ALL {
        let records = records(store);
        let rest: Vec<_> = records
            .iter()
            .filter(|record| record.step != "heartbeat")
            .cloned()
            .collect();
        let steps: Vec<_> = profile(store)
            .steps
            .iter()
            .map(|(step, _)| step.as_str())
            .collect();
        let steps: Vec<_> = steps
            .into_iter()
            .filter(|step| *step != "heartbeat")
            .collect();
        let found = differences(&profile(store).only(&steps), &Profile::of(&rest));
        assert_eq!(found, Vec::<String>::new(), "{store:?}");
    }
}

#[test]
fn a_request_too_few_or_another_order_of_writes_is_a_difference() {
    for store in ALL {
        let all = records(store);
        let expected = profile(store);
        let is_write = |record: &Record| {
            let is_bitmap = record.target.contains("/ipam/default/data/");
            record.step == "network create"
                && is_bitmap
                && value(record).is_some_and(|value| !value.is_empty())
                && is_done(record)
        };
        let writes: Vec<usize> = (0..all.len()).filter(|at| is_write(&all[*at])).collect();
        let mut fewer = all.clone();
        fewer.remove(writes[0]);
        let found = differences(expected, &Profile::of(&fewer));
        assert!(
            found.iter().any(|line| line.contains("none found")),
            "{found:#?}"
        );
        let mut swapped = all.clone();
        swapped.swap(writes[0], writes[1]);
        let found = differences(expected, &Profile::of(&swapped));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains("writes of "), "{found:#?}");
    }
}

#[test]
fn who_makes_the_directory_of_hosts_makes_no_difference() {
    for store in [Store::Consul, Store::Etcd] {
        // The first heartbeat made it: the watch found it, and did not make it.
        let is_directory = |record: &Record| {
            let path = record.target.split('?').next().unwrap_or_default();
            path.ends_with("docker/nodes")
        };
        let mut other = records(store);
        other.retain(|record| record.method != "PUT" || !is_directory(record));
        for record in &mut other {
            if is_directory(record) && record.status == Some(404) {
                record.status = Some(200);
            }
        }
        assert_ne!(other, records(store), "{store:?}");
        let found = differences(profile(store), &Profile::of(&other));
        assert!(found.is_empty(), "{store:?} {found:#?}");
    }
}

#[test]
fn a_missing_reaction_of_a_peer_and_another_value_are_differences() {
    for store in ALL {
        let all = records(store);
        let expected = profile(store);
        let step = "container start beside a peer";
        let no_reaction: Vec<_> = all
            .iter()
            .filter(|record| {
                record.step != step || record.host != "a" || !record.target.contains("/endpoint/")
            })
            .cloned()
            .collect();
        let found = differences(expected, &Profile::of(&no_reaction));
        assert!(
            found.iter().any(|line| line.contains("reaction")),
            "{store:?} {found:#?}"
        );
        let mut other = all.clone();
        for record in &mut other {
            record.body = record
                .body
                .as_deref()
                .map(|body| body.replace("Count", "Counts"));
        }
        let found = differences(expected, &Profile::of(&other));
        assert!(
            found.iter().any(|line| line.contains("value of ")),
            "{store:?} {found:#?}"
        );
    }
}

#[test]
fn another_form_of_heartbeats_is_a_difference() {
    for (store, part, other) in [
        (Store::Etcd, "ttl=60&", ""),
        (Store::Consul, r#""TTL":"30s""#, r#""TTL":"30s","Name":"x""#),
        (Store::ZooKeeper, "10.99.0.1:2376", ""),
    ] {
        let mut all = records(store);
        for record in &mut all {
            record.body = record.body.as_deref().map(|body| body.replace(part, other));
        }
        let found = differences(profile(store), &Profile::of(&all));
        let is_of_heartbeats = |line: &String| line.starts_with("a: Heartbeat");
        assert!(found.iter().any(is_of_heartbeats), "{store:?} {found:#?}");
    }
}
