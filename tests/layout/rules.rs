//! Rules for imports between modules, for the use of crates, and for lengths and forbidden words.

use crate::paths::{Path, module, named};

/// Limit for the length of a source, in lines, without its tests.
const LONGEST: usize = 500;

/// Top-level modules, and the modules each may import besides itself.
///
/// `model <- docker`; `model <- store <- space <- guard <- face`; the guard also imports docker; `model <- fairness <- face`.
/// The modules that put them together import all of them, and are imported by none.
const MODULES: [(&str, &[&str]); 18] = [
    ("model", &[]),
    // The encodings of protocols, for faces and for clients.
    ("wire", &["fuzz"]),
    ("docker", &["model"]),
    ("store", &["model"]),
    ("space", &["model", "store"]),
    ("guard", &["model", "docker", "store", "space", "fuzz"]),
    // Knows nothing of entries: of requests it sees whose they are, their cost and their bytes.
    ("fairness", &["model"]),
    // Knows no protocol: a connection goes in, and comes out with what its client proved.
    ("tls", &["model"]),
    (
        "face",
        &[
            "model", "wire", "store", "space", "guard", "fairness", "tls", "fuzz",
        ],
    ),
    ("config", &[]),
    ("remote", &["config"]),
    // A client of any server: it knows nothing of the gateway.
    ("bench", &["wire", "docker", "config", "remote"]),
    (
        "admin",
        &["model", "store", "space", "guard", "fairness", "face"],
    ),
    (
        "gateway",
        &[
            "model", "store", "space", "guard", "fairness", "tls", "face", "config", "admin",
            "fuzz",
        ],
    ),
    // Opens stores as a gateway does and writes as its clients would, but serves no clients.
    (
        "transfer",
        &[
            "model", "wire", "store", "space", "guard", "config", "remote", "gateway",
        ],
    ),
    ("cli", &[]),
    // Inputs for the fuzz targets of parsers, in tests alone.
    ("fuzz", &[]),
    // Not in the program: the targets, for `cargo fuzz`.
    ("fuzz_targets", &["wire", "guard", "face", "gateway"]),
];

/// Submodules that may not import each other: the protocols, and the stores.
const INDEPENDENT: [(&str, &[&str]); 2] = [
    ("face", &["consul", "etcd", "zookeeper"]),
    ("store", &["embedded", "etcd", "kubernetes", "memory"]),
];

/// Crates, and the only modules that may use them.
const CRATES: [(&str, &[&str]); 12] = [
    (
        "tokio",
        &[
            "store", "space", "guard", "fairness", "tls", "face", "admin", "gateway", "transfer",
            "remote", "bench", "cli",
        ],
    ),
    // Not `face/server`, which serves connections of protocols other than HTTP as well.
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
    ("etcd_client", &["store/etcd", "bench"]),
    ("tonic", &["store/etcd", "bench"]),
    ("fjall", &["store/embedded"]),
    ("clap", &["cli"]),
    ("ureq", &["cli", "remote", "transfer/source"]),
];

/// Words that no source may contain.
const FORBIDDEN_WORDS: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

/// The violations in a source, one line each.
pub(crate) fn violations(file: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let own = module(file);
    for path in named(file, source) {
        if let Some(why) = forbidden_import(&own, &path) {
            found.push(format!("src/{file}: {} ({why})", path.join("::")));
        }
    }
    let code = source.split("#[cfg(test)]\nmod tests {").next();
    let lines = code.unwrap_or_default().lines().count();
    if lines > LONGEST {
        found.push(format!("src/{file}: {lines} lines are more than {LONGEST}"));
    }
    for word in FORBIDDEN_WORDS {
        if source.contains(word) {
            found.push(format!("src/{file}: {word}"));
        }
    }
    for (name, users) in CRATES {
        let used =
            source.contains(&format!("use {name}::")) || source.contains(&format!(" {name}::"));
        let allowed = users
            .iter()
            .any(|user| file.starts_with(&format!("{user}/")));
        if used && !allowed {
            found.push(format!(
                "src/{file}: this module may not use the crate {name}"
            ));
        }
    }
    found
}

/// The reason why a module may not import a path, if it may not.
fn forbidden_import(own: &Path, path: &Path) -> Option<String> {
    // `lib.rs` and `main.rs` may import all modules.
    let importer = own.first()?;
    let target = path.first()?;
    let Some((_, importable)) = MODULES.iter().find(|(name, _)| name == importer) else {
        return Some(format!(
            "src/{importer} is not listed in tests/layout/rules.rs"
        ));
    };
    let is_module = MODULES.iter().any(|(name, _)| name == target);
    if target != importer && is_module && !importable.contains(&target.as_str()) {
        return Some(format!("{importer} may not import {target}"));
    }
    let (_, independent) = INDEPENDENT.iter().find(|(name, _)| name == target)?;
    let imported = path
        .get(1)
        .filter(|inner| independent.contains(&inner.as_str()))?;
    let importing = (importer == target).then(|| own.get(1)).flatten();
    if let Some(importing) = importing.filter(|importing| *importing != imported) {
        return Some(format!(
            "{importer}/{importing} may not import {target}/{imported}"
        ));
    }
    None
}

#[cfg(test)]
fn violates(file: &str, source: &str) -> bool {
    !violations(file, source).is_empty()
}

#[test]
fn a_module_imports_only_those_below_it() {
    assert!(violates("model/key.rs", "use crate::store::Limits;"));
    assert!(violates(
        "store/mod.rs",
        "use crate::{model::Key, space::View};"
    ));
    assert!(violates(
        "space/hub.rs",
        "fn f() { crate::guard::Bounds::new(x) }"
    ));
    assert!(violates(
        "guard/bounds.rs",
        "use crate::face::http::Connection;"
    ));
    assert!(violates("face/http/mod.rs", "use crate::gateway::run;"));
    assert!(violates(
        "face/consul/mod.rs",
        "use super::super::config::Config;"
    ));
    assert!(violates("config/mod.rs", "use crate::store::Store;"));
    assert!(!violates(
        "guard/bounds.rs",
        "use crate::{model, space, store, docker};"
    ));
    assert!(!violates(
        "face/etcd/keys/get.rs",
        "use crate::space::tree; use super::Face;"
    ));
    assert!(!violates(
        "lib.rs",
        "pub use gateway::run; use crate::face::etcd;"
    ));
}

#[test]
fn protocols_and_stores_do_not_import_each_other() {
    assert!(violates(
        "face/consul/kv/get.rs",
        "use crate::face::etcd::Etcd;"
    ));
    assert!(violates("face/consul/mod.rs", "use super::etcd;"));
    assert!(violates(
        "face/consul/mod.rs",
        "use super::{gojson, etcd::Etcd};"
    ));
    assert!(violates("face/http/server.rs", "use crate::face::consul;"));
    assert!(violates(
        "store/embedded/writer.rs",
        "use super::super::memory::MemoryStore;"
    ));
    assert!(!violates(
        "face/consul/mod.rs",
        "use super::http::Stopping; use crate::face::gojson;"
    ));
    assert!(!violates(
        "gateway/lifecycle.rs",
        "use crate::face::{consul, etcd};"
    ));
    assert!(!violates(
        "store/mod.rs",
        "pub use self::memory::MemoryStore;"
    ));
}

#[test]
fn forbidden_words_lengths_and_crates_are_checked() {
    assert!(violates("space/a.rs", "fn f() { todo!() }"));
    assert!(violates("space/a.rs", &"\n".repeat(501)));
    let tests = format!(
        "{}#[cfg(test)]\nmod tests {{{}}}",
        "\n".repeat(400),
        "\n".repeat(400)
    );
    assert!(!violates("space/a.rs", &tests));
    assert!(violates("model/a.rs", "use tokio::time::Instant;"));
    assert!(violates("space/a.rs", "use http::Uri;"));
    assert!(violates("store/memory.rs", "use fjall::Keyspace;"));
    assert!(!violates(
        "store/embedded/engine/fjall_table.rs",
        "use fjall::Keyspace;"
    ));
    assert!(violates("face/server/protocol.rs", "use axum::Router;"));
    assert!(violates("elsewhere/a.rs", "use crate::model::Key;"));
}
