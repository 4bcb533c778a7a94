//! Listings read from a file: a dump, or an export of Consul.

use super::digest::fingerprint;
use super::{ConsulExport, Error, Listing, dump};
use crate::model::time;

impl Listing {
    /// Reads a dump, or what `consul kv export` wrote or Consul's API answered. TTLs continue with what was left of them.
    pub fn parse(data: &[u8]) -> Result<Self, Error> {
        let read_ms = time::unix_ms();
        if !ConsulExport::is_meant(data) {
            return dump::parse(data, read_ms);
        }
        let ConsulExport { entries, left_out } = ConsulExport::parse(data)?;
        Ok(Self {
            origin: format!("an export of Consul ({})", fingerprint(data)),
            read_ms,
            items: entries
                .into_iter()
                .map(|(key, item)| (key.into_bytes(), item))
                .collect(),
            left_out,
            ..Self::default()
        })
    }
}
