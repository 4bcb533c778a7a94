//! Built-in roles, compared to the requests of real daemons (docs/docker-requests.md).

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::path::Path;

use serde_json::Value;

use super::{Policy, Rights, Variables};
use crate::model::{Key, KeyRange, Verb};
use crate::space::Coverage;

const NODES: &str = r#"
[[identity]]
authority = "CN=nodes"
field = "ip"
name = "{ip}"
principal = "node/{ip}"

[[rule]]
name = "nodes"
identities = ["node/{ip}"]
role = "docker-node"
"#;

fn rights_of(policy: &Policy, ip: &str) -> Rights {
    let ip: IpAddr = ip.parse().unwrap();
    let given = Variables::default().with_ip(ip);
    let identity = policy.identity_named(&format!("node/{ip}"), &given);
    policy.rights(&identity.unwrap())
}

/// A request, as far as it says what its daemon must be allowed.
struct Asked {
    host: String,
    request: String,
    /// Each with a key, or with a whole range where a slash ends it twice.
    needs: Vec<(Verb, String)>,
}

/// The requests of a recording, in order. Whether a put creates its entry depends on those before it.
fn recorded(protocol: &str) -> Vec<Asked> {
    let path = format!("tests/docker_workload/recorded/{protocol}.jsonl");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut there = HashSet::new();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let asked = lines.filter_map(|record| {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let (method, target) = (text("method"), text("target"));
        let needs = match protocol {
            "zookeeper" => of_zookeeper(&method, &target, &record, &mut there),
            _ => of_http(&method, &target, &text("body"), &mut there),
        };
        Some(Asked {
            host: text("host"),
            request: format!("{method} {target}"),
            needs: needs?,
        })
    });
    asked.collect()
}

fn put(key: &str, condition: bool, there: &mut HashSet<String>) -> (Verb, String) {
    let verb = match (there.insert(key.to_owned()), condition) {
        (true, _) => Verb::Create,
        (false, true) => Verb::Cas,
        (false, false) => Verb::Write,
    };
    (verb, key.to_owned())
}

fn of_http(
    method: &str,
    target: &str,
    body: &str,
    there: &mut HashSet<String>,
) -> Option<Vec<(Verb, String)>> {
    if target.starts_with("/v1/session/") {
        return Some(vec![(Verb::Session, String::new())]);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_etcd = path.starts_with("/v2/keys/");
    let key = path
        .strip_prefix("/v1/kv/")
        .or_else(|| path.strip_prefix("/v2/keys/"))?;
    let key = key.trim_end_matches('/').to_owned();
    let has = |name: &str| {
        query
            .split('&')
            .any(|pair| pair == name || pair.starts_with(&format!("{name}=")))
    };
    let whole = format!("{key}//");
    let mut needs = Vec::new();
    match method {
        "GET" => {
            needs.push((Verb::Read, key.clone()));
            if has("recurse") || query.contains("recursive=true") {
                needs.push((Verb::List, whole.clone()));
            }
            if has("wait") || has("index") {
                let watched = if query.contains("recurs") && !query.contains("=false") {
                    whole
                } else {
                    key
                };
                needs.push((Verb::Watch, watched));
            }
        }
        "DELETE" => {
            there.remove(&key);
            needs.push((Verb::Delete, key));
        }
        "PUT" => {
            if has("acquire") {
                needs.push((Verb::Lock, key.clone()));
            }
            let condition = has("cas") || has("prevIndex") || has("prevExist");
            needs.push(put(&key, condition, there));
            assert!(!is_etcd || has("dir") || !body.is_empty());
        }
        other => panic!("{other}"),
    }
    Some(needs)
}

fn of_zookeeper(
    method: &str,
    target: &str,
    record: &Value,
    there: &mut HashSet<String>,
) -> Option<Vec<(Verb, String)>> {
    let key = target.trim_start_matches('/').to_owned();
    let watch = (record["watch"] == true).then(|| (Verb::Watch, key.clone()));
    let need = match method {
        "connect" => (Verb::Session, String::new()),
        "getData" | "exists" => (Verb::Read, key.clone()),
        "getChildren2" => (Verb::List, format!("{key}//")),
        // One that is there already is looked at, and no more.
        "create" if record["status"] == -110 => (Verb::Read, key.clone()),
        // One whose parents are missing is asked for again.
        "create" if record["status"] != 0 => (Verb::Create, key.clone()),
        "create" => put(&key, false, there),
        "setData" => put(&key, record["version"] != -1, there),
        "delete" => {
            there.remove(&key);
            (Verb::Delete, key.clone())
        }
        "ping" | "event" | "closeSession" => return None,
        other => panic!("{other}"),
    };
    Some(std::iter::once(need).chain(watch).collect())
}

fn allows(rights: &Rights, verb: Verb, key: &str) -> bool {
    match key.strip_suffix("//") {
        Some(path) => {
            let beneath = KeyRange::Prefix(Key::user(format!("{path}/")));
            rights.decide(verb, path.as_bytes()).allowed
                && rights.covers(verb, &beneath) == Coverage::All
        }
        None => rights.decide(verb, key.as_bytes()).allowed,
    }
}

#[test]
fn docker_nodes_may_do_what_real_daemons_ask_for() {
    let policy = Policy::parse(NODES).unwrap();
    assert_eq!(policy.warnings(), []);
    let hosts = BTreeMap::from([("a", "10.99.0.1"), ("b", "10.99.0.2")]);
    let rights: BTreeMap<_, _> = hosts
        .iter()
        .map(|(host, ip)| (*host, rights_of(&policy, ip)))
        .collect();
    for protocol in ["consul", "etcd", "zookeeper"] {
        let asked = recorded(protocol);
        assert!(asked.len() > 1_000, "{protocol}");
        for Asked {
            host,
            request,
            needs,
        } in asked
        {
            for (verb, key) in needs {
                assert!(
                    allows(&rights[host.as_str()], verb, &key),
                    "{protocol}: {host} may not {verb} {key}: {request}"
                );
            }
        }
    }
}

#[test]
fn docker_nodes_may_do_nothing_else() {
    let policy = Policy::parse(NODES).unwrap();
    let rights = rights_of(&policy, "10.99.0.1");
    let may = |verb: Verb, key: &str| allows(&rights, verb, key);
    for verb in Verb::ALL.into_iter().filter(|verb| *verb != Verb::Session) {
        let reads = matches!(verb, Verb::Read | Verb::List | Verb::Watch);
        for other in [
            "docker/nodes/10.99.0.2:2376",
            // Addresses that begin as its own, or end so.
            "docker/nodes/10.99.0.10:2376",
            "docker/nodes/110.99.0.1:2376",
            "docker/nodes/10.99.0.1:2376x",
            "docker/nodes/10.99.0.1:",
            "docker/nodes/10.99.0.1",
            "docker/nodes/10.99.0.1:2376/x",
            "docker/nodes//",
        ] {
            assert_eq!(may(verb, other), reads, "{verb} {other}");
        }
        for other in [
            "",
            "other",
            "docker/other",
            "dockerx",
            "docker/network/v1.00/x",
            "docker/network/v2.0/x",
            "//",
        ] {
            assert!(!may(verb, other), "{verb} {other}");
        }
    }
    assert!(may(Verb::Write, "docker/nodes/10.99.0.1:2376"));
    // Records of networks change under a condition alone, and no tree of them goes at once but with the right on each.
    for key in [
        "ipam/default/config/GlobalDefault",
        "idm/vxlan-id",
        "network/n",
        "endpoint_count/n",
        "overlay/network/n",
    ] {
        let key = format!("docker/network/v1.0/{key}");
        assert!(may(Verb::Cas, &key) && !may(Verb::Write, &key), "{key}");
    }
    assert!(!may(Verb::Delete, "docker/nodes//") && !may(Verb::Delete, "docker//"));
    assert!(rights.creates_sessions().allowed);
}

#[test]
fn a_prefix_goes_before_all_keys_of_a_role() {
    let text = format!("{NODES}prefix = \"a/b\"");
    let rights = rights_of(&Policy::parse(&text).unwrap(), "10.99.0.1");
    let may = |verb: Verb, key: &str| allows(&rights, verb, key);
    assert!(may(Verb::Write, "a/b/docker/nodes/10.99.0.1:2376"));
    assert!(!may(Verb::Read, "docker/nodes/10.99.0.1:2376"));
    // Over ZooKeeper a daemon makes the directories of the prefix.
    for parent in ["a", "a/b", "a/b/docker"] {
        assert!(
            may(Verb::Create, parent) && !may(Verb::Write, parent),
            "{parent}"
        );
    }
    assert!(!may(Verb::Read, "a/c"));
}

#[test]
fn readers_read_and_admins_do_everything() {
    let text = NODES.replace("docker-node", "reader") + "prefix = \"a\"";
    let reader = rights_of(&Policy::parse(&text).unwrap(), "10.99.0.1");
    let admin = rights_of(
        &Policy::parse(&NODES.replace("docker-node", "admin")).unwrap(),
        "10.99.0.1",
    );
    for verb in Verb::ALL.into_iter().filter(|verb| *verb != Verb::Session) {
        let reads = matches!(verb, Verb::Read | Verb::List | Verb::Watch);
        let everything = KeyRange::Prefix(Key::user(""));
        assert_eq!(allows(&reader, verb, "a//"), reads);
        assert_eq!(
            reader.covers(verb, &everything),
            if reads {
                Coverage::Part
            } else {
                Coverage::None
            }
        );
        assert_eq!(admin.covers(verb, &everything), Coverage::All);
    }
}
