//! An entry as Consul tells it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::cli::exit::{self, Failure};

/// An entry in Consul's own words, which `--json` prints as they are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::cli) struct Entry {
    pub(in crate::cli) lock_index: u64,
    pub(in crate::cli) key: String,
    pub(in crate::cli) flags: u64,
    /// In Base64; nothing where it is empty.
    pub(in crate::cli) value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) session: Option<String>,
    pub(in crate::cli) create_index: u64,
    pub(in crate::cli) modify_index: u64,
}

impl Entry {
    /// The value's bytes.
    pub(in crate::cli) fn bytes(&self) -> Result<Vec<u8>, Failure> {
        let value = self.value.as_deref().unwrap_or_default();
        STANDARD.decode(value).map_err(|error| {
            let line = format!("the gateway's answer holds no Base64: {error}");
            Failure::new(exit::REFUSED, line)
        })
    }
}
