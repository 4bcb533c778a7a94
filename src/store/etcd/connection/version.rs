//! The version of etcd, and a warning where it has known bugs that matter here.

use std::time::Duration;

use super::pool::ConnectionPool;
use crate::store::shared::metrics::StoreVerb;

/// Logs the member's version, and a warning where it has known bugs.
pub(crate) async fn log_version(pool: &ConnectionPool, timeout: Duration) {
    let status = pool.call(StoreVerb::Get, timeout, |client| {
        let mut client = client.maintenance_client();
        async move { client.status().await }
    });
    match status.await {
        Ok(status) => {
            tracing::info!(version = status.version(), "etcd");
            if let Some(line) = warning(status.version()) {
                tracing::warn!("{line}");
            }
        }
        Err(error) => {
            tracing::warn!(%error, "cannot read etcd's version: not checked for known bugs");
        }
    }
}

/// The warning about a version, in one line.
fn warning(version: &str) -> Option<String> {
    let mut parts = version.split(['.', '-', '+']).map(str::parse::<u64>);
    let (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) =
        (parts.next(), parts.next(), parts.next())
    else {
        return Some(format!(
            "etcd says that its version is {version:?}: not checked for known bugs"
        ));
    };
    // Where renewals of revoked leases succeed, and older bugs of watches, are fixed.
    let fixed = match (major, minor) {
        (3, 4) => 38,
        (3, 5) => 23,
        (3, 6) => 5,
        (3, minor) if minor > 6 => 0,
        _ => {
            return Some(format!(
                "etcd {version} is not supported: kubekv is made for 3.4, 3.5 and 3.6"
            ));
        }
    };
    (patch < fixed).then(|| {
        format!(
            "etcd {version} has known bugs in leases and watches: upgrade it to {major}.{minor}.{fixed} or later. kubekv \
             uses none of its leases, but a change that its watch loses reaches no client before the next full list"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_with_known_bugs_is_warned_about() {
        for old in ["3.4.23", "3.4.37", "3.5.22", "3.6.0", "3.6.4", "3.6.4-rc.1"] {
            let line = warning(old).unwrap();
            assert!(line.starts_with(&format!("etcd {old} has known")), "{line}");
        }
        for fine in ["3.4.38", "3.5.23", "3.6.5", "3.6.12", "3.7.0-alpha"] {
            assert_eq!(warning(fine), None);
        }
        assert!(warning("2.3.8").unwrap().contains("not supported"));
        assert!(warning("").unwrap().contains("not checked"));
    }
}
