//! etcd as a source, over its version 2 API: a recursive list is as of one index.

use bytes::Bytes;
use serde::Deserialize;

use super::http::HttpClient;
use crate::config::SourceAccess;
use crate::model::DirMark;
use crate::transfer::{Error, Item, LeftOutReason, Listing, escape_key, printable};

#[derive(Deserialize)]
struct KeysResponse {
    node: KeyNode,
}

#[derive(Deserialize)]
struct KeyNode {
    /// The key; empty for the root.
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    dir: bool,
    /// The seconds left of the TTL.
    ttl: Option<i64>,
    #[serde(default)]
    nodes: Vec<KeyNode>,
}

#[derive(Deserialize)]
struct ErrorResponse {
    #[serde(rename = "errorCode")]
    code: u32,
}

/// etcd's error code for a key that does not exist.
const NOT_FOUND: u32 = 100;

pub(super) async fn read(
    members: &[String],
    access: &SourceAccess,
    prefix: &[u8],
    listing: &mut Listing,
) -> Result<(), Error> {
    let client = HttpClient::new("etcd", members, access)?;
    // The directory that contains all keys with the prefix.
    let directory = prefix.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let directory = escape_key(prefix.get(..directory).unwrap_or_default());
    let response = client
        .get(format!("/v2/keys/{directory}?recursive=true&quorum=true"))
        .await?;
    listing.index = response.number("x-etcd-index");
    if response.status == 404 {
        return match response.parsed::<ErrorResponse>() {
            Ok(ErrorResponse { code: NOT_FOUND }) => Ok(()),
            // A server without this API answers with another page.
            _ => Err(response.refused()),
        };
    }
    let answer: KeysResponse = response.json()?;
    add_nodes(listing, answer.node, prefix);
    Ok(())
}

fn add_nodes(listing: &mut Listing, node: KeyNode, prefix: &[u8]) {
    // etcd's JSON has this character in place of bytes that are not UTF-8: the key's bytes are unknown.
    let unknown = node.key.contains(char::REPLACEMENT_CHARACTER);
    let mut key = node.key.trim_start_matches('/').as_bytes().to_vec();
    let ttl_left_ms = node.ttl.map(|left| {
        // A node that is about to be deleted has zero or fewer seconds left.
        u64::try_from(left).unwrap_or(0).saturating_mul(1_000)
    });
    let mut dir = DirMark::No;
    if node.dir {
        // Assume that a directory was made explicitly if no key in it explains that it exists.
        dir = if node.nodes.is_empty() || ttl_left_ms.is_some() {
            DirMark::Made
        } else {
            DirMark::Implied
        };
        key.push(b'/');
    }
    let root = node.key.is_empty() || node.key == "/";
    if !root && key.starts_with(prefix) {
        if unknown {
            listing.leave_out(LeftOutReason::UnknownName, printable(&key));
        } else if ttl_left_ms == Some(0) {
            listing.leave_out(LeftOutReason::Ended, printable(&key));
        } else {
            if node.value.contains(char::REPLACEMENT_CHARACTER) {
                listing.leave_out(LeftOutReason::DoubtfulValue, printable(&key));
            }
            let item = Item {
                value: Bytes::from(node.value),
                dir,
                ttl_left_ms,
                ..Item::default()
            };
            listing.items.insert(key, item);
        }
    }
    for child in node.nodes {
        add_nodes(listing, child, prefix);
    }
}
