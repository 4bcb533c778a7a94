//! Consul as a source, over its HTTP API: a list of keys is as of one index.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use super::http::HttpClient;
use crate::config::SourceAccess;
use crate::transfer::{Error, Item, LeftOutReason, Listing, escape_key, printable};

/// An entry of a list of keys.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedEntry {
    key: String,
    flags: u64,
    /// The value in Base64; `None` if it is empty.
    value: Option<String>,
    #[serde(default)]
    session: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListedSession {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    behavior: String,
}

pub(super) async fn read(
    address: &str,
    access: &SourceAccess,
    prefix: &[u8],
    listing: &mut Listing,
) -> Result<(), Error> {
    let client = HttpClient::new("Consul", &[address.to_owned()], access)?;
    let prefix = escape_key(prefix);
    let response = client
        .get(format!("/v1/kv/{prefix}?recurse&consistent"))
        .await?;
    listing.index = response.number("x-consul-index");
    let entries: Vec<ListedEntry> = if response.status == 404 && response.is_empty() {
        Vec::new()
    } else {
        response.json()?
    };
    drop(response);
    // Sessions are listed after the keys: a session that holds a listed key still exists, or its end shows when all is
    // read again.
    let sessions: Vec<ListedSession> = client.get("/v1/session/list".to_owned()).await?.json()?;
    for session in &sessions {
        let name = if session.name.is_empty() {
            session.id.clone()
        } else {
            format!("{} ({})", session.id, session.name.escape_debug())
        };
        listing.leave_out(LeftOutReason::Session, name);
    }
    let behaviors: HashMap<&str, &str> = sessions
        .iter()
        .map(|session| (session.id.as_str(), session.behavior.as_str()))
        .collect();
    for entry in entries {
        add_entry(listing, entry, &behaviors)?;
    }
    Ok(())
}

fn add_entry(
    listing: &mut Listing,
    entry: ListedEntry,
    behaviors: &HashMap<&str, &str>,
) -> Result<(), Error> {
    // Consul's JSON has this character in place of bytes that are not UTF-8: the key's bytes are unknown.
    if entry.key.contains(char::REPLACEMENT_CHARACTER) {
        listing.leave_out(LeftOutReason::UnknownName, printable(entry.key.as_bytes()));
        return Ok(());
    }
    if let Some(session) = entry.session.filter(|session| !session.is_empty()) {
        let held = format!(
            "{} (by {})",
            printable(entry.key.as_bytes()),
            session.escape_debug()
        );
        if behaviors.get(session.as_str()) == Some(&"delete") {
            listing.leave_out(LeftOutReason::Ephemeral, held);
            return Ok(());
        }
        listing.leave_out(LeftOutReason::Lock, held);
    }
    let value = STANDARD
        .decode(entry.value.unwrap_or_default())
        .map_err(|_| {
            let key = printable(entry.key.as_bytes());
            Error::Refused(format!(
                "this is not what Consul answers: the value of {key} is not Base64"
            ))
        })?;
    let item = Item {
        value: Bytes::from(value),
        flags: entry.flags,
        ..Item::default()
    };
    listing.items.insert(entry.key.into_bytes(), item);
    Ok(())
}
