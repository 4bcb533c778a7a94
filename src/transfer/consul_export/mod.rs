//! Consul's key/value JSON: the format of `consul kv export`, read as `consul kv import` reads it.
//!
//! That command decodes with Go's `encoding/json`: field names in any case, unknown fields ignored, `null` for a field
//! that is not set. So it also takes what `/v1/kv/?recurse` answers, and so does this.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Error, Item, Left, LeftOut, shown};

/// Base64 as Go reads it: padded, and with any bits where the last character has some too many.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// An entry as `consul kv export` writes it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The key.
    pub key: String,
    /// The flags.
    pub flags: u64,
    /// The value, in Base64.
    pub value: String,
}

/// What an export holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// The entries, in their order.
    pub entries: Vec<(String, Item)>,
    /// The locks, which only Consul's API tells: the entries are there, and free.
    pub left_out: Vec<LeftOut>,
}

impl Export {
    /// Whether data is meant to be an export: an array, or Go's `null` for one.
    pub fn is_meant(data: &[u8]) -> bool {
        let data = data.trim_ascii();
        data.starts_with(b"[") || data == b"null"
    }

    /// Reads a whole export. Errors name the entry and the field, and hold no values.
    pub fn parse(data: &[u8]) -> Result<Self, Error> {
        let wrong = |what: String| Error::Input(format!("the data is no export of Consul: {what}"));
        let text = String::from_utf8_lossy(data);
        if !Self::is_meant(text.as_bytes()) {
            return Err(wrong("it is no JSON array of entries".to_owned()));
        }
        let entries: Option<Vec<&RawValue>> = serde_json::from_str(&text)
            .map_err(|error| wrong(format!("its JSON ends or is wrong: {error}")))?;
        let mut export = Self::default();
        for (place, entry) in entries.unwrap_or_default().into_iter().enumerate() {
            let mut read = Fields::default();
            let outcome = read.take(entry).and_then(|()| {
                // Go writes the entry under a key that nobody has ever given it.
                let is_replaced = read.key.contains(char::REPLACEMENT_CHARACTER);
                if is_replaced && matches!(text, Cow::Owned(_)) {
                    return Err("its key is not UTF-8".to_owned());
                }
                read.item()
            });
            let item = outcome.map_err(|what| {
                let key = match read.key.as_str() {
                    "" => String::new(),
                    key => format!(" (\"{}\")", shown(key.as_bytes())),
                };
                wrong(format!("entry {}{key}: {what}", place + 1))
            })?;
            if !read.session.is_empty() {
                let name = format!(
                    "{} (by {})",
                    shown(read.key.as_bytes()),
                    read.session.escape_debug()
                );
                export.left_out.push(LeftOut {
                    left: Left::Lock,
                    name,
                });
            }
            export.entries.push((read.key, item));
        }
        Ok(export)
    }
}

/// The fields of an entry that mean something.
#[derive(Debug, Default)]
struct Fields {
    key: String,
    flags: u64,
    value: String,
    namespace: String,
    partition: String,
    session: String,
}

impl Fields {
    /// Takes in an entry; the error says what is wrong with it.
    fn take(&mut self, entry: &RawValue) -> Result<(), String> {
        let Ok(Object(mut fields)) = serde_json::from_str(entry.get()) else {
            return Err(format!("it is {}, not an object", kind(entry)));
        };
        // The key first: it is in the words about all others. Of fields that are there twice the last one counts.
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
                // `consul kv import` looks at no session: what it is matters only where it is one.
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

    fn item(&self) -> Result<Item, String> {
        for (name, text) in [
            ("namespace", &self.namespace),
            ("partition", &self.partition),
        ] {
            if !matches!(text.as_str(), "" | "default") {
                return Err(format!(
                    "its field \"{name}\" names one: there are no {name}s here"
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
        // Go passes over the ends of lines in Base64.
        let base64: Vec<u8> = self
            .value
            .bytes()
            .filter(|byte| !b"\r\n".contains(byte))
            .collect();
        let value = BASE64.decode(base64);
        let value = value.map_err(|_| "its field \"value\" is no Base64".to_owned())?;
        Ok(Item {
            value: Bytes::from(value),
            flags: self.flags,
            ..Item::default()
        })
    }
}

/// Whether Go takes a name for that of a field, which is in small letters: it tells no capitals, and two letters that
/// are no ASCII have an ASCII one as their small one.
fn folds_to(name: &str, field: &str) -> bool {
    let fold = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    name.chars().map(fold).eq(field.chars())
}

fn text(name: &str, value: &RawValue) -> Result<String, String> {
    serde_json::from_str(value.get()).map_err(|_| {
        format!(
            "its field \"{}\" is {}, not a text",
            name.escape_debug(),
            kind(value)
        )
    })
}

/// What a JSON value is, without what it says.
fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(_) | None => "a number",
    }
}

/// An object's fields as they came.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Deserialize<'a> for Object<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'a> Visitor<'a> for Fields {
            type Value = Object<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(data: &[u8]) -> String {
        let Err(Error::Input(line)) = Export::parse(data) else {
            panic!("{} is taken", data.escape_ascii());
        };
        assert!(!line.contains("secret"), "{line}");
        line
    }

    #[test]
    fn what_is_no_export_is_refused_by_entry_and_field() {
        for (data, words) in [
            (&b"{}"[..], "no JSON array"),
            (b"", "no JSON array"),
            (b"\xff", "no JSON array"),
            (b"[{}]", "entry 1: it has no field \"key\""),
            (b"[", "line 1 column 1"),
            (b"[] secret", "line 1 column 4"),
            (b"[null]", "entry 1: it is null"),
            (b"[\"secret\"]", "entry 1: it is a text"),
            (b"[{\"key\":\"\\ud800\"}]", "entry 1: its field \"key\""),
            (
                br#"[{"key":"b"},{"Flags":-1,"Key":"a"}]"#,
                "entry 2 (\"a\"): its field \"Flags\" is a number, not a whole",
            ),
            (br#"[{"key":"a","flags":1.0}]"#, "\"flags\" is a number"),
            (
                br#"[{"key":"a","flags":18446744073709551616}]"#,
                "\"flags\"",
            ),
            (br#"[{"key":"a","flags":"secret"}]"#, "\"flags\" is a text"),
            (
                br#"[{"key":"a","value":"*secret"}]"#,
                "entry 1 (\"a\"): its field \"value\" is no Base64",
            ),
            (
                br#"[{"key":"a","VALUE":{"secret":1}}]"#,
                "\"VALUE\" is an object, not a text",
            ),
            (br#"[{"key":"a","value":"MQ"}]"#, "\"value\""),
            (
                br#"[{"key":["secret"]}]"#,
                "entry 1: its field \"key\" is an array",
            ),
            (br#"[{"key":""}]"#, "\"key\""),
            (br#"[{"key":"/a"}]"#, "slash"),
            (br#"[{"key":"a","namespace":"n"}]"#, "\"namespace\""),
            (br#"[{"key":"a","Partition":"n"}]"#, "\"partition\""),
            (b"[{\"key\":\"a\xff\"}]", "not UTF-8"),
        ] {
            let line = refused(data);
            assert!(line.contains(words), "{}: {line}", data.escape_ascii());
        }
    }

    #[test]
    fn fields_are_taken_as_go_takes_them() {
        for (data, flags, value) in [
            (&br#"[{"key":"a","flags":18446744073709551615,"value":"/w==","namespace":"default"}]"#[..], u64::MAX, &b"\xff"[..]),
            (br#" [ {"KEY":"a","Flags":7,"vaLue":"MQ=="} ] "#, 7, b"1"),
            (br#"[{"key":"a"}]"#, 0, b""),
            (br#"[{"key":"a","flags":null,"value":null,"Session":null}]"#, 0, b""),
            (br#"[{"key":"b","flags":1,"Key":"a","FLAGS":2}]"#, 2, b""),
            ("[{\"\u{212a}ey\":\"a\",\"flag\u{17f}\":3}]".as_bytes(), 3, b""),
            (br#"[{"key":"a","value":"M\nQ=\r=","session":5,"more":{"deep":[[[]]]}}]"#, 0, b"1"),
            (br#"[{"key":"a","value":"MR=="}]"#, 0, b"1"),
            (b"[{\"key\":\"a\",\"other\":\"\xff\"}]", 0, b""),
        ] {
            let export = Export::parse(data).unwrap();
            let item = Item { value: Bytes::copy_from_slice(value), flags, ..Item::default() };
            assert_eq!(export.entries, [("a".to_owned(), item)], "{}", data.escape_ascii());
            assert_eq!(export.left_out, []);
        }
        for data in [&b"[]"[..], b" null\n"] {
            assert_eq!(Export::parse(data), Ok(Export::default()));
        }
    }

    #[test]
    fn what_consuls_api_answers_is_an_export_without_its_locks() {
        let data = br#"[{"LockIndex":1,"Key":"a/b","Flags":42,"Value":"aGk=","Session":"5b","CreateIndex":9,"ModifyIndex":10},
            {"LockIndex":0,"Key":"a/dir/","Flags":0,"Value":null,"CreateIndex":11,"ModifyIndex":11}]"#;
        let export = Export::parse(data).unwrap();
        let keys: Vec<&str> = export.entries.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["a/b", "a/dir/"]);
        assert_eq!(export.entries[0].1.flags, 42);
        assert_eq!(export.left_out[0].name, "a/b (by 5b)");
    }
}
