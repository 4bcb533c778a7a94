//! A proxy between a gateway and its API server that injects the faults of networks and overloaded servers.
//!
//! It takes plain HTTP on loopback and forwards with its own credentials, those of the kubeconfig it was started with; the
//! kubeconfig it writes names it as the cluster. A request whose sender has stopped waiting is forwarded all the
//! same, as bytes that sit in a socket are.

mod body;
mod proxy;
mod rules;
mod watches;

use std::path::Path;
use std::sync::Arc;

use http::Method;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::watch;

pub use rules::{Action, Requests, Rule};
pub use watches::Watches;

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub uri: String,
    pub body: String,
}

struct State {
    client: Client,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
    watches: watch::Sender<Watches>,
    /// Watches are counted; those up to this one are silent for ever.
    frozen: watch::Sender<u64>,
    opened: Mutex<u64>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// A proxy before an API server; it ends with the test.
#[derive(Debug)]
pub struct FaultProxy {
    runtime: Option<Runtime>,
    state: Arc<State>,
    directory: tempfile::TempDir,
}

impl FaultProxy {
    /// Stands before the cluster that `KUBECONFIG` names.
    #[expect(
        clippy::disallowed_methods,
        reason = "it names the cluster of the tests"
    )]
    pub fn start() -> Self {
        let path = std::env::var("KUBECONFIG")
            .expect("needs a cluster, export KUBECONFIG=$(tests/kubernetes up)");
        Self::before(Path::new(&path))
    }

    /// Stands before the cluster that a kubeconfig names.
    pub fn before(kubeconfig: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let (ready, is_ready) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let options = KubeConfigOptions::default();
            let mut config = (Config::from_custom_kubeconfig(kubeconfig, &options).await).unwrap();
            // Each request is forwarded exactly once.
            config.default_retry = false;
            (config.read_timeout, config.write_timeout) = (None, None);
            let namespace = config.default_namespace.clone();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let state = Arc::new(State {
                client: Client::try_from(config).unwrap(),
                rules: Mutex::default(),
                seen: Mutex::default(),
                watches: watch::Sender::new(Watches::Delivered),
                frozen: watch::Sender::new(0),
                opened: Mutex::default(),
            });
            ready
                .send((Arc::clone(&state), address, namespace))
                .unwrap();
            proxy::serve(listener, state).await;
        });
        let (state, address, namespace) = is_ready.recv().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "fault-proxy",
            "clusters": [{"name": "fault-proxy", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "fault-proxy", "user": {}}],
            "contexts": [{"name": "fault-proxy",
                "context": {"cluster": "fault-proxy", "user": "fault-proxy", "namespace": namespace}}],
        });
        std::fs::write(directory.path().join("kubeconfig"), config.to_string()).unwrap();
        Self {
            runtime: Some(runtime),
            state,
            directory,
        }
    }

    /// The kubeconfig of a gateway whose requests go through the proxy.
    pub fn kubeconfig(&self) -> String {
        self.directory
            .path()
            .join("kubeconfig")
            .display()
            .to_string()
    }

    /// From now on this happens to such requests, where no rule before it fits.
    pub fn rule(&self, requests: Requests, action: Action) -> Rule {
        let rule = Rule::new(requests, action);
        self.state.rules.lock().push(rule.clone());
        rule
    }

    /// Sets what all watches deliver from now on.
    pub fn watches(&self, watches: Watches) {
        self.state.watches.send_replace(watches);
    }

    /// The watches that are open now deliver nothing any more, and stay open; new ones work.
    pub fn freeze_watches(&self) {
        let opened = *self.state.opened.lock();
        self.state.frozen.send_replace(opened);
    }

    /// Every matching request so far.
    pub fn seen(&self, requests: &Requests) -> Vec<Seen> {
        let seen = self.state.seen.lock();
        seen.iter()
            .filter(|seen| requests.fit(&seen.method, &seen.uri, seen.body.as_bytes()))
            .cloned()
            .collect()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
