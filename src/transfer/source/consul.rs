//! Consul, over its HTTP API: a list of keys is as of one index.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use super::http::{Servers, escaped};
use crate::config::SourceAccess;
use crate::transfer::{Error, Item, Left, Listing, shown};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    flags: u64,
    /// In Base64; nothing where it is empty.
    value: Option<String>,
    #[serde(default)]
    session: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Session {
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
    let servers = Servers::new("Consul", &[address.to_owned()], access)?;
    let prefix = escaped(prefix);
    let answer = servers
        .get(format!("/v1/kv/{prefix}?recurse&consistent"))
        .await?;
    listing.index = answer.number("x-consul-index");
    let entries: Vec<Entry> = if answer.status == 404 && answer.is_empty() {
        Vec::new()
    } else {
        answer.json()?
    };
    drop(answer);
    // Afterwards: who holds a key that was listed is still there, or its end shows when all is read again.
    let sessions: Vec<Session> = servers.get("/v1/session/list".to_owned()).await?.json()?;
    for session in &sessions {
        let name = if session.name.is_empty() {
            session.id.clone()
        } else {
            format!("{} ({})", session.id, session.name.escape_debug())
        };
        listing.leave(Left::Session, name);
    }
    let ends: HashMap<&str, &str> = sessions
        .iter()
        .map(|session| (session.id.as_str(), session.behavior.as_str()))
        .collect();
    for entry in entries {
        take(listing, entry, &ends)?;
    }
    Ok(())
}

fn take(listing: &mut Listing, entry: Entry, ends: &HashMap<&str, &str>) -> Result<(), Error> {
    // Consul's JSON has this in the place of bytes that are no UTF-8: the key's real name is not known.
    if entry.key.contains(char::REPLACEMENT_CHARACTER) {
        listing.leave(Left::UnknownName, shown(entry.key.as_bytes()));
        return Ok(());
    }
    if let Some(session) = entry.session.filter(|session| !session.is_empty()) {
        let held = format!(
            "{} (by {})",
            shown(entry.key.as_bytes()),
            session.escape_debug()
        );
        if ends.get(session.as_str()) == Some(&"delete") {
            listing.leave(Left::Ephemeral, held);
            return Ok(());
        }
        listing.leave(Left::Lock, held);
    }
    let value = STANDARD
        .decode(entry.value.unwrap_or_default())
        .map_err(|_| {
            let key = shown(entry.key.as_bytes());
            Error::Refused(format!(
                "this is not what Consul answers: the value of {key} is no Base64"
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
