//! An etcd, over its version 2 API: a recursive list is as of one index.

use bytes::Bytes;
use serde::Deserialize;

use super::http::{Servers, escaped};
use crate::config::SourceAccess;
use crate::model::DirMark;
use crate::transfer::{Error, Item, Left, Listing, shown};

#[derive(Deserialize)]
struct Answer {
    node: Node,
}

#[derive(Deserialize)]
struct Node {
    /// None for the root.
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    dir: bool,
    /// Seconds left.
    ttl: Option<i64>,
    #[serde(default)]
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "errorCode")]
    code: u32,
}

/// etcd's code for a key that is not there.
const NOT_FOUND: u32 = 100;

pub(super) async fn read(
    members: &[String],
    access: &SourceAccess,
    prefix: &[u8],
    listing: &mut Listing,
) -> Result<(), Error> {
    let servers = Servers::new("etcd", members, access)?;
    // The directory that all of it is in.
    let directory = prefix.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let directory = escaped(prefix.get(..directory).unwrap_or_default());
    let answer = servers
        .get(format!("/v2/keys/{directory}?recursive=true&quorum=true"))
        .await?;
    listing.index = answer.number("x-etcd-index");
    if answer.status == 404 {
        return match answer.parsed::<Failure>() {
            Ok(Failure { code: NOT_FOUND }) => Ok(()),
            // A server without this API has a page of its own.
            _ => Err(answer.refused()),
        };
    }
    let answer: Answer = answer.json()?;
    take(listing, answer.node, prefix);
    Ok(())
}

fn take(listing: &mut Listing, node: Node, prefix: &[u8]) {
    // What JSON has in the place of bytes that are no UTF-8: the real name is not known.
    let unknown = node.key.contains(char::REPLACEMENT_CHARACTER);
    let mut key = node.key.trim_start_matches('/').as_bytes().to_vec();
    let ttl_left_ms = node.ttl.map(|left| {
        // One that is about to be taken away has none left, or less.
        u64::try_from(left).unwrap_or(0).saturating_mul(1_000)
    });
    let mut dir = DirMark::No;
    if node.dir {
        // Made for its own sake where nothing else is a reason for it.
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
            listing.leave(Left::UnknownName, shown(&key));
        } else if ttl_left_ms == Some(0) {
            listing.leave(Left::Ended, shown(&key));
        } else {
            if node.value.contains(char::REPLACEMENT_CHARACTER) {
                listing.leave(Left::DoubtfulValue, shown(&key));
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
        take(listing, child, prefix);
    }
}
