//! Kubernetes store: entries as custom resources of a cluster, one object an entry.
//!
//! The watch delivers every change to the cache (`watch`, `cache`); the leader sends writes (`send`) and cleans up
//! (`cleanup`); a full list replaces the cache (`list`).

mod cache;
mod cleanup;
mod client;
mod codec;
mod definition;
mod list;
mod log;
mod namespace;
pub(crate) mod policy_objects;
mod send;
pub(crate) mod token_review;
mod watch;

use std::sync::Arc;

use kube::Config;

pub use self::definition::yaml::{definition, policy_definition};

use self::client::api::Api;
use self::client::credentials::ApiCredentials;
use self::codec::{name, object};
use self::log::KubernetesLog;
use super::shared::{self, Candidate, Metrics, SharedStore};
use super::{StoreContents, StoreError};
use crate::model::Key;

/// The name of the object of a client's key.
pub fn object_name(key: &[u8]) -> String {
    name::of(&Key::user(key))
}

/// The label selector of the entries directly beneath a directory, for `kubectl get kv -l`.
pub fn parent_selector(directory: &[u8]) -> String {
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    let child = Key::user([directory, b"/x"].concat());
    format!("{}={}", object::PARENT, name::parent(&child))
}

/// Follows the entries of a namespace: the given one, or that of the kubeconfig or the pod.
///
/// The cluster is the one that `KUBECONFIG` or `~/.kube/config` names, or the one that this pod runs in. Must be called
/// within a tokio runtime.
pub async fn open(
    namespace: Option<&str>,
    candidate: Candidate,
    metrics: Metrics,
) -> Result<SharedStore, StoreError> {
    let log = log(namespace, metrics.clone()).await?;
    Ok(SharedStore::start(Arc::new(log), candidate, metrics))
}

/// Reads the entries of a namespace as of one resourceVersion, without becoming a member of its gateways.
pub async fn read(namespace: Option<&str>) -> Result<StoreContents, StoreError> {
    let log = log(namespace, Metrics::default()).await?;
    shared::read_once(&log.of_the_present()).await
}

async fn log(namespace: Option<&str>, metrics: Metrics) -> Result<KubernetesLog, StoreError> {
    let config = cluster().await?;
    let namespace = namespace.unwrap_or(&config.default_namespace).to_owned();
    let credentials = ApiCredentials::new(config).map_err(|error| failed(&error))?;
    let api = Api::new(credentials, &namespace, metrics.clone());
    Ok(KubernetesLog::new(api, metrics))
}

/// The objects of a policy in a namespace, as they are now.
#[derive(Debug)]
pub struct ReadPolicies {
    /// The namespace.
    pub namespace: String,
    /// The name and the spec of each.
    pub objects: Vec<(String, serde_json::Value)>,
}

/// Reads the objects of a policy in a namespace: the given one, or that of the kubeconfig or the pod.
pub async fn read_policies(namespace: Option<&str>) -> Result<ReadPolicies, StoreError> {
    let source = policy_objects::PolicySource::find(namespace).await?;
    let (_version, objects) = source.list().await.map_err(|error| failed(&error))?;
    let objects = objects.into_iter();
    Ok(ReadPolicies {
        namespace: source.namespace().to_owned(),
        objects: objects
            .map(|object| (object.metadata.name, object.spec))
            .collect(),
    })
}

/// The cluster that `KUBECONFIG` or `~/.kube/config` names, or the one that this pod runs in.
async fn cluster() -> Result<Config, StoreError> {
    let mut config = Config::infer().await.map_err(|error| {
        failed(&format!(
            "no cluster is configured: set KUBECONFIG, create ~/.kube/config, or run in a pod of the cluster: {error}"
        ))
    })?;
    // The watch shows whether a write took effect; no write is ever sent again.
    config.default_retry = false;
    // A watch may be silent for a long time.
    config.read_timeout = None;
    Ok(config)
}

fn failed(error: &dyn std::fmt::Display) -> StoreError {
    StoreError(format!("kubernetes: {error}").replace('\n', " "))
}
