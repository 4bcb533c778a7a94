//! Body of a transaction: decoded and validated as Consul does.

use base64::DecodeError;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::StatusCode;

use crate::face::consul::json_decoder::{self, mismatch, unknown_field};
use crate::face::consul::kv::verbs::ValueAndFlags;
use crate::face::consul::reply::Reply;
use crate::face::go::{Json, first_value, quote};
use crate::model::Key;

/// The largest number of operations in one transaction (Consul's `maxTxnOps`).
const MAX_OPS: usize = 64;

/// Base64 as Go's decoder accepts it: padded, with any bits past the end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// An operation on entries (Consul's `KVTxnOp`).
#[derive(Clone, Debug)]
pub(super) struct TxnOp {
    /// The verb; any text.
    pub(super) verb: String,
    /// The key it acts on.
    pub(super) key: Key,
    /// Value and flags to write.
    pub(super) content: ValueAndFlags,
    /// The index to check against.
    pub(super) index: u64,
    /// The session that locks or unlocks, or to check against.
    pub(super) session: String,
}

/// Reason why a transaction is refused before it is tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TxnParseError {
    /// The body cannot be decoded.
    #[error("Failed to parse body: {0}")]
    Body(String),
    /// There are too many operations.
    #[error("Transaction contains too many operations ({0} > {MAX_OPS})")]
    TooMany(usize),
    /// A value is too long.
    #[error("Value for key {key} is too large ({len} > {limit} bytes)")]
    ValueTooLong {
        /// Its key, quoted.
        key: String,
        /// Its length, in bytes.
        len: usize,
        /// The most allowed.
        limit: usize,
    },
    /// An operation is not on entries.
    #[error("transactions on {0} are not implemented by kubekv")]
    NotEntries(&'static str),
}

impl TxnParseError {
    /// The answer to the client.
    pub(super) fn into_reply(self) -> Reply {
        let status = match self {
            Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::TooMany(_) | Self::ValueTooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotEntries(_) => StatusCode::NOT_IMPLEMENTED,
        };
        Reply::text(status, self.to_string())
    }
}

impl TxnOp {
    /// One of which no field was sent.
    fn empty() -> Self {
        Self {
            verb: String::new(),
            key: Key::user(""),
            content: ValueAndFlags {
                value: Bytes::new(),
                flags: 0,
            },
            index: 0,
            session: String::new(),
        }
    }

    /// Whether the verb writes. A verb that Consul does not have counts as a read.
    pub(super) fn writes(&self) -> bool {
        matches!(
            self.verb.as_str(),
            "set" | "delete" | "delete-cas" | "delete-tree" | "cas" | "lock" | "unlock"
        )
    }
}

/// Parses a body; `limit` is the longest value, in bytes.
pub(super) fn parse(body: &[u8], limit: usize) -> Result<Vec<TxnOp>, TxnParseError> {
    let items = parse_items(body).map_err(TxnParseError::Body)?;
    if items.len() > MAX_OPS {
        return Err(TxnParseError::TooMany(items.len()));
    }
    let mut ops = Vec::with_capacity(items.len());
    for item in items {
        match item {
            TxnItem::Empty => {}
            TxnItem::Unsupported(what) => return Err(TxnParseError::NotEntries(what)),
            TxnItem::Entry(op) => {
                let len = op.content.value.len();
                if len > limit {
                    let key = quote(op.key.as_bytes());
                    return Err(TxnParseError::ValueTooLong { key, len, limit });
                }
                ops.push(op);
            }
        }
    }
    Ok(ops)
}

/// An element of the array.
enum TxnItem {
    /// Without an operation; Consul skips it.
    Empty,
    Entry(TxnOp),
    /// An operation on something else.
    Unsupported(&'static str),
}

fn parse_items(body: &[u8]) -> Result<Vec<TxnItem>, String> {
    let items = json_decoder::array(first_value(body)?, "value", "api.TxnOps")?;
    items.into_iter().flatten().map(parse_item).collect()
}

fn parse_item(item: Json) -> Result<TxnItem, String> {
    let Some(fields) = json_decoder::object(item, "value", "api.TxnOp")? else {
        // Consul closes the connection here.
        return Err("an operation is null".to_owned());
    };
    let mut entry = None;
    let mut other = None;
    for (name, value) in fields {
        let what = match json_decoder::field_name(&name).as_str() {
            "kv" => {
                entry = parse_entry(value, entry)?;
                continue;
            }
            "node" => "nodes",
            "service" => "services",
            "check" => "checks",
            _ => return Err(unknown_field(&name)),
        };
        if value != Json::Null {
            other = Some(what);
        }
    }
    Ok(match (entry, other) {
        (Some(op), _) => TxnItem::Entry(op),
        (None, Some(what)) => TxnItem::Unsupported(what),
        (None, None) => TxnItem::Empty,
    })
}

/// Parses an operation on entries. Where the field was there before, Go decodes into the operation that it has by then.
fn parse_entry(value: Json, before: Option<TxnOp>) -> Result<Option<TxnOp>, String> {
    let Some(fields) = json_decoder::object(value, "struct field TxnOp.KV", "api.KVTxnOp")? else {
        return Ok(None);
    };
    let mut op = before.unwrap_or_else(TxnOp::empty);
    for (name, value) in fields {
        match json_decoder::field_name(&name).as_str() {
            "verb" => set_text(&mut op.verb, value, "Verb", "api.KVOp")?,
            "key" => {
                if let Some(key) = json_decoder::text(value, &place("Key"), "string")? {
                    op.key = Key::user(key);
                }
            }
            "value" => op.content.value = parse_value(value)?,
            "flags" => set_number(&mut op.content.flags, &value, "Flags")?,
            "index" => set_number(&mut op.index, &value, "Index")?,
            "session" => set_text(&mut op.session, value, "Session", "string")?,
            "namespace" => set_text(&mut String::new(), value, "Namespace", "string")?,
            _ => return Err(unknown_field(&name)),
        }
    }
    Ok(Some(op))
}

fn place(field: &str) -> String {
    format!("struct field KVTxnOp.KV.{field}")
}

fn set_text(to: &mut String, value: Json, field: &str, wanted: &str) -> Result<(), String> {
    if let Some(text) = json_decoder::text(value, &place(field), wanted)? {
        *to = text;
    }
    Ok(())
}

fn set_number(to: &mut u64, value: &Json, field: &str) -> Result<(), String> {
    if let Some(number) = json_decoder::number(value, &place(field))? {
        *to = number;
    }
    Ok(())
}

/// A byte of a value; `null` is 0.
fn parse_byte(item: &Json) -> Result<u8, String> {
    match item {
        Json::Null => Ok(0),
        Json::Number(text) => text
            .parse()
            .map_err(|_| mismatch(item, &place("Value"), "uint8")),
        Json::Bool | Json::Text(_) | Json::Array(_) | Json::Object(_) => {
            Err(mismatch(item, &place("Value"), "uint8"))
        }
    }
}

/// A value in base64, or as an array of bytes, which Go takes too.
fn parse_value(value: Json) -> Result<Bytes, String> {
    if let Json::Array(items) = &value {
        return items.iter().map(parse_byte).collect();
    }
    let text = json_decoder::text(value, &place("Value"), "[]uint8")?.unwrap_or_default();
    let text: Vec<u8> = text
        .bytes()
        .filter(|byte| !b"\r\n".contains(byte))
        .collect();
    let decoded = BASE64.decode(&text).map_err(|error| {
        let place = match error {
            DecodeError::InvalidByte(place, _)
            | DecodeError::InvalidLastSymbol { offset: place, .. } => place,
            // Go reports where the last group of four begins.
            DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => text.len() / 4 * 4,
        };
        format!("illegal base64 data at input byte {place}")
    })?;
    Ok(decoded.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error_text(body: &str) -> String {
        parse(body.as_bytes(), 16).unwrap_err().to_string()
    }

    #[test]
    fn operations_are_parsed_by_consuls_rules() {
        let body = r#"[{"kv":{"VERB":"set","key":"a","Value":"aG\nk=","Flags":18446744073709551615,"Index":null}},{},{"KV":null},
            {"KV":{"Verb":"get","Key":"b","Value":[104,105]}}] and more"#;
        let ops = parse(body.as_bytes(), 16).unwrap();
        assert_eq!(ops.len(), 2);
        assert_eq!(
            (ops[0].verb.as_str(), ops[0].content.flags),
            ("set", u64::MAX)
        );
        assert!(ops.iter().all(|op| op.content.value == "hi"));
        assert!(ops[0].writes() && !ops[1].writes());
    }

    #[test]
    fn a_field_that_comes_twice_is_decoded_over_itself() {
        for (body, verb, key) in [
            (r#"[{"KV":{"Verb":"get"},"kv":{"Key":"a"}}]"#, "get", "a"),
            (
                r#"[{"KV":{"Verb":"get","Key":"a"},"KV":{"Verb":"set"}}]"#,
                "set",
                "a",
            ),
            (
                r#"[{"KV":{"Verb":"get","Key":"a"},"KV":null,"KV":{"Key":"b"}}]"#,
                "",
                "b",
            ),
            (
                r#"[{"KV":{"Verb":"get","Key":"a","Key":null}}]"#,
                "get",
                "a",
            ),
            (
                r#"[{"\u212av":{"Ver\u0062":"get","\u212aey":"a"}}]"#,
                "get",
                "a",
            ),
        ] {
            let ops = parse(body.as_bytes(), 16).unwrap();
            let op = ops.first().unwrap();
            assert_eq!(
                (op.verb.as_str(), &op.key),
                (verb, &Key::user(key)),
                "{body}"
            );
        }
        assert!(
            parse(br#"[{"KV":{"Verb":"get"},"KV":null}]"#, 16)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn refusals_have_consuls_messages() {
        for (body, expected) in [
            ("", "Failed to parse body: EOF"),
            (
                "{}",
                "Failed to parse body: json: cannot unmarshal object into Go value of type api.TxnOps",
            ),
            (
                r#"[{"KV":{"Bogus":1}}]"#,
                r#"Failed to parse body: json: unknown field "Bogus""#,
            ),
            (
                r#"[{"Bogus":1}]"#,
                r#"Failed to parse body: json: unknown field "Bogus""#,
            ),
            (
                r#"[{"KV":{"Value":"!!"}}]"#,
                "Failed to parse body: illegal base64 data at input byte 0",
            ),
            (
                r#"[{"KV":{"Value":1}}]"#,
                "Failed to parse body: json: cannot unmarshal number into Go struct field KVTxnOp.KV.Value of type []uint8",
            ),
            (
                r#"[{"KV":{"Flags":-1}}]"#,
                "Failed to parse body: json: cannot unmarshal number -1 into Go struct field KVTxnOp.KV.Flags of type uint64",
            ),
            (
                r#"[{"KV":{"Key":"k","Value":"MDEyMzQ1Njc4OTAxMjM0NTY3"}}]"#,
                r#"Value for key "k" is too large (18 > 16 bytes)"#,
            ),
            (
                r#"[{"Node":{"Verb":"get"}}]"#,
                "transactions on nodes are not implemented by kubekv",
            ),
        ] {
            assert_eq!(error_text(body), expected, "{body}");
        }
        let many = format!("[{}{{}}]", "{},".repeat(64));
        assert_eq!(
            error_text(&many),
            "Transaction contains too many operations (65 > 64)"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes: Vec<u8>) {
            let _ops = parse(&bytes, 16);
        }

        #[test]
        fn no_json_like_a_transaction_causes_a_panic(
            name in "(KV|kv|Node|Check|x)",
            field in "(Verb|Key|Value|Flags|Index|Session|x)",
            value in "(null|true|-?[0-9]{1,22}(\\.5)?|\"[a-zA-Z0-9=/]{0,8}\"|\\[[0-9]{0,3}\\]|\\{\\})",
        ) {
            let _ops = parse(format!(r#"[{{"{name}":{{"{field}":{value}}}}}]"#).as_bytes(), 16);
        }
    }
}
