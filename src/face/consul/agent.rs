//! `/v1/agent/...`: this gateway, to those who ask the agent they talk to.

use super::ask::Ask;
use super::block;
use super::node::{self, VERSION};
use super::reply::{Answer, Reply};
use super::{session, txn};
use crate::face::go::json_write::{Object, push_array};

/// `/v1/agent/self`: who answers here, and within which limits.
pub(super) fn own(ask: &Ask<'_>) -> Reply {
    let mut body = Vec::new();
    Object::new(&mut body)
        .with("Config", |out| {
            Object::new(out)
                .text("Datacenter", &ask.face.datacenter)
                .text("NodeName", &ask.face.node)
                .text("NodeID", node::id(ask))
                .text("Revision", "")
                .plain("Server", true)
                .text("Version", VERSION)
                .end();
        })
        .with("DebugConfig", |out| push_limits(ask, out))
        .json("Coord", b"null")
        .with("Member", |out| node::push_member(ask, out))
        .with("Stats", |out| push_stats(ask, out))
        .with("Meta", |out| {
            Object::new(out)
                .text("consul-network-segment", "")
                .text("kubekv-version", env!("CARGO_PKG_VERSION"))
                .end();
        })
        .end();
    Reply::json(body)
}

/// Of Consul's settings, those that mean something here.
fn push_limits(ask: &Ask<'_>, out: &mut Vec<u8>) {
    let limits = ask.face.space.limits();
    Object::new(out)
        .plain("ACLsEnabled", false)
        .text("Datacenter", &ask.face.datacenter)
        .text("DefaultQueryTime", block::default_time())
        .plain("KVMaxValueSize", limits.value_bytes)
        .text("MaxQueryTime", block::longest_time())
        .text("NodeName", &ask.face.node)
        .plain("ServerMode", true)
        .text("SessionTTLMin", session::shortest_ttl())
        .plain("TxnMaxReqLen", txn::most_bytes(limits))
        .text("Version", VERSION)
        .end();
}

fn push_stats(ask: &Ask<'_>, out: &mut Vec<u8>) {
    let index = ask.face.space.read(&ask.caller).revision().to_string();
    let here = ask.here.to_string();
    Object::new(out)
        .json(
            "agent",
            br#"{"check_monitors":"0","check_ttls":"0","checks":"0","services":"0"}"#,
        )
        .with("build", |out| {
            Object::new(out)
                .text("prerelease", "")
                .text("revision", "")
                .text("version", VERSION)
                .end();
        })
        .with("consul", |out| {
            Object::new(out)
                .text("acl", "disabled")
                .text("known_datacenters", "1")
                .text("leader", "true")
                .text("leader_addr", &here)
                .text("server", "true")
                .end();
        })
        .with("raft", |out| {
            Object::new(out)
                .text("applied_index", &index)
                .text("commit_index", &index)
                .text("num_peers", "0")
                .text("state", "Leader")
                .end();
        })
        .end();
}

/// `/v1/agent/members`: this gateway alone; nobody in the wide-area pool.
pub(super) fn members(ask: &Ask<'_>) -> Reply {
    if !ask.query.get("wan").is_empty() {
        return Reply::json("null");
    }
    let mut body = Vec::new();
    push_array(&mut body, [ask], |out, ask| node::push_member(ask, out));
    Reply::json(body)
}

/// `/v1/agent/checks`: none is registered with this agent, as with a bare Consul server.
pub(super) fn checks(ask: &Ask<'_>) -> Answer {
    ask.no_namespace()?;
    ask.no_filter()?;
    Ok(Reply::json("{}"))
}

/// `/v1/agent/services`: none is registered with this agent, as with a bare Consul server.
pub(super) fn services(ask: &Ask<'_>) -> Answer {
    ask.no_namespace()?;
    ask.no_filter()?;
    Ok(Reply::json("{}"))
}
