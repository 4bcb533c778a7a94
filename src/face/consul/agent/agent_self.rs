//! `GET /v1/agent/self`: the agent's configuration, its member, its statistics.

use crate::face::consul::gateway_node::{self, VERSION};
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::consul::{blocking_query, session, txn};
use crate::face::go::json_writer::JsonObject;

/// Answers with the identity and the limits of this gateway.
pub(in crate::face::consul) fn serve(request: &ApiRequest<'_>) -> Reply {
    let mut body = Vec::new();
    JsonObject::new(&mut body)
        .with("Config", |out| {
            JsonObject::new(out)
                .text("Datacenter", &request.face.datacenter)
                .text("NodeName", &request.face.node)
                .text("NodeID", gateway_node::uuid(request))
                .text("Revision", "")
                .display("Server", true)
                .text("Version", VERSION)
                .end();
        })
        .with("DebugConfig", |out| push_limits(request, out))
        .json("Coord", b"null")
        .with("Member", |out| gateway_node::push_member(request, out))
        .with("Stats", |out| push_stats(request, out))
        .with("Meta", |out| {
            JsonObject::new(out)
                .text("consul-network-segment", "")
                .text("kubekv-version", env!("CARGO_PKG_VERSION"))
                .end();
        })
        .end();
    Reply::json(body)
}

/// Those of Consul's settings that kubekv has too.
fn push_limits(request: &ApiRequest<'_>, out: &mut Vec<u8>) {
    let limits = request.face.space.limits();
    JsonObject::new(out)
        .display("ACLsEnabled", false)
        .text("Datacenter", &request.face.datacenter)
        .text("DefaultQueryTime", blocking_query::default_time())
        .display("KVMaxValueSize", limits.value_bytes)
        .text("MaxQueryTime", blocking_query::max_time())
        .text("NodeName", &request.face.node)
        .display("ServerMode", true)
        .text("SessionTTLMin", session::definition::min_ttl())
        .display("TxnMaxReqLen", txn::max_body_bytes(limits))
        .text("Version", VERSION)
        .end();
}

fn push_stats(request: &ApiRequest<'_>, out: &mut Vec<u8>) {
    let index = request
        .face
        .space
        .read(&request.caller)
        .revision()
        .to_string();
    let address = request.local_address.to_string();
    JsonObject::new(out)
        .json(
            "agent",
            br#"{"check_monitors":"0","check_ttls":"0","checks":"0","services":"0"}"#,
        )
        .with("build", |out| {
            JsonObject::new(out)
                .text("prerelease", "")
                .text("revision", "")
                .text("version", VERSION)
                .end();
        })
        .with("consul", |out| {
            JsonObject::new(out)
                .text("acl", "disabled")
                .text("known_datacenters", "1")
                .text("leader", "true")
                .text("leader_addr", &address)
                .text("server", "true")
                .end();
        })
        .with("raft", |out| {
            JsonObject::new(out)
                .text("applied_index", &index)
                .text("commit_index", &index)
                .text("num_peers", "0")
                .text("state", "Leader")
                .end();
        })
        .end();
}
