//! `kubekv policy check`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::checked_policy::{CheckedPolicy, read};
use crate::cli::exit::CommandError;
use crate::cli::kv::print;

/// The options of `kubekv policy check`.
#[derive(Debug, Args)]
pub(super) struct PolicyCheck {
    /// The policy: in TOML, or a manifest of its objects, whose name ends in .yaml, .yml or .json; or kubernetes:[NAMESPACE], the
    /// objects in a cluster
    file: PathBuf,
}

impl PolicyCheck {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let Self { file } = self;
        let CheckedPolicy {
            shown,
            policy,
            warnings,
            objects,
        } = read(&file)?;
        let mut said = String::new();
        // Writing to a string does not fail.
        for (place, message) in &warnings {
            let _never = writeln!(said, "{shown}{place}: warning: {message}");
        }
        let (rules, count) = (policy.rule_count(), warnings.len());
        let quotas = match policy.quota_count() {
            0 => String::new(),
            quotas => format!("quotas {quotas}, "),
        };
        let objects = match objects {
            None => String::new(),
            Some(count) => format!("objects {count}, "),
        };
        let fingerprint = policy.fingerprint();
        let _never = writeln!(
            said,
            "{shown}: can be used: {objects}rules {rules}, {quotas}warnings {count}, sha256:{fingerprint}"
        );
        print::bytes(said.as_bytes())
    }
}
