//! `Names`: the placeholders of ids, addresses and indexes.

use std::collections::BTreeMap;

use crate::recorder::form::{is_done, is_write, key, parameter, value};
use crate::recorder::record::Record;
use crate::recorder::shim::Shim;

/// libnetwork's part of the keys.
const TREE: &str = "docker/network/v1.0/";

/// Parameters with an index.
const INDEXES: [&str; 4] = ["index", "waitIndex", "prevIndex", "cas"];

/// Placeholders by what they stand for. Networks, endpoints and pools are numbered in the order in which they were created.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    names: BTreeMap<String, String>,
    /// The address that each host announces.
    hosts: BTreeMap<String, String>,
}

fn is_id(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_uuid(word: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    word.len() == 36 && word.bytes().all(is_part) && word.matches('-').count() == 4
}

/// A text with each of its words (hexadecimal digits and dashes) replaced.
fn replace_words(text: &str, replace: impl Fn(&str) -> Option<String>) -> String {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '-';
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        replaced.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        replaced.push_str(&replace(word).unwrap_or_else(|| word.to_owned()));
        rest = &rest[end..];
    }
    replaced + rest
}

impl Names {
    /// The names in a recording that began with an empty store.
    pub(super) fn of(records: &[Record]) -> Self {
        let mut names = Self::default();
        for record in records.iter().filter(|record| is_write(record)) {
            let key = key(record);
            if let Some(address) = key.strip_prefix("docker/nodes/") {
                if value(record).is_some() {
                    names.hosts.insert(record.host.clone(), address.to_owned());
                }
            } else if is_done(record) {
                names.see(&key);
            }
        }
        names
    }

    fn see(&mut self, key: &str) {
        let Some(key) = key.strip_prefix(TREE) else {
            return;
        };
        let segments: Vec<&str> = key.split('/').collect();
        let (id, kind) = match segments[..] {
            ["network", id] => (id.to_owned(), "network"),
            ["endpoint", _, id] => (id.to_owned(), "endpoint"),
            ["ipam", _, "data", _, net, length] => (format!("{net}/{length}"), "pool"),
            _ => return,
        };
        if !self.names.contains_key(&id) {
            let prefix = format!("{{{kind}");
            let others = self.names.values().filter(|name| name.starts_with(&prefix));
            let name = format!("{prefix}{}}}", others.count() + 1);
            self.names.insert(id, name);
        }
    }

    /// A text of a host with placeholders for ids and addresses.
    pub(super) fn text(&self, host: &str, text: &str) -> String {
        let mut text = text.to_owned();
        for (other, address) in &self.hosts {
            let name = if other == host { "{self}" } else { "{peer}" };
            text = text.replace(address, name);
        }
        for (id, name) in self.names.iter().filter(|(id, _)| id.contains('/')) {
            text = text.replace(id, name);
            // ZooKeeper's parent of it.
            let (net, _) = id.split_once('/').unwrap_or_default();
            if let Some(parent) = text
                .strip_suffix(net)
                .filter(|parent| parent.ends_with('/'))
            {
                text = format!("{parent}{{net of {}", &name[1..]);
            }
        }
        // What has an endpoint, but is no network of the store, is a network of the host alone.
        let is_local = |word: &str| is_id(word) && !self.names.contains_key(word);
        for word in text.clone().split(['/', '?']).filter(|word| is_local(word)) {
            text = text.replace(&format!("endpoint/{word}"), "endpoint/{local network}");
        }
        let text = replace_words(&text, |word| {
            let known = self.names.get(word).cloned();
            let session = is_uuid(word).then(|| "{session}".to_owned());
            known.or(session)
        });
        replace_words(&text, |word| {
            is_id(word).then(|| "{local endpoint}".to_owned())
        })
    }

    /// A form without the numbers of networks, endpoints and pools: for one of many.
    pub(super) fn unnumbered(&self, form: &str) -> String {
        let mut form = form.to_owned();
        for name in self.names.values() {
            let kind = name.trim_end_matches(|c: char| c == '}' || c.is_ascii_digit());
            form = form.replace(name, &format!("{kind}}}"));
        }
        form
    }

    /// A target of a host with placeholders for ids, addresses and indexes, and with no path doubled by ZooKeeper's lists.
    pub(super) fn target(&self, host: &str, target: &str) -> String {
        let child = Shim::child_of_doubled(target);
        let target = child.as_deref().unwrap_or(target);
        let mut text = self.text(host, target);
        for name in INDEXES {
            let Some(number) = parameter(target, name).filter(|number| *number != "0") else {
                continue;
            };
            for before in ['?', '&'] {
                let old = format!("{before}{name}={number}");
                text = text.replace(&old, &format!("{before}{name}={{index}}"));
            }
        }
        text
    }
}
