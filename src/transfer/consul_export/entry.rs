//! One entry of an export.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde_json::value::RawValue;

use super::go_json::{DecodedObject, folds_to, kind, text};
use crate::transfer::Item;

/// Base64 as Go decodes it: padded, and with any value in the unused bits of the last character.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// The fields of an entry that matter to an import.
#[derive(Debug, Default)]
pub(super) struct EntryFields {
    pub(super) key: String,
    flags: u64,
    value: String,
    namespace: String,
    partition: String,
    pub(super) session: String,
}

impl EntryFields {
    /// Reads an entry's fields; the error says what is wrong with the entry.
    pub(super) fn read(&mut self, entry: &RawValue) -> Result<(), String> {
        let Ok(DecodedObject(mut fields)) = serde_json::from_str(entry.get()) else {
            return Err(format!("it is {}, not an object", kind(entry)));
        };
        // The key first: errors about other fields name it. Of repeated fields the last one counts.
        fields.sort_by_key(|(name, _)| !folds_to(name, "key"));
        for (name, value) in fields {
            if value.get() == "null" {
                continue;
            }
            let text = || text(&name, value);
            match () {
                () if folds_to(&name, "key") => self.key = text()?,
                () if folds_to(&name, "value") => self.value = text()?,
                () if folds_to(&name, "namespace") => self.namespace = text()?,
                () if folds_to(&name, "partition") => self.partition = text()?,
                // `consul kv import` ignores sessions: one that is not a text is no error.
                () if folds_to(&name, "session") => self.session = text().unwrap_or_default(),
                () if folds_to(&name, "flags") => {
                    self.flags = serde_json::from_str(value.get()).map_err(|_| {
                        let (name, kind) = (name.escape_debug(), kind(value));
                        format!(
                            "its field \"{name}\" is {kind}, not a whole number from 0 to {}",
                            u64::MAX
                        )
                    })?;
                }
                () => {}
            }
        }
        Ok(())
    }

    /// The entry as an item; the error says what is wrong with the entry.
    pub(super) fn item(&self) -> Result<Item, String> {
        for (name, text) in [
            ("namespace", &self.namespace),
            ("partition", &self.partition),
        ] {
            if !matches!(text.as_str(), "" | "default") {
                return Err(format!(
                    "its field \"{name}\" is set, but there are no {name}s here"
                ));
            }
        }
        if self.key.is_empty() {
            return Err("it has no field \"key\", or an empty one".to_owned());
        }
        if self.key.starts_with('/') {
            return Err(
                "its field \"key\" begins with a slash, as no key of Consul's does".to_owned(),
            );
        }
        // Go skips line ends in Base64.
        let base64: Vec<u8> = self
            .value
            .bytes()
            .filter(|byte| !b"\r\n".contains(byte))
            .collect();
        let value = BASE64.decode(base64);
        let value = value.map_err(|_| "its field \"value\" is not Base64".to_owned())?;
        Ok(Item {
            value: Bytes::from(value),
            flags: self.flags,
            ..Item::default()
        })
    }
}
