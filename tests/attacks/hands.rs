//! `Hands`: what one client does to a store, over any of its protocols, and how it was answered.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::{StoreAnswer, StoreClient, StoreRequest};
use crate::zookeeper_hands::ZooKeeperHands;

/// The protocol of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StoreProtocol {
    Consul,
    Etcd,
    ZooKeeper,
}

/// An entry as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundEntry {
    pub(crate) value: String,
    /// The index that a comparison names.
    index: u64,
    /// The session that holds it; Consul's only.
    pub(crate) session: String,
}

impl FoundEntry {
    fn plain(value: String) -> Self {
        Self {
            value,
            index: 0,
            session: String::new(),
        }
    }
}

/// A client that remembers what refused it.
#[derive(Debug)]
pub(crate) struct Hands {
    pub(crate) protocol: StoreProtocol,
    client: StoreClient,
    refusals: RefCell<Vec<String>>,
    /// Its session of ZooKeeper's, from the first request on.
    zookeeper: RefCell<Option<ZooKeeperHands>>,
}

impl Hands {
    pub(crate) fn new(protocol: StoreProtocol, client: StoreClient) -> Self {
        Self {
            protocol,
            client,
            refusals: RefCell::default(),
            zookeeper: RefCell::default(),
        }
    }

    /// The first refusal, in a word.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.refusals.borrow().first().cloned()
    }

    /// The port and address, as a page's own.
    pub(crate) fn port(&self) -> u16 {
        self.client.to.port()
    }

    fn refused(&self, how: impl Into<String>) {
        self.refusals.borrow_mut().push(how.into());
    }

    /// Sends a request; `None` where it got no answer.
    pub(crate) fn ask(&self, request: &StoreRequest) -> Option<StoreAnswer> {
        match self.client.ask(request) {
            Ok(answer) => {
                let is_missing = answer.status == 404 && request.method == "GET";
                if !answer.is_success() && !is_missing {
                    self.refused(answer.status.to_string());
                }
                Some(answer)
            }
            Err(error) => {
                let is_closed = error.kind() == io::ErrorKind::ConnectionRefused;
                self.refused(if is_closed { "no port" } else { "handshake" });
                None
            }
        }
    }

    /// Whether what was asked for happened; Consul says `false` of a comparison that failed.
    fn done(&self, request: &StoreRequest) -> bool {
        let Some(answer) = self.ask(request) else {
            return false;
        };
        let is_false = self.protocol == StoreProtocol::Consul && answer.text().trim() == "false";
        if is_false {
            self.refused("false");
        }
        answer.is_success() && !is_false
    }

    /// Asks ZooKeeper; `None` where that refused or the session could not be begun.
    fn zookeeper<T>(
        &self,
        ask: impl FnOnce(&mut ZooKeeperHands) -> Result<T, String>,
    ) -> Option<T> {
        let mut hands = self.zookeeper.borrow_mut();
        if hands.is_none() {
            *hands = ZooKeeperHands::begin(&self.client);
        }
        let asked = match hands.as_mut() {
            Some(hands) => ask(hands),
            None => Err("no session".to_owned()),
        };
        asked.map_err(|how| self.refused(how)).ok()
    }

    /// The path of a key: Consul's keys of network records end with a slash, etcd's with none.
    fn path(&self, key: &str) -> String {
        match self.protocol {
            StoreProtocol::Consul if key.contains("docker/network/") => format!("/v1/kv/{key}/"),
            StoreProtocol::Consul => format!("/v1/kv/{key}"),
            StoreProtocol::Etcd => format!("/v2/keys/{key}"),
            StoreProtocol::ZooKeeper => format!("/{key}"),
        }
    }

    fn write(&self, path: String, value: &str, more: &[(&str, &str)]) -> bool {
        self.done(&match self.protocol {
            StoreProtocol::Consul => StoreRequest::new("PUT", path).body(value),
            StoreProtocol::Etcd => form("PUT", path, value, more),
            StoreProtocol::ZooKeeper => {
                return self.zookeeper(|hands| hands.put(&path, value)).is_some();
            }
        })
    }

    /// Puts without a condition.
    pub(crate) fn put(&self, key: &str, value: &str) -> bool {
        self.write(self.path(key), value, &[])
    }

    /// Puts where the entry is as it was read just before, or where there is none, as libnetwork does.
    pub(crate) fn swap(&self, key: &str, value: &str) -> bool {
        if self.protocol == StoreProtocol::ZooKeeper {
            let path = self.path(key);
            return self.zookeeper(|hands| hands.swap(&path, value)).is_some();
        }
        let found = self.read(key);
        let condition = match (self.protocol, found) {
            (StoreProtocol::Consul, found) => {
                format!("cas={}", found.map_or(0, |found| found.index))
            }
            (StoreProtocol::Etcd | StoreProtocol::ZooKeeper, Some(found)) => {
                format!("prevExist=true&prevIndex={}", found.index)
            }
            (StoreProtocol::Etcd | StoreProtocol::ZooKeeper, None) => "prevExist=false".to_owned(),
        };
        self.write(format!("{}?{condition}", self.path(key)), value, &[])
    }

    /// Changes a text in the value that is there.
    pub(crate) fn edit(&self, key: &str, from: &str, to: &str) -> bool {
        let Some(found) = self.read(key) else {
            return false;
        };
        self.swap(key, &found.value.replace(from, to))
    }

    /// Deletes where the entry is as it was read just before.
    pub(crate) fn delete(&self, key: &str) -> bool {
        let path = self.path(key);
        if self.protocol == StoreProtocol::ZooKeeper {
            return self.zookeeper(|hands| hands.delete(&path)).is_some();
        }
        let Some(FoundEntry { index, .. }) = self.read(key) else {
            return false;
        };
        let condition = match self.protocol {
            StoreProtocol::Consul => "cas",
            StoreProtocol::Etcd | StoreProtocol::ZooKeeper => "prevIndex",
        };
        let target = format!("{path}?{condition}={index}");
        self.done(&StoreRequest::new("DELETE", target))
    }

    /// Deletes everything beneath a directory.
    pub(crate) fn delete_tree(&self, directory: &str) -> bool {
        self.done(&match self.protocol {
            StoreProtocol::Consul => {
                StoreRequest::new("DELETE", format!("/v1/kv/{directory}/?recurse="))
            }
            StoreProtocol::Etcd => {
                StoreRequest::new("DELETE", format!("/v2/keys/{directory}?recursive=true"))
            }
            StoreProtocol::ZooKeeper => {
                let path = format!("/{directory}");
                return self.zookeeper(|hands| hands.delete_tree(&path)).is_some();
            }
        })
    }

    /// An entry, if it is there and shown.
    pub(crate) fn read(&self, key: &str) -> Option<FoundEntry> {
        let path = self.path(key);
        if self.protocol == StoreProtocol::ZooKeeper {
            let found = self.zookeeper(|hands| hands.read(&path))??;
            return Some(FoundEntry::plain(found));
        }
        let answer = match self.protocol {
            StoreProtocol::Consul => self.ask(&StoreRequest::new("GET", path))?,
            StoreProtocol::Etcd | StoreProtocol::ZooKeeper => {
                self.ask(&StoreRequest::new("GET", format!("{path}?quorum=true")))?
            }
        };
        if !answer.is_success() {
            return None;
        }
        let all = answer.json();
        match self.protocol {
            StoreProtocol::Consul => consul_entry(&all[0]).map(|(_, found)| found),
            StoreProtocol::Etcd | StoreProtocol::ZooKeeper => {
                let mut found = BTreeMap::new();
                etcd_entries(&all["node"], &mut found);
                found.into_values().next()
            }
        }
    }

    pub(crate) fn value(&self, key: &str) -> Option<String> {
        self.read(key).map(|found| found.value)
    }

    /// Everything beneath a directory that is shown, by etcd's spelling of the keys; all where it is empty.
    pub(crate) fn list(&self, directory: &str) -> BTreeMap<String, FoundEntry> {
        let mut found = BTreeMap::new();
        match self.protocol {
            StoreProtocol::Consul => {
                let target = format!("/v1/kv/{directory}?recurse=");
                let Some(answer) = self.ask(&StoreRequest::new("GET", target)) else {
                    return found;
                };
                let all = answer.json();
                let all = all.as_array().into_iter().flatten();
                for (key, entry) in all.filter_map(consul_entry) {
                    found.insert(key.trim_end_matches('/').to_owned(), entry);
                }
            }
            StoreProtocol::Etcd => {
                let target = format!("/v2/keys/{directory}?recursive=true&quorum=true");
                let Some(answer) = self.ask(&StoreRequest::new("GET", target)) else {
                    return found;
                };
                etcd_entries(&answer.json()["node"], &mut found);
            }
            StoreProtocol::ZooKeeper => {
                let path = format!("/{directory}");
                let listed = self.zookeeper(|hands| Ok(hands.list(&path)));
                for (key, value) in listed.unwrap_or_default() {
                    found.insert(key, FoundEntry::plain(value));
                }
            }
        }
        found
    }

    /// Leaves an entry of ZooKeeper's to nobody, by its access list.
    pub(crate) fn close_to_all(&self, key: &str) -> bool {
        let path = self.path(key);
        self.zookeeper(|hands| hands.close_to_all(&path)).is_some()
    }

    /// Lets an entry end by itself, with the value that it has: by a TTL of a second, or with a session that is ended.
    pub(crate) fn let_end(&self, key: &str) -> bool {
        let Some(found) = self.read(key) else {
            return false;
        };
        match self.protocol {
            StoreProtocol::Etcd => {
                let path = format!(
                    "{}?prevExist=true&prevIndex={}",
                    self.path(key),
                    found.index
                );
                self.write(path, &found.value, &[("ttl", "1")])
            }
            // It has no such request.
            StoreProtocol::ZooKeeper => false,
            StoreProtocol::Consul => {
                let session = self.session("delete");
                let path = format!("{}?acquire={session}", self.path(key));
                let is_held = self.write(path, &found.value, &[]);
                self.end_session(&session) && is_held
            }
        }
    }

    /// Puts with a TTL; etcd's only.
    pub(crate) fn put_for(&self, key: &str, value: &str, seconds: &str) -> bool {
        self.write(self.path(key), value, &[("ttl", seconds)])
    }

    /// Lets a directory of etcd's end by itself.
    pub(crate) fn let_directory_end(&self, directory: &str) -> bool {
        let target = format!("/v2/keys/{directory}?dir=true&prevExist=true&ttl=1");
        self.done(&StoreRequest::new("PUT", target))
    }

    /// Makes a session of Consul's; its id, or nothing where it is refused.
    pub(crate) fn session(&self, behavior: &str) -> String {
        let body = json!({"Behavior": behavior, "LockDelay": "1ms", "TTL": "600s"}).to_string();
        let request = StoreRequest::new("PUT", "/v1/session/create").body(body);
        let answer = self.ask(&request);
        let id = answer.and_then(|answer| answer.json()["ID"].as_str().map(str::to_owned));
        id.unwrap_or_default()
    }

    pub(crate) fn end_session(&self, session: &str) -> bool {
        self.done(&StoreRequest::new(
            "PUT",
            format!("/v1/session/destroy/{session}"),
        ))
    }

    /// The ids of all sessions that are shown.
    pub(crate) fn sessions(&self) -> Vec<String> {
        let answer = self.ask(&StoreRequest::new("GET", "/v1/session/list"));
        let all = answer.map(|answer| answer.json()).unwrap_or_default();
        let all = all.as_array().into_iter().flatten();
        all.filter_map(|session| session["ID"].as_str().map(str::to_owned))
            .collect()
    }

    /// Locks an entry of Consul's.
    pub(crate) fn acquire(&self, key: &str, value: &str, session: &str) -> bool {
        let path = format!("{}?acquire={session}", self.path(key));
        self.done(&StoreRequest::new("PUT", path).body(value))
    }

    pub(crate) fn release(&self, key: &str, session: &str) -> bool {
        let path = format!("{}?release={session}", self.path(key));
        self.done(&StoreRequest::new("PUT", path))
    }

    /// Puts in one transaction of Consul's.
    pub(crate) fn put_together(&self, entries: &[(&str, &str)]) -> bool {
        let steps: Vec<Value> = entries
            .iter()
            .map(|(key, value)| {
                let key = self.path(key).replacen("/v1/kv/", "", 1);
                json!({"KV": {"Verb": "set", "Key": key, "Value": STANDARD.encode(value)}})
            })
            .collect();
        let body = json!(steps).to_string();
        self.done(&StoreRequest::new("PUT", "/v1/txn").body(body))
    }

    /// Puts as a web page does, with these header lines of a browser.
    pub(crate) fn put_from_page(
        &self,
        key: &str,
        value: &str,
        headers: &[(&'static str, String)],
    ) -> bool {
        let path = self.path(key);
        let mut request = match self.protocol {
            StoreProtocol::Consul => StoreRequest::new("PUT", path).body(value),
            StoreProtocol::Etcd | StoreProtocol::ZooKeeper => form("PUT", path, value, &[]),
        };
        request.headers.extend(headers.iter().cloned());
        self.done(&request)
    }

    /// Submits a form to a directory of etcd's, which makes an entry with a number for its name.
    pub(crate) fn submit_form(
        &self,
        directory: &str,
        value: &str,
        headers: &[(&'static str, String)],
    ) -> bool {
        let mut request = form("POST", format!("/v2/keys/{directory}"), value, &[]);
        request.headers.extend(headers.iter().cloned());
        self.done(&request)
    }
}

fn form(method: &'static str, target: String, value: &str, more: &[(&str, &str)]) -> StoreRequest {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("value", value);
    body.extend_pairs(more);
    StoreRequest::new(method, target)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body.finish())
}

fn consul_entry(entry: &Value) -> Option<(String, FoundEntry)> {
    let value = STANDARD.decode(entry["Value"].as_str().unwrap_or_default());
    let found = FoundEntry {
        value: String::from_utf8_lossy(&value.ok()?).into_owned(),
        index: entry["ModifyIndex"].as_u64()?,
        session: entry["Session"].as_str().unwrap_or_default().to_owned(),
    };
    Some((entry["Key"].as_str()?.to_owned(), found))
}

fn etcd_entries(node: &Value, found: &mut BTreeMap<String, FoundEntry>) {
    if let (Some(key), Some(value)) = (node["key"].as_str(), node["value"].as_str()) {
        let entry = FoundEntry {
            value: value.to_owned(),
            index: node["modifiedIndex"].as_u64().unwrap_or_default(),
            session: String::new(),
        };
        found.insert(key.trim_start_matches('/').to_owned(), entry);
    }
    for child in node["nodes"].as_array().into_iter().flatten() {
        etcd_entries(child, found);
    }
}
