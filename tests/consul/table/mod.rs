//! The table of requests that are sent to both kubekv and Consul.
//!
//! `$` is a key of the sequence's own, `@0` the first index a server answered in it, `#0` the first id.

mod entries;
mod rest;
mod sessions;
mod transactions;

/// A sequence of requests: `METHOD PATH ! HEADER: VALUE < BODY`; `PARK` sends a blocking query, `TAKE` reads its answer.
pub type Sequence = (&'static str, &'static [&'static str]);

/// Intended differences: steps, wherever they occur, each with its reason.
pub const DIFFERENCES: &[(&str, &str)] = &[
    ("GET /v1/kv/$//a", REDIRECT),
    (
        "PUT /v1/kv/$/../$-other < x",
        "a write with dots in its path is refused: Consul redirects it",
    ),
    (
        "DELETE /v1/kv?recurse",
        "a write without the slash at the end of its path is refused: Consul redirects it",
    ),
    (
        "GET /v1/kv/$?under=lock",
        "a plain write keeps LockIndex: Consul 1.8 sets it to 0",
    ),
    (
        "GET /v1/kv/$?after=equal",
        "an equal write moves the index: libkv's watchers wait for it",
    ),
    (
        "PUT /v1/txn < [null]",
        "Consul fails internally and closes the connection",
    ),
    (
        "PUT /v1/txn < [{\"Node\":{\"Verb\":\"get\",\"Node\":{\"Node\":\"host\"}}}]",
        REFUSED,
    ),
    (
        "PUT /v1/txn < [{\"Service\":{\"Verb\":\"get\",\"Node\":\"host\",\"Service\":{\"ID\":\"consul\"}}}]",
        REFUSED,
    ),
    ("GET /v1/agent/self", GATEWAY),
    ("GET /v1/agent/members", GATEWAY),
    ("GET /v1/status/leader", GATEWAY),
    ("GET /v1/status/peers", GATEWAY),
    ("GET /v1/catalog/node/host", GATEWAY),
    ("GET /v1/catalog/service/consul", GATEWAY),
    ("GET /v1/health/service/consul", GATEWAY),
    ("GET /v1/health/service/consul?passing", GATEWAY),
    ("GET /v1/event/list", REFUSED),
    ("PUT /v1/event/fire/x", REFUSED),
    ("PUT /v1/catalog/register < {}", REFUSED),
    ("GET /v1/query", REFUSED),
    ("OPTIONS /v1/query/x", REFUSED),
    ("GET /v1/snapshot", REFUSED),
    ("PUT /v1/agent/service/register < {}", REFUSED),
    ("GET /v1/operator/raft/configuration", REFUSED),
];

const REDIRECT: &str = "slashes are collapsed at once: Consul redirects, which makes a PUT a GET";
const REFUSED: &str = "not implemented, and refused by name";
const GATEWAY: &str = "the gateway is a node of one port, with no raft and no gossip";

/// Every sequence. Sessions come first, while no others exist: they are listed in the order of their random ids.
pub fn sequences() -> impl Iterator<Item = (usize, &'static Sequence)> {
    let all = [
        sessions::SEQUENCES,
        entries::SEQUENCES,
        transactions::SEQUENCES,
        rest::SEQUENCES,
    ];
    all.into_iter().flatten().enumerate()
}
