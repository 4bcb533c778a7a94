//! The only node of the catalog: this gateway, with the service and the check that every Consul server has.

use super::request::ApiRequest;
use crate::face::go::json_writer::{JsonObject, push_display};
use crate::face::go::push_json_string;

/// The version of Consul whose answers these are.
pub(super) const VERSION: &str = "1.8.7";
/// The check every node of a Consul cluster has.
pub(super) const SERF_CHECK: &str = "serfHealth";
/// The service that every Consul server offers.
pub(super) const SERVICE: &str = "consul";
/// The name of the only metadata of a node.
const SEGMENT: &str = "consul-network-segment";

/// Whether this is the node's name; Consul ignores the case of node names.
pub(super) fn is_named(request: &ApiRequest<'_>, name: &str) -> bool {
    name.to_lowercase() == request.face.node.to_lowercase()
}

/// The UUID of the node, derived from the identity of the store: restarts do not change it.
pub(super) fn uuid(request: &ApiRequest<'_>) -> String {
    let identity = u128::from(request.face.space.identity());
    // With the version and variant bits of a random UUID.
    uuid::Builder::from_random_bytes((identity << 64 | identity).to_be_bytes())
        .into_uuid()
        .to_string()
}

/// Writes the node as the catalog shows it.
pub(super) fn push_node(request: &ApiRequest<'_>, out: &mut Vec<u8>) {
    push_node_fields(request, JsonObject::new(out))
        .display("CreateIndex", request.face.catalog_index)
        .display("ModifyIndex", request.face.catalog_index)
        .end();
}

fn push_node_fields<'a>(request: &ApiRequest<'_>, object: JsonObject<'a>) -> JsonObject<'a> {
    object
        .text("ID", uuid(request))
        .text("Node", &request.face.node)
        .text("Address", request.local_address.ip().to_string())
        .text("Datacenter", &request.face.datacenter)
        .with("TaggedAddresses", |out| push_addresses(request, out))
        .with("Meta", push_meta)
}

/// Writes the node's only address under each of Consul's names for it.
fn push_addresses(request: &ApiRequest<'_>, out: &mut Vec<u8>) {
    let ip = request.local_address.ip();
    let address = ip.to_string();
    let names = if ip.is_ipv4() {
        ["lan", "lan_ipv4", "wan", "wan_ipv4"]
    } else {
        ["lan", "lan_ipv6", "wan", "wan_ipv6"]
    };
    let mut object = JsonObject::new(out);
    for name in names {
        object = object.text(name, &address);
    }
    object.end();
}

/// Writes the metadata that Consul gives every node.
fn push_meta(out: &mut Vec<u8>) {
    JsonObject::new(out).text(SEGMENT, "").end();
}

/// Whether the node has all metadata that `?node-meta=NAME:VALUE` asks for.
pub(super) fn has_metadata(request: &ApiRequest<'_>) -> bool {
    request.query.all("node-meta").all(|wanted| {
        wanted
            .strip_prefix(SEGMENT.as_bytes())
            .is_some_and(|value| matches!(value, b"" | b":"))
    })
}

/// Writes the service as it appears under its node.
pub(super) fn push_service(request: &ApiRequest<'_>, out: &mut Vec<u8>) {
    JsonObject::new(out)
        .text("ID", SERVICE)
        .text("Service", SERVICE)
        .json("Tags", b"[]")
        .text("Address", "")
        .with("Meta", push_service_meta)
        .display("Port", request.local_address.port())
        .json("Weights", br#"{"Passing":1,"Warning":1}"#)
        .display("EnableTagOverride", false)
        .json("Proxy", br#"{"MeshGateway":{},"Expose":{}}"#)
        .json("Connect", b"{}")
        .display("CreateIndex", request.face.catalog_index)
        .display("ModifyIndex", request.face.catalog_index)
        .end();
}

/// Writes the service as the catalog lists it, with its node.
pub(super) fn push_catalog_service(request: &ApiRequest<'_>, out: &mut Vec<u8>) {
    JsonObject::new(out)
        .text("ID", uuid(request))
        .text("Node", &request.face.node)
        .text("Address", request.local_address.ip().to_string())
        .text("Datacenter", &request.face.datacenter)
        .with("TaggedAddresses", |out| push_addresses(request, out))
        .with("NodeMeta", push_meta)
        .text("ServiceKind", "")
        .text("ServiceID", SERVICE)
        .text("ServiceName", SERVICE)
        .json("ServiceTags", b"[]")
        .text("ServiceAddress", "")
        .json("ServiceWeights", br#"{"Passing":1,"Warning":1}"#)
        .with("ServiceMeta", push_service_meta)
        .with("ServicePort", |out| {
            push_display(out, request.local_address.port());
        })
        .display("ServiceEnableTagOverride", false)
        .json("ServiceProxy", br#"{"MeshGateway":{},"Expose":{}}"#)
        .json("ServiceConnect", b"{}")
        .display("CreateIndex", request.face.catalog_index)
        .display("ModifyIndex", request.face.catalog_index)
        .end();
}

fn push_service_meta(out: &mut Vec<u8>) {
    JsonObject::new(out).text("version", VERSION).end();
}

/// Writes the check that shows the node as alive.
pub(super) fn push_check(request: &ApiRequest<'_>, out: &mut Vec<u8>) {
    JsonObject::new(out)
        .text("Node", &request.face.node)
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
        .display("CreateIndex", request.face.catalog_index)
        .display("ModifyIndex", request.face.catalog_index)
        .end();
}

/// Writes the node as a member of the cluster.
pub(super) fn push_member(request: &ApiRequest<'_>, out: &mut Vec<u8>) {
    JsonObject::new(out)
        .text("Name", &request.face.node)
        .text("Addr", request.local_address.ip().to_string())
        .display("Port", request.local_address.port())
        .with("Tags", |out| {
            JsonObject::new(out)
                .text("acls", "0")
                .text("build", format!("{VERSION}:"))
                .text("dc", &request.face.datacenter)
                .text("id", uuid(request))
                .with("port", |out| {
                    push_json_string(out, request.local_address.port().to_string().as_bytes());
                })
                .text("role", "consul")
                .text("segment", "")
                .text("vsn", "2")
                .end();
        })
        .display("Status", 1)
        .display("ProtocolMin", 1)
        .display("ProtocolMax", 5)
        .display("ProtocolCur", 2)
        .display("DelegateMin", 2)
        .display("DelegateMax", 5)
        .display("DelegateCur", 4)
        .end();
}
