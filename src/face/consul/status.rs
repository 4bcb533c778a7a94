//! `/v1/status/leader` and `/v1/status/peers`: the one gateway, by the address the client reached it at.

use super::ask::Ask;
use super::options::Options;
use super::reply::{Answer, Reply};
use crate::face::go::json_write::push_strings;
use crate::face::go::push_json_string;

/// Who leads.
pub(super) fn leader(ask: &Ask<'_>) -> Answer {
    Options::parse(ask)?;
    ask.this_datacenter()?;
    let mut body = Vec::new();
    push_json_string(&mut body, ask.here.to_string().as_bytes());
    Ok(Reply::json(body))
}

/// Who there is.
pub(super) fn peers(ask: &Ask<'_>) -> Answer {
    Options::parse(ask)?;
    ask.this_datacenter()?;
    let mut body = Vec::new();
    push_strings(&mut body, [ask.here.to_string()]);
    Ok(Reply::json(body))
}
