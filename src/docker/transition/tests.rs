//! Tests of changes: all that real daemons were recorded to make are legal, and attacks on what they left are not.

use serde_json::Value;

use super::recorded::{A, B, By, CONSUL, ETCD, Records, ZOOKEEPER, recorded};
use super::*;
use crate::docker::{AddressSpace, BitSequenceRecord, decode, encode};

#[test]
fn what_real_daemons_were_recorded_to_write_is_legal() {
    for (name, lines, fewest) in [
        ("etcd", ETCD, 80),
        ("consul", CONSUL, 80),
        ("zookeeper", ZOOKEEPER, 80),
    ] {
        let mut records = Records::default();
        let writes = recorded(lines);
        assert!(writes.len() >= fewest, "{name}: {}", writes.len());
        for write in writes {
            records.make(write.by, &write.key, write.after.as_deref());
        }
    }
}

/// What two hosts left when both have a container in a network.
fn in_use() -> Records {
    let mut records = Records::default();
    for write in recorded(CONSUL) {
        if write.step == "container remove" {
            break;
        }
        records.make(write.by, &write.key, write.after.as_deref());
    }
    records
}

fn illegal(change: IllegalChange) -> Result<(), RecordRefusal> {
    Err(RecordRefusal::Illegal(change))
}

#[test]
fn counts_change_by_one_and_stay_while_their_network_does() {
    let records = in_use();
    let key = records.key("endpoint_count/");
    let key = records
        .0
        .keys()
        .map(|key| String::from_utf8(key.clone()).unwrap())
        .find(|key| {
            key.contains("endpoint_count/")
                && !records.text(key).is_empty()
                && records.text(key) != r#"{"Count":0}"#
        })
        .unwrap_or(key);
    let count: u64 = serde_json::from_str::<Value>(&records.text(&key)).unwrap()["Count"]
        .as_u64()
        .unwrap();
    let put =
        |count: u64| records.judge(A, &key, Some(format!("{{\"Count\":{count}}}").as_bytes()));
    assert_eq!(put(count + 1), Ok(()));
    assert_eq!(put(count), Ok(()));
    assert_eq!(put(count - 1), Ok(()));
    assert_eq!(put(count + 2), illegal(IllegalChange::CountJumps));
    assert_eq!(put(99), illegal(IllegalChange::CountJumps));
    assert_eq!(
        records.judge(A, &key, None),
        illegal(IllegalChange::CountInUse)
    );
    let plain = By {
        compares: false,
        ..A
    };
    let same = records.text(&key);
    assert_eq!(
        records.judge(plain, &key, Some(same.as_bytes())),
        illegal(IllegalChange::Unconditional)
    );
    let new = "docker/network/v1.0/endpoint_count/new";
    assert_eq!(records.judge(A, new, Some(b"{\"Count\":0}")), Ok(()));
    assert_eq!(
        records.judge(A, new, Some(b"{\"Count\":1}")),
        illegal(IllegalChange::CountJumps)
    );
}

#[test]
fn bitmaps_change_one_bit_that_nobody_uses() {
    let records = in_use();
    let key = records.key("ipam/default/data/GlobalDefault/10.");
    let record: BitSequenceRecord = decode(records.text(&key).as_bytes()).unwrap();
    let judge = |change: &dyn Fn(&mut BitSequenceRecord)| {
        let mut record = record.clone();
        change(&mut record);
        records.judge(A, &key, Some(&encode(&record).unwrap()))
    };
    assert_eq!(judge(&|record| record.sequence.take(100).unwrap()), Ok(()));
    assert_eq!(judge(&|record| record.sequence.release(200)), Ok(()));
    let two = judge(&|record| {
        record.sequence.take(100).unwrap();
        record.sequence.take(101).unwrap();
    });
    assert_eq!(two, illegal(IllegalChange::BitsJump));
    // The gateway, and a container of each host.
    for bit in [1, 2, 3] {
        assert!(record.sequence.is_taken(bit));
        let freed = judge(&|record| record.sequence.release(bit));
        assert_eq!(freed, illegal(IllegalChange::BitInUse), "{bit}");
    }
    let shorter = judge(&|record| record.sequence = crate::docker::BitSequence::new(128));
    assert_eq!(shorter, illegal(IllegalChange::BitsBegin));
    assert_eq!(
        records.judge(A, &key, None),
        illegal(IllegalChange::BitsInUse)
    );
    // A VXLAN id that a network has.
    let ids = records.key("idm/vxlan-id");
    let mut record: BitSequenceRecord = decode(records.text(&ids).as_bytes()).unwrap();
    assert!(record.sequence.is_taken(0));
    record.sequence.release(0);
    let freed = records.judge(A, &ids, Some(&encode(&record).unwrap()));
    assert_eq!(freed, illegal(IllegalChange::BitInUse));
    assert_eq!(
        records.judge(A, &ids, None),
        illegal(IllegalChange::BitsInUse)
    );
    let other = "t/docker/network/v1.0/ipam/default/data/GlobalDefault/10.0.0.0/24";
    let record = record_of("GlobalDefault/10.0.0.0/24", 256);
    assert_eq!(records.judge(A, other, Some(&record)), Ok(()));
    let record = record_of("GlobalDefault/10.0.0.0/24", 512);
    assert_eq!(
        records.judge(A, other, Some(&record)),
        illegal(IllegalChange::BitsBegin)
    );
}

fn record_of(id: &str, bits: u64) -> Vec<u8> {
    let record = BitSequenceRecord {
        id: id.to_owned(),
        sequence: crate::docker::BitSequence::new(bits),
    };
    encode(&record).unwrap()
}

#[test]
fn a_vxlan_id_is_set_once_and_from_an_allotted_bit() {
    let records = in_use();
    let with = |vni: u32| {
        records
            .0
            .iter()
            .map(|(key, value)| {
                (
                    String::from_utf8(key.clone()).unwrap(),
                    String::from_utf8_lossy(value).into_owned(),
                )
            })
            .find(|(key, value)| {
                key.contains("overlay/network/") && value.contains(&format!("\"Vni\":{vni}}}"))
            })
            .unwrap()
    };
    let (used, value) = with(256);
    for vni in [0, 257, 300] {
        let value = value.replace("256", &vni.to_string());
        let judged = records.judge(A, &used, Some(value.as_bytes()));
        assert_eq!(judged, illegal(IllegalChange::VniNotAllotted), "{vni}");
    }
    let (unused, fresh) = with(0);
    let put = |vni: u32| {
        let value = fresh.replace("\"Vni\":0", &format!("\"Vni\":{vni}"));
        records.judge(A, &unused, Some(value.as_bytes()))
    };
    // Bridging the two networks.
    assert_eq!(put(256), illegal(IllegalChange::VniTaken));
    assert_eq!(put(300), illegal(IllegalChange::VniNotAllotted));
    let secure = fresh.replace("\"secure\":false", "\"secure\":true");
    assert_eq!(
        records.judge(A, &unused, Some(secure.as_bytes())),
        illegal(IllegalChange::OverlayChanges)
    );
    let elsewhere = fresh.replace("GwIP\":\"10", "GwIP\":\"11");
    assert_eq!(
        records.judge(A, &unused, Some(elsewhere.as_bytes())),
        illegal(IllegalChange::OverlayChanges)
    );
    assert_eq!(
        records.judge(A, &used, None),
        illegal(IllegalChange::OverlayInUse)
    );
}

#[test]
fn endpoints_and_nodes_belong_to_their_hosts() {
    let mut records = in_use();
    let of = |records: &Records, host: &str| {
        let keys = records
            .0
            .keys()
            .map(|key| String::from_utf8(key.clone()).unwrap());
        let mut own = keys.filter(|key| {
            key.contains("v1.0/endpoint/")
                && records
                    .text(key)
                    .contains(&format!("\"locator\":\"{host}\""))
        });
        own.next().unwrap()
    };
    let theirs = of(&records, B.host);
    let value = records.text(&theirs);
    let renamed = value.replacen("\"name\":\"", "\"name\":\"stolen", 1);
    assert_eq!(
        records.judge(A, &theirs, Some(renamed.as_bytes())),
        illegal(IllegalChange::OtherHost)
    );
    assert_eq!(records.judge(B, &theirs, Some(renamed.as_bytes())), Ok(()));
    let mine = value.replace(B.host, A.host);
    assert_eq!(
        records.judge(A, &theirs, Some(mine.as_bytes())),
        illegal(IllegalChange::LocatorChanges)
    );
    assert_eq!(
        records.judge(A, &theirs, None),
        illegal(IllegalChange::OtherHostInUse)
    );
    assert_eq!(records.judge(B, &theirs, None), Ok(()));
    let node = records.key("docker/nodes/10.99.0.2:");
    let address = node.rsplit('/').next().unwrap().to_owned();
    assert_eq!(
        records.judge(A, &node, Some(address.as_bytes())),
        illegal(IllegalChange::OtherHost)
    );
    assert_eq!(
        records.judge(A, &node, None),
        illegal(IllegalChange::OtherHostInUse)
    );
    // What a host left that is gone, anybody may delete.
    records.0.remove(node.as_bytes());
    assert_eq!(records.judge(A, &theirs, None), Ok(()));
}

#[test]
fn endpoints_have_addresses_that_were_allotted_to_them_alone() {
    let mut records = in_use();
    let keys = records
        .0
        .keys()
        .map(|key| String::from_utf8(key.clone()).unwrap());
    let is_theirs = |key: &String| {
        let text = records.text(key);
        key.contains("v1.0/endpoint/") && text.contains(&format!("\"locator\":\"{}\"", B.host))
    };
    let theirs = keys.into_iter().find(is_theirs).unwrap();
    let text = records.text(&theirs);
    let value: Value = serde_json::from_str(&text).unwrap();
    let address = value["ep_iface"]["addr"].as_str().unwrap().to_owned();
    let pool = value["ep_iface"]["v4PoolID"].as_str().unwrap().to_owned();
    let (network, _) = address.rsplit_once('.').unwrap();
    let id = value["id"].as_str().unwrap();
    let key = theirs.replace(id, "mine");
    // A's own, with the address of B's container unless it says otherwise.
    let mine = text.replace(id, "mine").replace(B.host, A.host);
    let with = |own: &str| mine.replace(&address, &format!("{network}.{own}"));
    let put = |records: &Records, value: &str| records.judge(A, &key, Some(value.as_bytes()));
    assert_eq!(put(&records, &mine), illegal(IllegalChange::AddressTaken));
    let gateway = put(&records, &with("1/24"));
    assert_eq!(gateway, illegal(IllegalChange::AddressTaken));
    for free in ["200/24", "1/16", "200/32"] {
        let judged = put(&records, &with(free));
        assert_eq!(judged, illegal(IllegalChange::AddressNotAllotted), "{free}");
    }
    let elsewhere = mine.replace(&pool, "GlobalDefault/10.250.0.0/24");
    let judged = put(&records, &elsewhere);
    assert_eq!(judged, illegal(IllegalChange::AddressNotAllotted));
    // As libnetwork does it: first the bit, then the endpoint, which keeps its address from then on.
    let bits = records.key(&format!("ipam/default/data/{pool}"));
    let mut record: BitSequenceRecord = decode(records.text(&bits).as_bytes()).unwrap();
    record.sequence.take(200).unwrap();
    records.make(A, &bits, Some(&encode(&record).unwrap()));
    records.make(A, &key, Some(with("200/24").as_bytes()));
    let joined = with("200/24").replacen("\"sandbox\":\"", "\"sandbox\":\"s", 1);
    assert_eq!(put(&records, &joined), Ok(()));
    assert_eq!(put(&records, &mine), illegal(IllegalChange::AddressTaken));
    // What a host left that is gone keeps nothing from others.
    let node = records.key("docker/nodes/10.99.0.2:");
    records.0.remove(node.as_bytes());
    assert_eq!(put(&records, &mine), Ok(()));
}

/// The key of a network that is in use, or of one that is not.
fn network(records: &Records, is_used: bool) -> String {
    let mut counts = records.0.iter().filter(|(key, value)| {
        key.windows(15).any(|part| part == b"endpoint_count/") && !value.is_empty()
    });
    let found = counts.find(|(_, value)| (value.as_slice() != b"{\"Count\":0}") == is_used);
    let key = String::from_utf8(found.unwrap().0.clone()).unwrap();
    key.replace("endpoint_count", "network")
}

#[test]
fn networks_are_marked_by_who_may_delete_them_and_named_once() {
    let records = in_use();
    let (used, free) = (network(&records, true), network(&records, false));
    let mark = |by: By, key: &str| {
        let value = records
            .text(key)
            .replace("\"inDelete\":false", "\"inDelete\":true");
        records.judge(by, key, Some(value.as_bytes()))
    };
    assert_eq!(mark(A, &used), illegal(IllegalChange::NetworkInUse));
    assert_eq!(
        records.judge(A, &used, None),
        illegal(IllegalChange::NetworkInUse)
    );
    assert_eq!(mark(A, &free), Ok(()));
    assert_eq!(records.judge(A, &free, None), Ok(()));
    let other = By {
        may_delete: false,
        ..A
    };
    assert_eq!(mark(other, &free), illegal(IllegalChange::MarkedByOther));
    // A third of the same name, with and without its count.
    let id = free.trim_end_matches('/').rsplit('/').next().unwrap();
    let value = records.text(&free).replace(id, "third");
    let key = free.replace(id, "third");
    let uncounted = Err(RecordRefusal::Harmful(RecordFault::Uncounted));
    assert_eq!(records.judge(A, &key, Some(value.as_bytes())), uncounted);
    let mut counted = records.clone();
    counted.make(
        A,
        &key.replace("v1.0/network", "v1.0/endpoint_count"),
        Some(b"{\"Count\":0}"),
    );
    assert_eq!(
        counted.judge(A, &key, Some(value.as_bytes())),
        illegal(IllegalChange::NameTaken)
    );
    let named = value.replacen("\"name\":\"", "\"name\":\"third-", 1);
    assert_eq!(counted.judge(A, &key, Some(named.as_bytes())), Ok(()));
    let tenant = format!("t/{key}");
    counted.make(
        A,
        &tenant.replace("v1.0/network", "v1.0/endpoint_count"),
        Some(b"{\"Count\":0}"),
    );
    assert_eq!(counted.judge(A, &tenant, Some(value.as_bytes())), Ok(()));
}

#[test]
fn a_network_whose_count_was_walked_down_stays_while_hosts_that_are_up_have_endpoints() {
    let mut records = in_use();
    let used = network(&records, true);
    let count = used.replace("v1.0/network", "v1.0/endpoint_count");
    let counted: Value = serde_json::from_str(&records.text(&count)).unwrap();
    for step in (0..counted["Count"].as_u64().unwrap()).rev() {
        let step = format!("{{\"Count\":{step}}}");
        records.make(A, &count, Some(step.as_bytes()));
    }
    let marked = records
        .text(&used)
        .replace("\"inDelete\":false", "\"inDelete\":true");
    let mark = |records: &Records| records.judge(A, &used, Some(marked.as_bytes()));
    assert_eq!(mark(&records), illegal(IllegalChange::NetworkInUse));
    let removed = records.judge(A, &used, None);
    assert_eq!(removed, illegal(IllegalChange::NetworkInUse));
    // A host that is gone keeps no network; nor does what the remover has left there itself.
    let node = records.key("docker/nodes/10.99.0.2:");
    records.0.remove(node.as_bytes());
    assert_eq!(mark(&records), Ok(()));
    assert_eq!(records.judge(A, &used, None), Ok(()));
}

#[test]
fn address_spaces_change_one_use_of_one_pool() {
    let records = in_use();
    let key = records.key("ipam/default/config/GlobalDefault");
    let space: AddressSpace = decode(records.text(&key).as_bytes()).unwrap();
    let judge = |change: &dyn Fn(&mut AddressSpace)| {
        let mut space = space.clone();
        change(&mut space);
        records.judge(A, &key, Some(&encode(&space).unwrap()))
    };
    let pool = |text: &str| text.parse::<crate::docker::Cidr>().unwrap();
    let whole = |text: &str| crate::docker::PoolKey::whole("GlobalDefault", pool(text));
    let add = |space: &mut AddressSpace, text: &str| {
        space.add(&whole(text), pool(text), None).unwrap();
    };
    assert_eq!(judge(&|space| add(space, "172.30.0.0/16")), Ok(()));
    let two = judge(&|space| {
        add(space, "172.30.0.0/16");
        add(space, "172.31.0.0/16");
    });
    assert_eq!(two, illegal(IllegalChange::PoolsJump));
    let overlapping = judge(&|space| {
        let mut other = AddressSpace::global();
        add(&mut other, "10.0.0.0/8");
        space.pools.append(&mut other.pools);
    });
    assert_eq!(overlapping, illegal(IllegalChange::PoolOverlaps));
    let part = judge(&|space| {
        let mut key = whole("172.30.0.0/16");
        key.child = "172.30.5.0/24".to_owned();
        let range = crate::docker::AddressRange {
            start: 1280,
            end: 1535,
            sub: pool("172.30.5.0/24"),
        };
        space.add(&key, pool("172.30.0.0/16"), Some(range)).unwrap();
    });
    assert_eq!(part, Ok(()));
    let used = space.pools.keys().next().unwrap().parse().unwrap();
    let removed = judge(&|space| drop(space.remove(&used).unwrap()));
    assert_eq!(removed, illegal(IllegalChange::PoolInUse));
    assert_eq!(
        judge(&|space| space.pools.clear()),
        if space.pools.len() == 1 {
            illegal(IllegalChange::PoolInUse)
        } else {
            illegal(IllegalChange::PoolsJump)
        }
    );
    assert_eq!(
        records.judge(A, &key, None),
        illegal(IllegalChange::PoolsInUse)
    );
    // What was harmful may become anything that is not, or go.
    let mut broken = records.clone();
    broken.0.insert(key.as_bytes().to_vec(), b"{}".to_vec());
    let plain = By {
        compares: false,
        ..A
    };
    let mended = records.text(&key);
    assert_eq!(broken.judge(plain, &key, None), Ok(()));
    let _judged = broken.judge(plain, &key, Some(mended.as_bytes()));
}
