//! Changes of what belongs to a host: its node, and its endpoints.

use std::net::IpAddr;

use super::{IllegalChange, Neighbours, RecordChange, addresses};
use crate::docker::check::{CheckedEndpoint, node_host};
use crate::docker::record_place::RecordKind;

impl RecordChange<'_> {
    /// Whether a host is another than the one that makes the change, as far as both are known by their addresses.
    pub(super) fn is_other(&self, host: &str) -> bool {
        match (self.host, host.parse::<IpAddr>()) {
            (Some(own), Ok(host)) => own != host.to_canonical(),
            (None, _) | (_, Err(_)) => false,
        }
    }

    fn is_other_node(&self) -> bool {
        let RecordKind::Node(address) = self.place.kind else {
            return false;
        };
        node_host(address).is_some_and(|host| self.is_other(host))
    }

    pub(super) fn judge_node(&self) -> Result<(), IllegalChange> {
        if self.is_other_node() {
            Err(IllegalChange::OtherHost)
        } else {
            Ok(())
        }
    }

    pub(super) fn judge_node_delete(&self) -> Result<(), IllegalChange> {
        if self.is_other_node() {
            Err(IllegalChange::OtherHostInUse)
        } else {
            Ok(())
        }
    }

    pub(super) fn judge_endpoint(
        &self,
        before: Option<&CheckedEndpoint>,
        after: &CheckedEndpoint,
        beside: &Neighbours<'_>,
    ) -> Result<(), IllegalChange> {
        if self.is_other(&after.locator) {
            return Err(IllegalChange::OtherHost);
        }
        if before.is_some_and(|before| before.locator != after.locator) {
            return Err(IllegalChange::LocatorChanges);
        }
        addresses::judge_endpoint(before, after, beside)
    }

    /// Anybody may delete what a host left that is gone: `docker network disconnect --force` does.
    pub(super) fn judge_endpoint_delete(
        &self,
        endpoint: &CheckedEndpoint,
        beside: &Neighbours<'_>,
    ) -> Result<(), IllegalChange> {
        if self.is_other(&endpoint.locator) && beside.is_up(&endpoint.locator) {
            Err(IllegalChange::OtherHostInUse)
        } else {
            Ok(())
        }
    }
}
