//! `Records` of a store, and the writes of real daemons that were recorded.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{RecordChange, RecordLookup, RecordRefusal};
use crate::docker::RecordPlace;

pub(super) const ETCD: &str = include_str!("../../../tests/docker_workload/recorded/etcd.jsonl");
pub(super) const CONSUL: &str =
    include_str!("../../../tests/docker_workload/recorded/consul.jsonl");
pub(super) const ZOOKEEPER: &str =
    include_str!("../../../tests/docker_workload/recorded/zookeeper.jsonl");

/// A store of keys in one of the two spellings.
#[derive(Clone, Default)]
pub(super) struct Records(pub(super) BTreeMap<Vec<u8>, Vec<u8>>);

impl RecordLookup for Records {
    fn value(&self, keys: [Vec<u8>; 2]) -> Option<Vec<u8>> {
        keys.iter().find_map(|key| self.0.get(key)).cloned()
    }

    fn find(&self, directory: &[u8], is_enough: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
        let from = self.0.range(directory.to_vec()..);
        let mut beneath = from.take_while(|(key, _)| key.starts_with(directory));
        let _found = beneath.any(|(key, value)| is_enough(key, value));
    }
}

/// Who makes a change, and how.
#[derive(Clone, Copy)]
pub(super) struct By {
    pub(super) host: &'static str,
    pub(super) compares: bool,
    pub(super) may_delete: bool,
}

pub(super) const A: By = By {
    host: "10.99.0.1",
    compares: true,
    may_delete: true,
};
pub(super) const B: By = By {
    host: "10.99.0.2",
    ..A
};

impl Records {
    pub(super) fn judge(
        &self,
        by: By,
        key: &str,
        after: Option<&[u8]>,
    ) -> Result<(), RecordRefusal> {
        let place = RecordPlace::of(key.as_bytes());
        let Some(place) = place else { return Ok(()) };
        let mut later = self.clone();
        match after {
            Some(value) => drop(later.0.insert(key.as_bytes().to_vec(), value.to_vec())),
            None => drop(later.0.remove(key.as_bytes())),
        }
        let change = RecordChange {
            place: &place,
            before: self.0.get(key.as_bytes()).map(Vec::as_slice),
            after,
            compares: by.compares,
            host: Some(by.host.parse().unwrap()),
            may_delete: by.may_delete,
        };
        let unknown = change.judge(&later)?;
        assert_eq!(unknown, None);
        Ok(())
    }

    pub(super) fn make(&mut self, by: By, key: &str, after: Option<&[u8]>) {
        let judged = self.judge(by, key, after);
        assert_eq!(
            judged,
            Ok(()),
            "{key} {:?}",
            after.map(<[u8]>::escape_ascii)
        );
        match after {
            Some(value) => drop(self.0.insert(key.as_bytes().to_vec(), value.to_vec())),
            None => drop(self.0.remove(key.as_bytes())),
        }
    }

    /// The one key with this in it.
    pub(super) fn key(&self, part: &str) -> String {
        let mut keys = self
            .0
            .keys()
            .map(|key| String::from_utf8(key.clone()).unwrap());
        keys.find(|key| key.contains(part)).unwrap()
    }

    pub(super) fn text(&self, key: &str) -> String {
        String::from_utf8(self.0[key.as_bytes()].clone()).unwrap()
    }
}

/// A write that was recorded.
pub(super) struct Recorded {
    pub(super) step: String,
    pub(super) by: By,
    pub(super) key: String,
    pub(super) after: Option<Vec<u8>>,
}

pub(super) fn recorded(lines: &str) -> Vec<Recorded> {
    lines.lines().filter_map(one).collect()
}

fn one(line: &str) -> Option<Recorded> {
    let line: Value = serde_json::from_str(line).unwrap();
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let status = line["status"].as_i64();
    let body = text("body");
    let (path, query) = text("target").split_once('?').map_or_else(
        || (text("target"), String::new()),
        |(path, query)| (path.to_owned(), query.to_owned()),
    );
    let key = path
        .strip_prefix("/v2/keys/")
        .or_else(|| path.strip_prefix("/v1/kv/"));
    let key = key.unwrap_or_else(|| path.trim_start_matches('/'));
    let method = text("method");
    let (after, compares) = match (method.as_str(), status) {
        ("PUT", Some(200 | 201)) if path.starts_with("/v2/") => {
            let value = body.split('&').find_map(|pair| pair.strip_prefix("value="));
            let value = value.unwrap_or_default().replace('+', " ");
            let decoded = percent_encoding::percent_decode_str(&value).collect();
            (Some(decoded), query.contains("prevIndex="))
        }
        ("PUT", Some(200)) if path.starts_with("/v1/kv/") => {
            if text("answer").contains("false") {
                return None;
            }
            (Some(body.into_bytes()), query.contains("cas="))
        }
        ("create" | "setData", Some(0)) => (
            Some(body.into_bytes()),
            line["version"].as_i64().is_some_and(|version| version >= 0),
        ),
        ("DELETE", Some(200)) | ("delete", Some(0)) => (None, true),
        _ => return None,
    };
    // The recordings of etcd and ZooKeeper have the same places without a slash.
    let key = if path.starts_with("/v1/") {
        key
    } else {
        key.trim_end_matches('/')
    };
    let mut by = if text("host") == "a" { A } else { B };
    by.compares = compares;
    Some(Recorded {
        step: text("step"),
        by,
        // Real daemons found this shape behind a gateway that names children by their whole paths.
        key: key
            .rsplit_once("/docker/network")
            .map_or(key.to_owned(), |(_, own)| format!("docker/network{own}")),
        after,
    })
}
