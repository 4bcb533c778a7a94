//! JSON of an entry.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::face::go::json_writer::JsonObject;
use crate::model::{Entry, Key};
use crate::space::PENDING;

/// Writes an entry as Consul does. The value is `null` where it is empty or not to be shown. An entry that its commit
/// has not yet given a revision gets `revision`.
pub(in crate::face::consul) fn push_entry(
    out: &mut Vec<u8>,
    key: &Key,
    entry: &Entry,
    with_value: bool,
    revision: u64,
) {
    let final_index = |index: u64| if index == PENDING { revision } else { index };
    let attrs = entry.attrs();
    let mut object = JsonObject::new(out)
        .display("LockIndex", attrs.lock_index)
        .text("Key", key.as_bytes())
        .display("Flags", attrs.flags);
    let value = object.field("Value");
    if with_value && !entry.value().is_empty() {
        push_base64(value, entry.value());
    } else {
        value.extend_from_slice(b"null");
    }
    if let Some(session) = attrs.lock {
        object = object.text("Session", session.to_string());
    }
    object
        .display("CreateIndex", final_index(entry.created()))
        .display("ModifyIndex", final_index(entry.index()))
        .end();
}

fn push_base64(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    let begin = out.len();
    out.resize(begin + value.len().div_ceil(3) * 4, b'=');
    if let Some(encoded) = out.get_mut(begin..) {
        // The slice is long enough, so that this cannot fail.
        let _written = STANDARD.encode_slice(value, encoded);
    }
    out.push(b'"');
}
