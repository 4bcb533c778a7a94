//! The policy's file: read at the start, and again and again, so that a change of it is in force within a second.
//!
//! It is read, not watched: a mounted `ConfigMap` changes by a symbolic link far above the file. What two readings in a row find
//! comes into force, so that nothing half written does. A policy that cannot be used is refused, and the last good one stays.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::task::spawn_blocking;

use super::in_force_log::log_in_force;
use crate::gateway::error::Error;
use crate::guard::policy::{Policy, PolicyWarning};
use crate::guard::{AuditLog, PolicyInForce, PolicyMode};

/// The pause between two readings: what is written is in force after two of them.
const PAUSE: Duration = Duration::from_millis(300);

/// A policy's file, and the policy that was read from it.
#[derive(Debug)]
pub(super) struct PolicyFile {
    path: PathBuf,
    in_force: Arc<PolicyInForce>,
}

/// What the last readings found.
#[derive(Debug)]
pub(super) struct PolicyReadings {
    /// The text in force.
    current: String,
    /// What the last reading found, if that is not in force.
    last: Option<String>,
    /// Why the last text, or the file, could not be used: logged once.
    complaint: Option<String>,
}

impl PolicyFile {
    /// Reads the policy; the text goes with it.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or has no good policy: no gateway starts without what it was told to enforce.
    pub(super) fn load(
        path: PathBuf,
        mode: PolicyMode,
        audit: Option<&Arc<AuditLog>>,
        registry: &mut Registry,
    ) -> Result<(Self, PolicyReadings), Error> {
        let unusable = |why: String| {
            Error::Fatal(format!(
                "the policy {} cannot be used: {why}",
                path.display()
            ))
        };
        let text = read(&path).map_err(unusable)?;
        let policy = Policy::parse(&text).map_err(|error| unusable(error.to_string()))?;
        log_in_force(&policy, &warnings(&policy), mode);
        let readings = PolicyReadings {
            current: text,
            last: None,
            complaint: None,
        };
        let in_force = PolicyInForce::new(policy, mode, audit.cloned(), registry);
        Ok((Self { path, in_force }, readings))
    }

    /// What is in force by it.
    pub(super) fn in_force(&self) -> Arc<PolicyInForce> {
        Arc::clone(&self.in_force)
    }

    /// Follows the file, without end.
    #[expect(
        clippy::infinite_loop,
        reason = "its task is aborted when the gateway stops"
    )]
    pub(super) async fn follow(self, readings: PolicyReadings) {
        let own = Arc::new((self, Mutex::new(readings)));
        loop {
            tokio::time::sleep(PAUSE).await;
            let own = Arc::clone(&own);
            // Beside the runtime: for quotas that are new, all entries are counted. A reading that panicked was logged.
            let _read = spawn_blocking(move || {
                let (file, readings) = own.as_ref();
                file.take(read(&file.path), &mut readings.lock());
            })
            .await;
        }
    }

    fn take(&self, found: Result<String, String>, readings: &mut PolicyReadings) {
        let text = match found {
            Ok(text) => text,
            Err(why) => return self.complain((why, None), readings),
        };
        if text == readings.current {
            readings.last = None;
            if readings.complaint.take().is_some() {
                tracing::info!("policy: the file has what is in force again");
            }
            return;
        }
        if readings.last.as_ref() != Some(&text) {
            readings.last = Some(text);
            return;
        }
        match Policy::parse(&text) {
            Ok(policy) => {
                log_in_force(&policy, &warnings(&policy), self.in_force.mode());
                self.in_force.replace(policy);
                (readings.last, readings.complaint) = (None, None);
                readings.current = text;
            }
            Err(error) => self.complain((error.to_string(), Some(&text)), readings),
        }
    }

    /// Tells once that the file cannot be used.
    fn complain(&self, (why, text): (String, Option<&str>), readings: &mut PolicyReadings) {
        if readings.complaint.as_ref() != Some(&why) {
            let digest = text.map(Policy::fingerprint_of);
            self.in_force.count_unusable(digest.as_deref(), &why);
            let file = self.path.display();
            tracing::error!(%file, "policy: the file cannot be used; the last good policy stays in force: {why}");
            readings.complaint = Some(why);
        }
    }
}

fn warnings(policy: &Policy) -> Vec<String> {
    let shown = |PolicyWarning { place, message }| format!("{place}: {message}");
    policy.warnings().into_iter().map(shown).collect()
}

/// The text of a file, which is no longer than a policy may be.
fn read(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    let file = std::fs::File::open(path).map_err(failed)?;
    let most = u64::try_from(Policy::MAX_BYTES).unwrap_or(u64::MAX);
    let mut text = String::new();
    // One byte more, so that one that is too long is seen to be.
    let mut file = file.take(most.saturating_add(1));
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
