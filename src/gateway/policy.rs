//! The policy's file, and what puts it in force.

use std::path::Path;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

use super::credentials;
use super::error::Error;
use super::followed_file::{FileUser, FollowedFile, read};
use crate::config::{Config, PolicyConfig};
use crate::guard::policy::Policy;
use crate::guard::{AuditLog, PolicyInForce, PolicyMode};

/// The policy that its file has in force.
#[derive(Debug)]
struct PolicyUser(Arc<PolicyInForce>);

impl FileUser for PolicyUser {
    const NAME: &'static str = "policy";
    const MAX_BYTES: usize = Policy::MAX_BYTES;

    fn put_in_force(&self, text: &str) -> Result<(), String> {
        let policy = Policy::parse(text).map_err(|error| error.to_string())?;
        log_in_force(&policy, self.0.mode());
        self.0.replace(policy);
        Ok(())
    }

    fn count_unusable(&self, text: Option<&str>, why: &str) {
        let digest = text.map(Policy::fingerprint_of);
        self.0.count_unusable(digest.as_deref(), why);
    }
}

/// The policy of the configuration, if it has one, with its credentials, and the tasks that follow their files until they are
/// dropped.
///
/// # Errors
///
/// Where a file cannot be read, or is no good one: no gateway starts without what it was told to enforce.
pub(super) fn begin(
    config: &Config,
    audit: Option<&Arc<AuditLog>>,
    registry: &mut Registry,
) -> Result<(Option<Arc<PolicyInForce>>, JoinSet<()>), Error> {
    let mut tasks = JoinSet::new();
    let Some(config) = &config.policy else {
        return Ok((None, tasks));
    };
    let (in_force, text) = load(config, audit, registry)?;
    if let Some(path) = &config.credentials {
        let (file, text) = credentials::load(path, &in_force, registry)?;
        tasks.spawn(file.follow(text));
    }
    let file = FollowedFile {
        path: config.file.clone(),
        user: PolicyUser(Arc::clone(&in_force)),
    };
    tasks.spawn(file.follow(text));
    Ok((Some(in_force), tasks))
}

/// Reads the policy of the configuration; the text goes with it.
fn load(
    config: &PolicyConfig,
    audit: Option<&Arc<AuditLog>>,
    registry: &mut Registry,
) -> Result<(Arc<PolicyInForce>, String), Error> {
    let path: &Path = &config.file;
    let unusable = |why: String| {
        let path = path.display();
        Error::Fatal(format!("the policy {path} cannot be used: {why}"))
    };
    let text = read::<PolicyUser>(path).map_err(unusable)?;
    let policy = Policy::parse(&text).map_err(|error| unusable(error.to_string()))?;
    let mode = if config.enforces {
        PolicyMode::Enforce
    } else {
        PolicyMode::Warn
    };
    log_in_force(&policy, mode);
    let in_force = PolicyInForce::new(policy, mode, audit.cloned(), registry);
    Ok((in_force, text))
}

fn log_in_force(policy: &Policy, mode: PolicyMode) {
    for warning in policy.warnings() {
        tracing::warn!("policy: {}: {}", warning.place, warning.message);
    }
    let (rules, sha256) = (policy.rule_count(), policy.fingerprint());
    let mode = mode.as_str();
    tracing::info!(rules, sha256, mode, "policy: in force");
}
