//! Rules of imports between modules and of crates, and of what no source may hold.

use crate::paths::{Path, module, named};

/// The longest source, in lines, without its tests.
const LONGEST: usize = 500;

/// Rooms, and the rooms each may know besides itself.
///
/// `model <- docker`; `model <- store <- space <- guard <- face`; the guard also knows docker. What puts them together
/// knows all, but nobody knows it.
const ROOMS: [(&str, &[&str]); 12] = [
    ("model", &[]),
    // What protocols look like as bytes, for a face and for a client alike.
    ("wire", &[]),
    ("docker", &["model"]),
    ("store", &["model"]),
    ("space", &["model", "store"]),
    ("guard", &["model", "docker", "store", "space"]),
    ("face", &["model", "wire", "store", "space", "guard"]),
    ("config", &[]),
    ("admin", &["model", "store", "space", "guard", "face"]),
    (
        "gateway",
        &[
            "model", "store", "space", "guard", "face", "config", "admin",
        ],
    ),
    // Opens stores as a gateway does, and writes as its clients would; serves nobody.
    (
        "transfer",
        &[
            "model", "wire", "store", "space", "guard", "config", "gateway",
        ],
    ),
    ("cli", &[]),
];

/// Rooms within a room that do not know each other: the protocols, and the stores.
const APART: [(&str, &[&str]); 2] = [
    ("face", &["consul", "etcd"]),
    ("store", &["embedded", "etcd", "kubernetes", "memory"]),
];

/// Crates that only these places may use.
const CRATES: [(&str, &[&str]); 12] = [
    (
        "tokio",
        &[
            "store", "space", "face", "admin", "gateway", "transfer", "cli",
        ],
    ),
    // Not the server of connections, which serves protocols other than HTTP as well.
    (
        "axum",
        &[
            "face/consul",
            "face/etcd",
            "face/go",
            "face/http",
            "admin",
            "gateway",
        ],
    ),
    ("hyper", &["face/http"]),
    (
        "http",
        &[
            "face",
            "admin",
            "gateway",
            "config",
            "cli",
            "store/kubernetes",
        ],
    ),
    ("kube", &["store/kubernetes"]),
    ("k8s_openapi", &["store/kubernetes"]),
    ("schemars", &["store/kubernetes"]),
    ("etcd_client", &["store/etcd"]),
    ("tonic", &["store/etcd"]),
    ("fjall", &["store/embedded"]),
    ("clap", &["cli"]),
    ("ureq", &["cli", "transfer/source"]),
];

/// What a source may not hold.
const FORBIDDEN: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

/// What is wrong with a source, one line each.
pub(crate) fn complaints(file: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let own = module(file);
    for path in named(file, source) {
        if let Some(why) = trespass(&own, &path) {
            found.push(format!("src/{file}: {} ({why})", path.join("::")));
        }
    }
    let code = source.split("#[cfg(test)]\nmod tests {").next();
    let lines = code.unwrap_or_default().lines().count();
    if lines > LONGEST {
        found.push(format!("src/{file}: {lines} lines are more than {LONGEST}"));
    }
    for word in FORBIDDEN {
        if source.contains(word) {
            found.push(format!("src/{file}: {word}"));
        }
    }
    for (name, places) in CRATES {
        let used =
            source.contains(&format!("use {name}::")) || source.contains(&format!(" {name}::"));
        let inside = places
            .iter()
            .any(|place| file.starts_with(&format!("{place}/")));
        if used && !inside {
            found.push(format!("src/{file}: the crate {name} is not for this room"));
        }
    }
    found
}

/// Why a module may not name a path, if so.
fn trespass(own: &Path, path: &Path) -> Option<String> {
    // `lib.rs` and `main.rs` know all.
    let room = own.first()?;
    let target = path.first()?;
    let Some((_, known)) = ROOMS.iter().find(|(name, _)| name == room) else {
        return Some(format!("src/{room} is no room of the design"));
    };
    let is_room = ROOMS.iter().any(|(name, _)| name == target);
    if target != room && is_room && !known.contains(&target.as_str()) {
        return Some(format!("{room} does not know {target}"));
    }
    let (_, apart) = APART.iter().find(|(name, _)| name == target)?;
    let theirs = path
        .get(1)
        .filter(|inner| apart.contains(&inner.as_str()))?;
    let ours = (room == target).then(|| own.get(1)).flatten();
    if let Some(ours) = ours.filter(|ours| *ours != theirs) {
        return Some(format!("{room}/{ours} does not know {target}/{theirs}"));
    }
    None
}

#[cfg(test)]
fn bad(file: &str, source: &str) -> bool {
    !complaints(file, source).is_empty()
}

#[test]
fn a_room_knows_only_those_before_it() {
    assert!(bad("model/key.rs", "use crate::store::Limits;"));
    assert!(bad("store/mod.rs", "use crate::{model::Key, space::View};"));
    assert!(bad(
        "space/hub.rs",
        "fn f() { crate::guard::Bounds::new(x) }"
    ));
    assert!(bad("guard/bounds.rs", "use crate::face::http::Connection;"));
    assert!(bad("face/http/mod.rs", "use crate::gateway::run;"));
    assert!(bad(
        "face/consul/mod.rs",
        "use super::super::config::Config;"
    ));
    assert!(bad("config/mod.rs", "use crate::store::Store;"));
    assert!(!bad(
        "guard/bounds.rs",
        "use crate::{model, space, store, docker};"
    ));
    assert!(!bad(
        "face/etcd/keys/get.rs",
        "use crate::space::tree; use super::Face;"
    ));
    assert!(!bad(
        "lib.rs",
        "pub use gateway::run; use crate::face::etcd;"
    ));
}

#[test]
fn protocols_and_stores_do_not_know_each_other() {
    assert!(bad("face/consul/kv/get.rs", "use crate::face::etcd::Etcd;"));
    assert!(bad("face/consul/mod.rs", "use super::etcd;"));
    assert!(bad(
        "face/consul/mod.rs",
        "use super::{gojson, etcd::Etcd};"
    ));
    assert!(bad("face/http/server.rs", "use crate::face::consul;"));
    assert!(bad(
        "store/embedded/writer.rs",
        "use super::super::memory::MemoryStore;"
    ));
    assert!(!bad(
        "face/consul/mod.rs",
        "use super::http::Stopping; use crate::face::gojson;"
    ));
    assert!(!bad(
        "gateway/lifecycle.rs",
        "use crate::face::{consul, etcd};"
    ));
    assert!(!bad("store/mod.rs", "pub use self::memory::MemoryStore;"));
}

#[test]
fn words_lengths_and_crates() {
    assert!(bad("space/a.rs", "fn f() { todo!() }"));
    assert!(bad("space/a.rs", &"\n".repeat(501)));
    let tests = format!(
        "{}#[cfg(test)]\nmod tests {{{}}}",
        "\n".repeat(400),
        "\n".repeat(400)
    );
    assert!(!bad("space/a.rs", &tests));
    assert!(bad("model/a.rs", "use tokio::time::Instant;"));
    assert!(bad("space/a.rs", "use http::Uri;"));
    assert!(bad("store/memory.rs", "use fjall::Keyspace;"));
    assert!(!bad("store/embedded/engine.rs", "use fjall::Keyspace;"));
    assert!(bad("face/server/protocol.rs", "use axum::Router;"));
    assert!(bad("elsewhere/a.rs", "use crate::model::Key;"));
}
