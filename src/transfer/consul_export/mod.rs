//! Consul's key/value JSON: the format of `consul kv export`, read as `consul kv import` reads it.
//!
//! That command decodes with Go's `encoding/json`: field names in any case, unknown fields ignored, `null` for a field
//! that is not set. So it also reads what `/v1/kv/?recurse` answers, and so does this module.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use self::entry::EntryFields;
use super::{Error, Item, LeftOut, LeftOutReason, shown};

mod entry;
mod go_json;
#[cfg(test)]
mod tests;

/// An entry as `consul kv export` writes it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ConsulEntry {
    /// The key.
    pub key: String,
    /// The flags.
    pub flags: u64,
    /// The value, in Base64.
    pub value: String,
}

/// A parsed export.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConsulExport {
    /// The entries, in their order.
    pub entries: Vec<(String, Item)>,
    /// The locks, which only answers of Consul's API contain: their entries are read, unlocked.
    pub left_out: Vec<LeftOut>,
}

impl ConsulExport {
    /// Whether data looks like an export: an array, or Go's `null` for one.
    pub fn is_meant(data: &[u8]) -> bool {
        let data = data.trim_ascii();
        data.starts_with(b"[") || data == b"null"
    }

    /// Reads a whole export. Errors name the entry and the field, and hold no values.
    pub fn parse(data: &[u8]) -> Result<Self, Error> {
        let invalid =
            |what: String| Error::Input(format!("the data is not an export of Consul: {what}"));
        let text = String::from_utf8_lossy(data);
        if !Self::is_meant(text.as_bytes()) {
            return Err(invalid("it is not a JSON array of entries".to_owned()));
        }
        let entries: Option<Vec<&RawValue>> = serde_json::from_str(&text)
            .map_err(|error| invalid(format!("its JSON is incomplete or invalid: {error}")))?;
        let mut export = Self::default();
        for (index, entry) in entries.unwrap_or_default().into_iter().enumerate() {
            let mut fields = EntryFields::default();
            let outcome = fields.read(entry).and_then(|()| {
                // Go would write the entry under a key with the replacement character, which no client ever wrote.
                let is_replaced = fields.key.contains(char::REPLACEMENT_CHARACTER);
                if is_replaced && matches!(text, Cow::Owned(_)) {
                    return Err("its key is not UTF-8".to_owned());
                }
                fields.item()
            });
            let item = outcome.map_err(|what| {
                let key = match fields.key.as_str() {
                    "" => String::new(),
                    key => format!(" (\"{}\")", shown(key.as_bytes())),
                };
                invalid(format!("entry {}{key}: {what}", index + 1))
            })?;
            if !fields.session.is_empty() {
                let name = format!(
                    "{} (by {})",
                    shown(fields.key.as_bytes()),
                    fields.session.escape_debug()
                );
                export.left_out.push(LeftOut {
                    reason: LeftOutReason::Lock,
                    name,
                });
            }
            export.entries.push((fields.key, item));
        }
        Ok(export)
    }
}
