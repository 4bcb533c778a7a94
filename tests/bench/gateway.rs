//! A gateway in this process: both faces of one keyspace, on a runtime of their own, since loads block their thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kubekv::bench::client::Consistency;
use kubekv::bench::keys::{Distribution, KeyShape};
use kubekv::bench::measure::ServerProcesses;
use kubekv::bench::operation::OperationMix;
use kubekv::bench::pace::Arrivals;
use kubekv::bench::report::{LoadSummary, RunResult};
use kubekv::bench::run::{self, LoadOptions, Measured, Pace};
use kubekv::bench::target::LoadTarget;
use kubekv::bench::value::ValueShape;
use kubekv::config::{SourceAccess, SourceUrl};
use kubekv::face::consul::{self, Consul};
use kubekv::face::etcd::{self, Etcd};
use support::faces;
use support::http_client::{Answer, request};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// A runtime for servers.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Both faces of one keyspace.
pub(crate) struct Gateway {
    pub(crate) consul: SocketAddr,
    pub(crate) etcd: SocketAddr,
    runtime: Runtime,
    _stop: [watch::Sender<bool>; 2],
}

impl Gateway {
    pub(crate) fn start() -> Self {
        let runtime = runtime();
        let space = runtime.block_on(faces::space());
        let (etcd, stop_etcd) = runtime.block_on(faces::start(|stopping| {
            etcd::router(Etcd {
                space: space.clone(),
                stopping,
                advertise: Vec::new(),
                fairness: kubekv::fairness::Fairness::default(),
            })
        }));
        let (consul, stop_consul) = runtime.block_on(faces::start(|stopping| {
            consul::router(Consul {
                space,
                stopping,
                node: "node".to_owned(),
                datacenter: "dc1".to_owned(),
                fairness: kubekv::fairness::Fairness::default(),
            })
        }));
        Self {
            consul,
            etcd,
            runtime,
            _stop: [stop_etcd, stop_consul],
        }
    }

    /// A gateway for each face, with its URL: what one protocol locks, another one may not.
    pub(crate) fn each() -> [(Self, SourceUrl); 2] {
        let (one, other) = (Self::start(), Self::start());
        let ([consul, _], [_, etcd]) = (one.urls(), other.urls());
        [(one, consul), (other, etcd)]
    }

    /// The URLs of its faces.
    pub(crate) fn urls(&self) -> [SourceUrl; 2] {
        [
            SourceUrl::Consul(self.consul.to_string()),
            SourceUrl::Etcd2(vec![self.etcd.to_string()]),
        ]
    }

    /// An answer of its Consul face.
    pub(crate) fn consul(&self, target: &str) -> Answer {
        let asking = request(self.consul, "GET", target, &[], b"");
        self.runtime.block_on(asking)
    }

    /// An answer of its etcd face.
    pub(crate) fn etcd(&self, target: &str) -> Answer {
        let asking = request(self.etcd, "GET", target, &[], b"");
        self.runtime.block_on(asking)
    }

    /// The number of keys with a prefix.
    pub(crate) fn count(&self, prefix: &str) -> usize {
        let answer = self.consul(&format!("/v1/kv/{prefix}?keys"));
        if answer.status == 404 {
            return 0;
        }
        let keys: Vec<String> = serde_json::from_slice(&answer.body).unwrap();
        // etcd v2 has directories.
        keys.iter().filter(|key| !key.ends_with('/')).count()
    }

    /// The index of the last change.
    pub(crate) fn index(&self) -> u64 {
        let answer = self.consul("/v1/kv/?keys");
        let index = answer.header("x-consul-index");
        index.parse().unwrap()
    }
}

/// The target of a URL.
pub(crate) fn target(url: &SourceUrl) -> Arc<LoadTarget> {
    target_with(url, &SourceAccess::default())
}

/// The target of a URL, with credentials.
pub(crate) fn target_with(url: &SourceUrl, access: &SourceAccess) -> Arc<LoadTarget> {
    let resolving = LoadTarget::resolve(url, access, None, false);
    Arc::new(runtime().block_on(resolving).unwrap())
}

/// A load of 100 operations, 200 a second, of 4 clients on 8 keys.
pub(crate) fn load(mix: &str) -> LoadOptions {
    LoadOptions {
        mix: mix.parse::<OperationMix>().unwrap(),
        clients: 4,
        pipeline: 1,
        pace: Pace::Open(200.0, Arrivals::Even),
        threads: 2,
        keys: KeyShape {
            prefix: "load/".to_owned(),
            count: 8,
            per_directory: 0,
            width: 8,
        },
        key: None,
        distribution: Distribution::Uniform,
        value: ValueShape::Changing(100),
        fill: true,
        warm_up: Duration::ZERO,
        // Not a multiple of the time between operations: none is due just at the end.
        duration: Duration::from_micros(497_500),
        timeout: Duration::from_secs(20),
        consistency: Consistency::Linearizable,
        seed: 1,
    }
}

/// Runs a load.
pub(crate) fn measure(target: &Arc<LoadTarget>, options: LoadOptions) -> Measured {
    run::run(
        target,
        options,
        &ServerProcesses::default(),
        &|_progress| {},
    )
    .unwrap()
}

/// The result of a run.
pub(crate) fn result(target: &Arc<LoadTarget>, measured: &Measured) -> RunResult {
    RunResult::new(target.name(), LoadSummary::default(), measured)
}
