//! The format of `consul kv export`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Error, Item};

/// An entry as `consul kv export` writes it and `consul kv import` reads it.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Exported {
    /// The key.
    pub key: String,
    /// The flags.
    pub flags: u64,
    /// The value, in Base64.
    pub value: String,
    /// Of Consul Enterprise; kubekv writes none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Of Consul Enterprise; kubekv writes none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub partition: String,
}

impl Exported {
    /// Reads a whole export, in its order. Errors hold no values.
    pub fn parse(data: &[u8]) -> Result<Vec<(String, Item)>, Error> {
        let wrong = |what: String| Error::Input(format!("the data is no export: {what}"));
        let entries: Vec<Self> = serde_json::from_slice(data).map_err(|error| {
            // Its own words can hold what it found.
            let (line, column) = (error.line(), error.column());
            wrong(format!("line {line}, column {column}"))
        })?;
        let items = entries.into_iter().map(|entry| {
            let Self {
                key,
                flags,
                value,
                namespace,
                partition,
            } = entry;
            let default = |name: &str| matches!(name, "" | "default");
            if !default(&namespace) || !default(&partition) {
                return Err(wrong(format!("{key}: there are no namespaces here")));
            }
            if key.trim_start_matches('/').is_empty() {
                return Err(wrong("an entry has no key".to_owned()));
            }
            let value = STANDARD.decode(value);
            let value = value.map_err(|_| wrong(format!("{key}: its value is no Base64")))?;
            let item = Item {
                value: Bytes::from(value),
                flags,
                ..Item::default()
            };
            Ok((key, item))
        });
        items.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_export_is_refused() {
        for data in [
            &b"{}"[..],
            b"[{}]",
            br#"[{"key":"a","flags":-1,"value":""}]"#,
            br#"[{"key":"a","flags":"secret","value":""}]"#,
            br#"[{"key":"a","flags":0,"value":"*secret"}]"#,
            br#"[{"key":"","flags":0,"value":""}]"#,
            br#"[{"key":"a","flags":0,"value":"","namespace":"n"}]"#,
            b"\xff",
        ] {
            let Err(Error::Input(line)) = Exported::parse(data) else {
                panic!("{} is taken", data.escape_ascii());
            };
            assert!(!line.contains("secret"), "{line}");
        }
        let good =
            br#"[{"key":"a","flags":18446744073709551615,"value":"/w==","namespace":"default"}]"#;
        let items = Exported::parse(good).unwrap();
        assert_eq!(
            (items[0].1.flags, &items[0].1.value[..]),
            (u64::MAX, &b"\xff"[..])
        );
    }
}
