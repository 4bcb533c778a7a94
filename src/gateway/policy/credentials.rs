//! The credentials' file, and what puts it in force.

use std::path::Path;
use std::sync::Arc;

use prometheus_client::registry::Registry;

use super::followed_file::{FileUser, FollowedFile, read};
use crate::gateway::error::Error;
use crate::guard::PolicyInForce;
use crate::guard::credentials::CredentialTable;
use crate::guard::policy::Policy;

/// The credentials that their file has in force.
#[derive(Debug)]
pub(super) struct CredentialUse(Arc<PolicyInForce>);

impl FileUser for CredentialUse {
    const NAME: &'static str = "credentials";
    const MAX_BYTES: usize = CredentialTable::MAX_BYTES;

    /// Hashes of passwords can be tried out by whoever has them.
    const NOT_FOR_OTHERS: (u32, &'static str) = (
        0o007,
        "use it: chmod o= does not (defaultMode: 0440 of a Secret)",
    );

    fn put_in_force(&self, text: &str) -> Result<(), String> {
        let table = CredentialTable::parse(text).map_err(|error| error.to_string())?;
        log_in_force(&table);
        self.0.replace_credentials(table);
        Ok(())
    }

    fn count_unusable(&self, text: Option<&str>, why: &str) {
        let digest = text.map(Policy::fingerprint_of);
        self.0.count_unusable_credentials(digest.as_deref(), why);
    }

    fn tick(&self) {
        self.0.expire_credentials();
    }
}

/// Reads the credentials, and puts them in force beside a policy; the text goes with them.
///
/// # Errors
///
/// Where the file cannot be read or used.
pub(super) fn load(
    path: &Path,
    in_force: &Arc<PolicyInForce>,
    registry: &mut Registry,
) -> Result<(FollowedFile<CredentialUse>, String), Error> {
    let unusable = |why: String| {
        let path = path.display();
        Error::Fatal(format!("the credentials {path} cannot be used: {why}"))
    };
    let text = read::<CredentialUse>(path).map_err(unusable)?;
    let table = CredentialTable::parse(&text).map_err(|error| unusable(error.to_string()))?;
    log_in_force(&table);
    in_force
        .begin_credentials(table, registry)
        .map_err(unusable)?;
    let user = CredentialUse(Arc::clone(in_force));
    let file = FollowedFile::new(path.to_owned(), user, registry);
    Ok((file, text))
}

fn log_in_force(table: &CredentialTable) {
    let (tokens, users) = (table.tokens().len(), table.users().len());
    let sha256 = table.fingerprint();
    tracing::info!(tokens, users, sha256, "credentials: in force");
}
