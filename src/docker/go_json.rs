//! JSON as Go's `encoding/json` writes it: without spaces, and with `<`, `>`, `&` and two line separators escaped.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

/// Encodes a value.
pub fn encode(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(256);
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes,
        GoFormatter,
    ))?;
    Ok(bytes)
}

/// Decodes a record.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(bytes)
}

/// A value that its record has as a string of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NestedJson<T>(pub T);

impl<T: Serialize> Serialize for NestedJson<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = encode(&self.0).map_err(serde::ser::Error::custom)?;
        let text = String::from_utf8(bytes).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for NestedJson<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        serde_json::from_str(&text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// The escapes that Go adds to the usual ones.
struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut written = 0;
        for (at, character) in fragment.char_indices() {
            let escape = match character {
                '<' => "\\u003c",
                '>' => "\\u003e",
                '&' => "\\u0026",
                '\u{2028}' => "\\u2028",
                '\u{2029}' => "\\u2029",
                _ => continue,
            };
            let verbatim = fragment.get(written..at).unwrap_or_default();
            writer.write_all(verbatim.as_bytes())?;
            writer.write_all(escape.as_bytes())?;
            written = at + character.len_utf8();
        }
        writer.write_all(fragment.get(written..).unwrap_or_default().as_bytes())
    }

    /// Go of 2023 has no short form of backspace and form feed.
    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        let escape = match escape {
            CharEscape::Backspace => CharEscape::AsciiControl(0x08),
            CharEscape::FormFeed => CharEscape::AsciiControl(0x0c),
            other @ (CharEscape::Quote
            | CharEscape::ReverseSolidus
            | CharEscape::Solidus
            | CharEscape::LineFeed
            | CharEscape::CarriageReturn
            | CharEscape::Tab
            | CharEscape::AsciiControl(_)) => other,
        };
        CompactFormatter.write_char_escape(writer, escape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_as_go_escapes_it() {
        let text = "<nil> & \u{2028}\"\\ü\u{8}\n";
        assert_eq!(
            String::from_utf8(encode(&text).unwrap()).unwrap(),
            r#""\u003cnil\u003e \u0026 \u2028\"\\ü\u0008\n""#
        );
    }

    #[test]
    fn a_nested_value_is_a_string_of_json() {
        let nested = NestedJson(vec!["<a>"]);
        let bytes = encode(&nested).unwrap();
        assert_eq!(bytes, br#""[\"\\u003ca\\u003e\"]""#);
        assert_eq!(
            decode::<NestedJson<Vec<String>>>(&bytes).unwrap().0,
            ["<a>"]
        );
    }
}
