//! An entry as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::face::go::json_write::Object;
use crate::model::{Entry, Key};
use crate::space::PENDING;

/// Writes an entry as Consul does. An empty value is `null`, as is one that is not to be shown. `revision` stands for
/// the commit that is only now giving the entry its revision.
pub(in crate::face::consul) fn push_entry(
    out: &mut Vec<u8>,
    key: &Key,
    entry: &Entry,
    with_value: bool,
    revision: u64,
) {
    let known = |index: u64| if index == PENDING { revision } else { index };
    let attrs = entry.attrs();
    let mut object = Object::new(out)
        .plain("LockIndex", attrs.lock_index)
        .text("Key", key.as_bytes())
        .plain("Flags", attrs.flags);
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
        .plain("CreateIndex", known(entry.created()))
        .plain("ModifyIndex", known(entry.index()))
        .end();
}

fn push_base64(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    let begin = out.len();
    out.resize(begin + value.len().div_ceil(3) * 4, b'=');
    if let Some(place) = out.get_mut(begin..) {
        // There is room for all of it.
        let _written = STANDARD.encode_slice(value, place);
    }
    out.push(b'"');
}
