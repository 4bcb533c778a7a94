//! The policy's objects in a cluster: listed and watched, so that a change of them is in force within a second.
//!
//! While the API server cannot be reached, the last state stays in force, for however long that is.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::object_metrics::ObjectMetrics;
use super::object_state::{PolicyChange, PolicyObjectState};
use super::start::PolicyStart;
use super::status_writer::{JudgedObject, StatusWriter};
use crate::gateway::error::Error;
use crate::guard::policy::Policy;
use crate::guard::{AuditLog, PolicyInForce, PolicyMode};
use crate::store::kubernetes::policy_objects::{PolicySource, UnreadablePolicies};

/// The shortest pause before objects are listed again, and the longest after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// The objects, and what is in force by them.
#[derive(Debug)]
pub(super) struct PolicyObjects {
    source: PolicySource,
    state: Arc<Mutex<PolicyObjectState>>,
    judged: watch::Sender<Vec<JudgedObject>>,
    /// Whether it was logged that they cannot be read.
    is_unreadable: bool,
}

impl PolicyObjects {
    /// Finds the cluster; nothing is allowed before its objects are read.
    pub(super) async fn find(
        namespace: Option<&str>,
        mode: PolicyMode,
        audit: Option<&Arc<AuditLog>>,
        registry: &mut Registry,
    ) -> Result<(Self, StatusWriter, PolicyStart), Error> {
        let source = PolicySource::find(namespace).await;
        let source = source.map_err(|error| Error::Fatal(format!("the policy: {error}")))?;
        let in_force = PolicyInForce::new(Policy::nothing(), mode, audit.cloned(), registry);
        let (starter, start) = PolicyStart::waiting();
        let metrics = ObjectMetrics::register(registry);
        let state = PolicyObjectState::new(in_force, starter, metrics);
        let (judged, receiver) = watch::channel(Vec::new());
        let writer = StatusWriter::new(source.clone(), receiver);
        let objects = Self {
            source,
            state: Arc::new(Mutex::new(state)),
            judged,
            is_unreadable: false,
        };
        Ok((objects, writer, start))
    }

    /// What is in force by them.
    pub(super) fn in_force(&self) -> Arc<PolicyInForce> {
        Arc::clone(self.state.lock().in_force())
    }

    /// Follows the objects, until the gateway cannot start without them.
    pub(super) async fn follow(mut self) {
        let (shortest, longest) = PAUSES;
        let mut pause = shortest;
        loop {
            match self.follow_once().await {
                Ok(()) => pause = shortest,
                Err(UnreadablePolicies::Refused(why)) if self.is_starting() => {
                    let namespace = self.source.namespace();
                    let why = format!("the policy of namespace {namespace} cannot be read: {why}");
                    self.state.lock().start().fail(why);
                    return;
                }
                Err(error) => {
                    self.complain(&error);
                    pause = (pause * 2).min(longest);
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn is_starting(&self) -> bool {
        self.state.lock().start().is_waiting()
    }

    /// Lists the objects and watches them, until the watch ends.
    async fn follow_once(&mut self) -> Result<(), UnreadablePolicies> {
        let (version, objects) = self.source.list().await?;
        self.take(PolicyChange::All(objects)).await;
        let mut watch = self.source.watch(&version).await?;
        if std::mem::take(&mut self.is_unreadable) {
            tracing::info!("policy: the AccessPolicy objects can be read again");
        }
        while let Some(events) = watch.next().await {
            self.take(PolicyChange::Some(events)).await;
        }
        Ok(())
    }

    /// Beside the runtime: texts are parsed, and for quotas that are new, all entries are counted.
    async fn take(&self, change: PolicyChange) {
        let state = Arc::clone(&self.state);
        match spawn_blocking(move || state.lock().take(change)).await {
            Ok(judged) => {
                self.judged.send_replace(judged);
            }
            Err(error) => {
                tracing::error!(%error, "policy: changed AccessPolicy objects could not be applied, by a bug in kubekv");
            }
        }
    }

    /// Tells once that the objects cannot be read.
    fn complain(&mut self, error: &UnreadablePolicies) {
        if std::mem::replace(&mut self.is_unreadable, true) {
            return;
        }
        let namespace = self.source.namespace();
        if self.is_starting() {
            tracing::error!(namespace, %error, "policy: the AccessPolicy objects cannot be read; this gateway starts when they can");
        } else {
            tracing::error!(namespace, %error, "policy: the AccessPolicy objects cannot be read; what they said last stays in force");
        }
    }
}
