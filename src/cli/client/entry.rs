//! `KvEntry`: an entry as Consul's KV API returns it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::cli::exit::{self, CommandError};

/// An entry with Consul's field names, which `--json` prints unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::cli) struct KvEntry {
    pub(in crate::cli) lock_index: u64,
    pub(in crate::cli) key: String,
    pub(in crate::cli) flags: u64,
    /// The value in Base64; `None` where it is empty.
    pub(in crate::cli) value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) session: Option<String>,
    pub(in crate::cli) create_index: u64,
    pub(in crate::cli) modify_index: u64,
}

impl KvEntry {
    /// The value's bytes.
    pub(in crate::cli) fn bytes(&self) -> Result<Vec<u8>, CommandError> {
        let value = self.value.as_deref().unwrap_or_default();
        STANDARD.decode(value).map_err(|error| {
            let line = format!("the gateway's answer has a value that is not Base64: {error}");
            CommandError::new(exit::REFUSED, line)
        })
    }
}
