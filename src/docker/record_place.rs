//! `RecordPlace`: which record of which daemons a key is the place of.
//!
//! Keys are spelled with and without a slash at the end; the path of a cluster store's URL stands before them, and those below
//! one path are a tenant. Consul lists whatever begins with a directory's name, so everything beneath a directory of records is
//! taken to be one of them.

/// The names beneath which all is Docker's.
const ROOT: &[u8] = b"docker/network/";
const VERSION: &str = "v1.0";
const NODES: &[u8] = b"docker/nodes";

/// A place of a record, and the keys of the same daemons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPlace<'a> {
    /// What stands before `docker/` in the keys of its daemons: nothing, or a path and a slash.
    pub tenant: &'a [u8],
    /// What it is the place of.
    pub kind: RecordKind<'a>,
}

/// What a key is the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordKind<'a> {
    /// A node, by the address it advertises.
    Node(&'a str),
    /// A network, by its id.
    Network(&'a str),
    /// An endpoint, by its network's id and its own.
    Endpoint(&'a str, &'a str),
    /// The endpoint count of a network.
    EndpointCount(&'a str),
    /// The overlay driver's record of a network.
    Overlay(&'a str),
    /// The pools of an address space.
    Pools(&'a str),
    /// The addresses of a pool, by the pool's id.
    Addresses(&'a str),
    /// A set of ids, by its name.
    Ids(&'a str),
    /// A directory of records.
    Directory,
    /// Beneath a record, where daemons that list by prefix take it for one.
    Beneath,
    /// Of no kind that Docker 17.03 to 20.10 knows: of a later version, or of a driver.
    Unknown,
}

impl<'a> RecordPlace<'a> {
    /// The place that a key is; `None` where it is none of Docker's.
    pub fn of(key: &'a [u8]) -> Option<Self> {
        let begin = docker_begin(key)?;
        let (tenant, own) = key.split_at_checked(begin)?;
        let kind = match own.strip_prefix(NODES) {
            Some(node) => node_kind(node),
            None => match std::str::from_utf8(own.strip_prefix(ROOT)?) {
                Ok(path) => network_kind(path.strip_suffix('/').unwrap_or(path)),
                Err(_) => RecordKind::Unknown,
            },
        };
        Some(Self { tenant, kind })
    }

    /// Whether libnetwork writes records of this kind one by one, by `AtomicPut` and `AtomicDelete` alone.
    pub fn is_compared(&self) -> bool {
        match self.kind {
            RecordKind::Network(_)
            | RecordKind::Endpoint(..)
            | RecordKind::EndpointCount(_)
            | RecordKind::Overlay(_)
            | RecordKind::Pools(_)
            | RecordKind::Addresses(_)
            | RecordKind::Ids(_) => true,
            RecordKind::Node(_)
            | RecordKind::Directory
            | RecordKind::Beneath
            | RecordKind::Unknown => false,
        }
    }

    /// The two spellings of another key of the same daemons.
    pub fn sibling(&self, kind: &RecordKind<'_>) -> [Vec<u8>; 2] {
        let path = match kind {
            RecordKind::Network(id) => format!("network/{id}"),
            RecordKind::Endpoint(network, id) => format!("endpoint/{network}/{id}"),
            RecordKind::EndpointCount(id) => format!("endpoint_count/{id}"),
            RecordKind::Overlay(id) => format!("overlay/network/{id}"),
            RecordKind::Pools(space) => format!("ipam/default/config/{space}"),
            RecordKind::Addresses(pool) => format!("ipam/default/data/{pool}"),
            RecordKind::Ids(set) => format!("idm/{set}"),
            RecordKind::Node(_)
            | RecordKind::Directory
            | RecordKind::Beneath
            | RecordKind::Unknown => String::new(),
        };
        let with_slash = self.directory(&path);
        let mut without = with_slash.clone();
        without.pop();
        [with_slash, without]
    }

    /// What the keys of a directory of the same daemons begin with.
    pub fn directory(&self, path: &str) -> Vec<u8> {
        let mut key = self.tenant.to_vec();
        key.extend(ROOT);
        key.extend(VERSION.as_bytes());
        key.push(b'/');
        key.extend(path.as_bytes());
        key.push(b'/');
        key
    }

    /// What the keys of the nodes of the same daemons begin with, before the address.
    pub fn nodes(&self) -> Vec<u8> {
        let mut key = self.tenant.to_vec();
        key.extend(NODES);
        key.push(b'/');
        key
    }
}

/// Where the first of Docker's names begins in a key: what is beneath one is beneath it, whatever its own names are.
fn docker_begin(key: &[u8]) -> Option<usize> {
    let mut begin = 0;
    loop {
        let own = key.get(begin..)?;
        if own.starts_with(ROOT) || own.starts_with(NODES) {
            return Some(begin);
        }
        begin += own.iter().position(|byte| *byte == b'/')? + 1;
    }
}

/// Consul finds nodes by `docker/nodes` as a prefix, without a slash.
fn node_kind(rest: &[u8]) -> RecordKind<'_> {
    match rest {
        [] | [b'/'] => RecordKind::Directory,
        [b'/', address @ ..] => {
            let address = address.strip_suffix(b"/").unwrap_or(address);
            match std::str::from_utf8(address) {
                Ok(address) => RecordKind::Node(address),
                Err(_) => RecordKind::Beneath,
            }
        }
        _ => RecordKind::Beneath,
    }
}

fn network_kind(path: &str) -> RecordKind<'_> {
    let below = match path.strip_prefix(VERSION) {
        None if path.is_empty() => return RecordKind::Directory,
        Some("") => return RecordKind::Directory,
        Some(rest) => rest.strip_prefix('/'),
        None => None,
    };
    let Some(below) = below else {
        return RecordKind::Unknown;
    };
    // Nothing is allocated, and those that change most come first: keys of all clients come by here.
    match below.split_once('/') {
        Some((kind, id)) if !id.contains('/') => match kind {
            "network" => return RecordKind::Network(id),
            "endpoint_count" => return RecordKind::EndpointCount(id),
            "idm" => return RecordKind::Ids(id),
            _ => {}
        },
        Some(_) | None => {}
    }
    // One more than any record has.
    let mut parts = [""; 7];
    let mut count = 0;
    for (part, segment) in parts.iter_mut().zip(below.split('/')) {
        *part = segment;
        count += 1;
    }
    match parts.get(..count).unwrap_or_default() {
        ["network" | "endpoint" | "endpoint_count" | "overlay" | "idm" | "ipam"]
        | ["endpoint", _]
        | ["overlay", "network"]
        | ["ipam", "default"]
        | ["ipam", "default", "config" | "data"]
        | ["ipam", "default", "data", _]
        | ["ipam", "default", "data", _, _] => RecordKind::Directory,
        ["endpoint", network, id] => RecordKind::Endpoint(network, id),
        ["overlay", "network", id] => RecordKind::Overlay(id),
        ["ipam", "default", "config", space] => RecordKind::Pools(space),
        ["ipam", "default", "data", _, _, _] => {
            let pool = below.strip_prefix("ipam/default/data/");
            pool.map_or(RecordKind::Unknown, RecordKind::Addresses)
        }
        ["network" | "endpoint" | "endpoint_count" | "idm", ..] | ["overlay", "network", ..] => {
            RecordKind::Beneath
        }
        _ => RecordKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(key: &str) -> Option<RecordKind<'_>> {
        RecordPlace::of(key.as_bytes()).map(|place| place.kind)
    }

    #[test]
    fn each_record_has_its_place_in_both_spellings_and_for_every_tenant() {
        let places = [
            (
                "docker/nodes/10.0.0.1:2376",
                RecordKind::Node("10.0.0.1:2376"),
            ),
            ("docker/network/v1.0/network/n", RecordKind::Network("n")),
            (
                "docker/network/v1.0/endpoint/n/e",
                RecordKind::Endpoint("n", "e"),
            ),
            (
                "docker/network/v1.0/endpoint_count/n",
                RecordKind::EndpointCount("n"),
            ),
            (
                "docker/network/v1.0/overlay/network/n",
                RecordKind::Overlay("n"),
            ),
            (
                "docker/network/v1.0/ipam/default/config/G",
                RecordKind::Pools("G"),
            ),
            (
                "docker/network/v1.0/ipam/default/data/G/10.0.0.0/24",
                RecordKind::Addresses("G/10.0.0.0/24"),
            ),
            (
                "docker/network/v1.0/idm/vxlan-id",
                RecordKind::Ids("vxlan-id"),
            ),
            ("docker/network/v1.0/network", RecordKind::Directory),
            ("docker/network/v1.0/endpoint/n", RecordKind::Directory),
            ("docker/nodes", RecordKind::Directory),
            ("docker/network/v1.0", RecordKind::Directory),
            ("docker/network/v1.0/network/n/x", RecordKind::Beneath),
            (
                "docker/network/v1.0/network/n/docker/nodes/x",
                RecordKind::Beneath,
            ),
            ("docker/nodes-and-more", RecordKind::Beneath),
            ("docker/network/v2.0/network/n", RecordKind::Unknown),
            ("docker/network/v1.0/other/n", RecordKind::Unknown),
        ];
        for (key, expected) in &places {
            for tenant in ["", "team/a/", "docker/"] {
                for slash in ["", "/"] {
                    let key = format!("{tenant}{key}{slash}");
                    let place = RecordPlace::of(key.as_bytes()).unwrap();
                    assert_eq!(place.tenant, tenant.as_bytes(), "{key}");
                    let mends = slash == "/" && key.contains("nodes-and");
                    assert!(place.kind == *expected || mends, "{key}: {place:?}");
                }
            }
        }
        // The parent of all, which etcd implies.
        assert_eq!(kind("docker/network/"), Some(RecordKind::Directory));
    }

    #[test]
    fn other_keys_are_none_of_docker() {
        for key in [
            "",
            "a",
            "docker",
            "docker/",
            "docker/node",
            "xdocker/nodes/1",
            "docker/network",
            "a/docker/swarm/nodes/x",
        ] {
            assert_eq!(kind(key), None, "{key}");
        }
    }

    #[test]
    fn siblings_are_keys_of_the_same_daemons() {
        let place = RecordPlace::of(b"t/docker/network/v1.0/network/n/").unwrap();
        let kinds = [
            RecordKind::EndpointCount("n"),
            RecordKind::Overlay("n"),
            RecordKind::Pools("G"),
            RecordKind::Addresses("G/10.0.0.0/24"),
            RecordKind::Ids("vxlan-id"),
            RecordKind::Endpoint("n", "e"),
        ];
        for kind in kinds {
            for key in place.sibling(&kind) {
                let sibling = RecordPlace::of(&key).unwrap();
                assert_eq!((sibling.tenant, sibling.kind), (place.tenant, kind.clone()));
            }
        }
        assert_eq!(place.nodes(), b"t/docker/nodes/");
    }
}
