//! `PolicySource`: the objects of a policy in one namespace of a cluster.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::definition::{KIND, VERSION};
use super::event::PolicyEvent;
use super::resource::{PolicyMetadata, PolicyResource};
use crate::store::StoreError;
use crate::store::kubernetes::client::credentials::ApiCredentials;
use crate::store::kubernetes::client::error::{ApiError, INSTALL};
use crate::store::kubernetes::client::lines::ResponseLines;
use crate::store::kubernetes::client::policy_api::PolicyApi;
use crate::store::kubernetes::{cluster, failed};

/// How long a watch may be silent: the API server ends it before.
const SILENCE: Duration = Duration::from_secs(PolicyApi::WATCH_SECONDS + 15);

/// The most that a list may have, in bytes: it is in memory as a whole.
const LONGEST_LIST: usize = 64 << 20;

/// The objects of one namespace.
#[derive(Clone, Debug)]
pub(crate) struct PolicySource {
    api: PolicyApi,
    namespace: String,
}

/// Why objects cannot be read, or a status not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnreadablePolicies {
    /// Until somebody changes the cluster: the definition or a right is missing.
    #[error("{0}")]
    Refused(String),
    /// The cluster does not answer now.
    #[error("{0}")]
    Unavailable(String),
    /// The object was changed meanwhile, or is gone.
    #[error("{0}")]
    Changed(String),
}

/// A page of a list.
#[derive(Debug, Deserialize)]
struct PolicyPage {
    metadata: PageMeta,
    items: Vec<PolicyResource>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: String,
}

/// An open watch.
#[derive(Debug)]
pub(crate) struct PolicyWatch(ResponseLines);

impl PolicySource {
    /// The objects of a namespace: the given one, or that of the kubeconfig or the pod, of the cluster that those name.
    pub(crate) async fn find(namespace: Option<&str>) -> Result<Self, StoreError> {
        let config = cluster().await?;
        let namespace = namespace.unwrap_or(&config.default_namespace).to_owned();
        let credentials = ApiCredentials::new(config).map_err(|error| failed(&error))?;
        let api = PolicyApi::new(credentials, &namespace);
        Ok(Self { api, namespace })
    }

    /// The namespace.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Every object, and the resourceVersion of the list.
    pub(crate) async fn list(&self) -> Result<(String, Vec<PolicyResource>), UnreadablePolicies> {
        let (mut objects, mut after) = (Vec::new(), String::new());
        let mut bytes = 0_usize;
        loop {
            let page = self
                .api
                .list(&after)
                .await
                .map_err(|error| unreadable(&error))?;
            bytes = bytes.saturating_add(page.len());
            if bytes > LONGEST_LIST {
                let what = format!("the objects have more than {LONGEST_LIST} bytes together");
                return Err(UnreadablePolicies::Unavailable(what));
            }
            let page: PolicyPage = serde_json::from_slice(&page)
                .map_err(|error| UnreadablePolicies::Unavailable(error.to_string()))?;
            objects.extend(page.items);
            if page.metadata.next.is_empty() {
                return Ok((page.metadata.resource_version, objects));
            }
            after = page.metadata.next;
        }
    }

    /// Watches every change after a list.
    pub(crate) async fn watch(&self, after: &str) -> Result<PolicyWatch, UnreadablePolicies> {
        let lines = self.api.watch(after).await;
        lines.map(PolicyWatch).map_err(|error| unreadable(&error))
    }

    /// Writes the status of an object, if it is still this version of it.
    pub(crate) async fn write_status(
        &self,
        object: &PolicyMetadata,
        status: &Value,
    ) -> Result<(), UnreadablePolicies> {
        let PolicyMetadata {
            name,
            uid,
            resource_version,
            ..
        } = object;
        let body = json!({
            "apiVersion": VERSION,
            "kind": KIND,
            "metadata": {
                "name": name, "namespace": self.namespace, "uid": uid, "resourceVersion": resource_version,
            },
            "status": status,
        });
        let written = self.api.replace_status(name, body.to_string().into_bytes());
        match written.await {
            Ok(_) => Ok(()),
            Err(error) if error.status() == Some(404) => {
                Err(UnreadablePolicies::Changed(error.to_string()))
            }
            Err(error) => Err(unreadable(&error)),
        }
    }
}

impl PolicyWatch {
    /// The events that have arrived, at least one; `None` where the watch has ended, for whatever reason.
    pub(crate) async fn next(&mut self) -> Option<Vec<PolicyEvent>> {
        // A connection that is broken without a word would be silent for ever.
        let lines = tokio::time::timeout(SILENCE, self.0.next()).await.ok()??;
        let events = lines.and_then(|lines| lines.iter().map(PolicyEvent::parse).collect());
        match events {
            Ok(events) => Some(events),
            Err(why) => {
                tracing::debug!(why, "the watch of policies ends");
                None
            }
        }
    }
}

fn unreadable(error: &ApiError) -> UnreadablePolicies {
    match error.status() {
        Some(404) => UnreadablePolicies::Refused(format!(
            "this cluster has no accesspolicies.{VERSION}: {INSTALL}"
        )),
        Some(401 | 403) => UnreadablePolicies::Refused(error.to_string()),
        Some(409) => UnreadablePolicies::Changed(error.to_string()),
        _ => UnreadablePolicies::Unavailable(error.to_string()),
    }
}
