//! Benchmarks of a put through each layer of security: without one, by a policy, and with an audit log besides.

use std::sync::Arc;

use criterion::Criterion;
use http::Method;
use kubekv::face::server::{Connection, Security};
use kubekv::guard::policy::Policy;
use kubekv::guard::{self, AuditDestination, AuditLog, PolicyInForce, PolicyMode};
use kubekv::model::{CertificateAuthority, ClientCertificate};
use kubekv::space::Admit;
use kubekv::store::{MemoryStore, Store};
use prometheus_client::registry::Registry;
use tokio::runtime::Runtime;

use crate::gateway::Gateway;

const POLICY: &str = "[[identity]]\nauthority = \"CN=nodes\"\nfield = \"cn\"\nname = \"{name}\"\nprincipal = \"node/{name}\"\n\
                      [[rule]]\nname = \"all\"\nidentities = [\"node/{name}\"]\nallow = [\"all\"]\nbeneath = [\"own\"]\n";

pub(crate) fn puts(bench: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (name, has_policy, is_audited) in [
        ("none", false, false),
        ("policy", true, false),
        ("audit", true, true),
    ] {
        let registry = &mut Registry::default();
        let audit = is_audited.then(|| {
            let file = AuditDestination::File(directory.path().join("audit.log"));
            Arc::new(AuditLog::begin(&file, false, registry).unwrap())
        });
        let policy = has_policy.then(|| {
            let policy = Policy::parse(POLICY).unwrap_or_else(|error| panic!("{error}"));
            PolicyInForce::new(policy, PolicyMode::Enforce, audit.clone(), registry)
        });
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let bounds = guard::for_store(store.limits(), u64::MAX, audit);
        let admit: Arc<dyn Admit> = guard::by_policy(&bounds, policy.as_ref());
        let gateway = runtime.block_on(Gateway::open_with(store, admit));
        let gateway = gateway.reached_by(secured());
        for (face, key, body) in [
            ("etcd", "/v2/keys/own/key", "value=news"),
            ("consul", "/v1/kv/own/key", "news"),
        ] {
            bench.bench_function(&format!("{face}/put/layers/{name}"), |bench| {
                bench
                    .to_async(&runtime)
                    .iter(|| gateway.send(Method::PUT, key, false, body));
            });
        }
    }
}

/// The connection of a client with a certificate.
fn secured() -> Connection {
    let nowhere = ([127, 0, 0, 1], 1).into();
    let authority = CertificateAuthority {
        subject: "CN=nodes".to_owned(),
        fingerprint: "0".repeat(64),
    };
    let certificate = ClientCertificate {
        common_names: vec!["10.0.0.1".to_owned()],
        authority,
        fingerprint: "1".repeat(64),
        ..ClientCertificate::default()
    };
    Connection {
        security: Security::Tls {
            client: Some(Arc::new(certificate)),
        },
        ..Connection::plaintext(nowhere, nowhere)
    }
}
