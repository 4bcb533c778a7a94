//! The one node there is: this gateway, with the service and the check that a Consul server always has.

use super::ask::Ask;
use crate::face::go::json_write::{Object, push_plain};
use crate::face::go::push_json_string;

/// The version of Consul whose answers these are.
pub(super) const VERSION: &str = "1.8.7";
/// The check every node of a Consul cluster has.
pub(super) const SERF_CHECK: &str = "serfHealth";
/// The service every Consul server is.
pub(super) const SERVICE: &str = "consul";
/// The name of the one piece of metadata a node has.
const SEGMENT: &str = "consul-network-segment";
/// The lowest index of the catalog. Consul's own test helper waits for it, to see that a server has registered itself.
pub(super) const LOWEST_INDEX: u64 = 2;

/// Whether a name is that of the node; Consul does not tell small letters from capitals there.
pub(super) fn is_ours(ask: &Ask<'_>, name: &str) -> bool {
    name.to_lowercase() == ask.face.node.to_lowercase()
}

/// A UUID for the node, made from the name of the store: it stays the same over restarts.
pub(super) fn id(ask: &Ask<'_>) -> String {
    let identity = u128::from(ask.face.space.identity());
    // A version and a variant, as in a UUID made at random.
    uuid::Builder::from_random_bytes((identity << 64 | identity).to_be_bytes())
        .into_uuid()
        .to_string()
}

/// The node as the catalog shows it.
pub(super) fn push_node(ask: &Ask<'_>, out: &mut Vec<u8>) {
    push_node_fields(ask, Object::new(out))
        .plain("CreateIndex", ask.catalog_index)
        .plain("ModifyIndex", ask.catalog_index)
        .end();
}

fn push_node_fields<'a>(ask: &Ask<'_>, object: Object<'a>) -> Object<'a> {
    object
        .text("ID", id(ask))
        .text("Node", &ask.face.node)
        .text("Address", ask.here.ip().to_string())
        .text("Datacenter", &ask.face.datacenter)
        .with("TaggedAddresses", |out| push_addresses(ask, out))
        .with("Meta", push_meta)
}

/// The node's one address, by every name Consul has for it.
fn push_addresses(ask: &Ask<'_>, out: &mut Vec<u8>) {
    let ip = ask.here.ip();
    let address = ip.to_string();
    let names = if ip.is_ipv4() {
        ["lan", "lan_ipv4", "wan", "wan_ipv4"]
    } else {
        ["lan", "lan_ipv6", "wan", "wan_ipv6"]
    };
    let mut object = Object::new(out);
    for name in names {
        object = object.text(name, &address);
    }
    object.end();
}

/// The node's metadata: what Consul gives every node.
fn push_meta(out: &mut Vec<u8>) {
    Object::new(out).text(SEGMENT, "").end();
}

/// Whether the node has all the metadata that `?node-meta=NAME:VALUE` asks for.
pub(super) fn matches(ask: &Ask<'_>) -> bool {
    ask.query.all("node-meta").all(|wanted| {
        wanted
            .strip_prefix(SEGMENT.as_bytes())
            .is_some_and(|value| matches!(value, b"" | b":"))
    })
}

/// The service as it stands under its node.
pub(super) fn push_service(ask: &Ask<'_>, out: &mut Vec<u8>) {
    Object::new(out)
        .text("ID", SERVICE)
        .text("Service", SERVICE)
        .json("Tags", b"[]")
        .text("Address", "")
        .with("Meta", push_service_meta)
        .plain("Port", ask.here.port())
        .json("Weights", br#"{"Passing":1,"Warning":1}"#)
        .plain("EnableTagOverride", false)
        .json("Proxy", br#"{"MeshGateway":{},"Expose":{}}"#)
        .json("Connect", b"{}")
        .plain("CreateIndex", ask.catalog_index)
        .plain("ModifyIndex", ask.catalog_index)
        .end();
}

/// The service as the catalog lists it, with its node.
pub(super) fn push_catalog_service(ask: &Ask<'_>, out: &mut Vec<u8>) {
    Object::new(out)
        .text("ID", id(ask))
        .text("Node", &ask.face.node)
        .text("Address", ask.here.ip().to_string())
        .text("Datacenter", &ask.face.datacenter)
        .with("TaggedAddresses", |out| push_addresses(ask, out))
        .with("NodeMeta", push_meta)
        .text("ServiceKind", "")
        .text("ServiceID", SERVICE)
        .text("ServiceName", SERVICE)
        .json("ServiceTags", b"[]")
        .text("ServiceAddress", "")
        .json("ServiceWeights", br#"{"Passing":1,"Warning":1}"#)
        .with("ServiceMeta", push_service_meta)
        .with("ServicePort", |out| push_plain(out, ask.here.port()))
        .plain("ServiceEnableTagOverride", false)
        .json("ServiceProxy", br#"{"MeshGateway":{},"Expose":{}}"#)
        .json("ServiceConnect", b"{}")
        .plain("CreateIndex", ask.catalog_index)
        .plain("ModifyIndex", ask.catalog_index)
        .end();
}

fn push_service_meta(out: &mut Vec<u8>) {
    Object::new(out).text("version", VERSION).end();
}

/// The check that says the node is alive.
pub(super) fn push_check(ask: &Ask<'_>, out: &mut Vec<u8>) {
    Object::new(out)
        .text("Node", &ask.face.node)
        .text("CheckID", SERF_CHECK)
        .text("Name", "Serf Health Status")
        .text("Status", "passing")
        .text("Notes", "")
        .text("Output", "Agent alive and reachable")
        .text("ServiceID", "")
        .text("ServiceName", "")
        .json("ServiceTags", b"[]")
        .text("Type", "")
        .json("Definition", b"{}")
        .plain("CreateIndex", ask.catalog_index)
        .plain("ModifyIndex", ask.catalog_index)
        .end();
}

/// The node as a member of the cluster.
pub(super) fn push_member(ask: &Ask<'_>, out: &mut Vec<u8>) {
    Object::new(out)
        .text("Name", &ask.face.node)
        .text("Addr", ask.here.ip().to_string())
        .plain("Port", ask.here.port())
        .with("Tags", |out| {
            Object::new(out)
                .text("acls", "0")
                .text("build", format!("{VERSION}:"))
                .text("dc", &ask.face.datacenter)
                .text("id", id(ask))
                .with("port", |out| {
                    push_json_string(out, ask.here.port().to_string().as_bytes());
                })
                .text("role", "consul")
                .text("segment", "")
                .text("vsn", "2")
                .end();
        })
        .plain("Status", 1)
        .plain("ProtocolMin", 1)
        .plain("ProtocolMax", 5)
        .plain("ProtocolCur", 2)
        .plain("DelegateMin", 2)
        .plain("DelegateMax", 5)
        .plain("DelegateCur", 4)
        .end();
}
