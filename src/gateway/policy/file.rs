//! The policy's file, and what puts it in force.

use std::path::PathBuf;
use std::sync::Arc;

use prometheus_client::registry::Registry;

use super::followed_file::{FileUser, FollowedFile, read};
use super::in_force_log::log_in_force;
use crate::gateway::error::Error;
use crate::guard::policy::{Policy, PolicyWarning};
use crate::guard::{AuditLog, PolicyInForce, PolicyMode};

/// The policy that its file has in force.
#[derive(Debug)]
pub(super) struct PolicyUse(Arc<PolicyInForce>);

impl FileUser for PolicyUse {
    const NAME: &'static str = "policy";
    const MAX_BYTES: usize = Policy::MAX_BYTES;

    /// Who may write it may do everything.
    const NOT_FOR_OTHERS: (u32, &'static str) = (0o002, "change it: chmod o-w does not");

    fn put_in_force(&self, text: &str) -> Result<(), String> {
        let policy = Policy::parse(text).map_err(|error| error.to_string())?;
        log_in_force(&policy, &warnings(&policy), self.0.mode());
        self.0.replace(policy);
        Ok(())
    }

    fn count_unusable(&self, text: Option<&str>, why: &str) {
        let digest = text.map(Policy::fingerprint_of);
        self.0.count_unusable(digest.as_deref(), why);
    }
}

impl PolicyUse {
    /// What is in force by it.
    pub(super) fn in_force(&self) -> Arc<PolicyInForce> {
        Arc::clone(&self.0)
    }
}

/// Reads the policy, and puts it in force; the text goes with it.
///
/// # Errors
///
/// Where the file cannot be read, or has no good policy: no gateway starts without what it was told to enforce.
pub(super) fn load(
    path: PathBuf,
    mode: PolicyMode,
    audit: Option<&Arc<AuditLog>>,
    registry: &mut Registry,
) -> Result<(FollowedFile<PolicyUse>, String), Error> {
    let unusable = |why: String| {
        let path = path.display();
        Error::Fatal(format!("the policy {path} cannot be used: {why}"))
    };
    let text = read::<PolicyUse>(&path).map_err(unusable)?;
    let policy = Policy::parse(&text).map_err(|error| unusable(error.to_string()))?;
    log_in_force(&policy, &warnings(&policy), mode);
    let user = PolicyUse(PolicyInForce::new(policy, mode, audit.cloned(), registry));
    Ok((FollowedFile::new(path, user, registry), text))
}

fn warnings(policy: &Policy) -> Vec<String> {
    let shown = |PolicyWarning { place, message }| format!("{place}: {message}");
    policy.warnings().into_iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_every_user_may_change_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.toml");
        fs::write(&path, "").unwrap();
        for (mode, is_good) in [
            (0o600, true),
            (0o644, true),
            (0o664, true),
            (0o666, false),
            (0o602, false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read::<PolicyUse>(&path).is_ok(), is_good, "{mode:o}");
        }
    }
}
