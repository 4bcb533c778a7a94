//! The policy of the configuration, from a file or from the objects of a cluster, and the credentials beside it, in force within
//! a second of a change; and the reviews of tokens by a cluster.

mod credentials;
mod file;
mod followed_file;
mod in_force_log;
mod object_metrics;
mod object_state;
mod objects;
mod start;
mod status_writer;
mod token_review;

use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

use self::objects::PolicyObjects;
use self::start::PolicyStart;
use super::error::Error;
use crate::config::{Config, PolicyConfig, PolicyOrigin};
use crate::guard::{AuditLog, PolicyInForce, PolicyMode};

/// The policy of the configuration, followed until this is dropped.
#[derive(Debug)]
pub(super) struct FollowedPolicy {
    in_force: Option<Arc<PolicyInForce>>,
    start: PolicyStart,
    _tasks: JoinSet<()>,
}

impl FollowedPolicy {
    /// What clients are admitted by; `None` lets all of them do everything.
    pub(super) fn in_force(&self) -> Option<&Arc<PolicyInForce>> {
        self.in_force.as_ref()
    }

    /// Waits until clients may be served by it.
    ///
    /// # Errors
    ///
    /// Where the objects cannot be read: no gateway starts without what it was told to enforce.
    pub(super) async fn started(&mut self) -> Result<(), Error> {
        self.start.wait().await
    }
}

/// Begins to follow the policy of the configuration.
///
/// # Errors
///
/// Where a file cannot be read, or is no good one, or no cluster is configured.
pub(super) async fn begin(
    config: &Config,
    audit: Option<&Arc<AuditLog>>,
    registry: &mut Registry,
) -> Result<FollowedPolicy, Error> {
    let mut tasks = JoinSet::new();
    let Some(PolicyConfig {
        origin,
        enforces,
        credentials,
        token_review,
    }) = config.policy.clone()
    else {
        return Ok(FollowedPolicy {
            in_force: None,
            start: PolicyStart::complete(),
            _tasks: tasks,
        });
    };
    let mode = if enforces {
        PolicyMode::Enforce
    } else {
        PolicyMode::Warn
    };
    let (in_force, start) = match origin {
        PolicyOrigin::File(path) => {
            let (file, text) = file::load(path, mode, audit, registry)?;
            let in_force = file.user.in_force();
            tasks.spawn(file.follow(text));
            (in_force, PolicyStart::complete())
        }
        PolicyOrigin::Kubernetes(namespace) => {
            let found = PolicyObjects::find(namespace.as_deref(), mode, audit, registry).await?;
            let (objects, writer, start) = found;
            let in_force = objects.in_force();
            tasks.spawn(objects.follow());
            tasks.spawn(writer.run());
            (in_force, start)
        }
    };
    if let Some(path) = credentials {
        let (file, text) = credentials::load(&path, &in_force, registry)?;
        tasks.spawn(file.follow(text));
    }
    if let Some(audience) = token_review {
        token_review::begin(audience, &in_force, registry).await?;
        tasks.spawn(token_review::follow(Arc::clone(&in_force)));
    }
    Ok(FollowedPolicy {
        in_force: Some(in_force),
        start,
        _tasks: tasks,
    })
}
