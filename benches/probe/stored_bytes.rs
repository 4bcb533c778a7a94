//! The sizes of entries' objects in the etcd of a Kubernetes cluster.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::client::Client;

/// The prefix under which the API server stores them.
const UNDER: &str = "/registry/kubekv.io/entries/";

/// The first key after them.
const BEYOND: &str = "/registry/kubekv.io/entries0";

/// Prints a line for each entry: the bytes of its value, of its object with its etcd key, and of the object's managed
/// fields; then its realm and key.
pub async fn print(etcd: SocketAddr, namespace: &str) {
    let under = format!("{UNDER}{namespace}/");
    let range = json!({
        "key": BASE64_STANDARD.encode(&under),
        "range_end": BASE64_STANDARD.encode(BEYOND),
    });
    let mut client = Client::connect(etcd).await;
    let answer = client
        .send("POST", "/v3/kv/range", &range.to_string())
        .await;
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    for pair in answer["kvs"].as_array().unwrap() {
        let bytes = |field: &str| {
            BASE64_STANDARD
                .decode(pair[field].as_str().unwrap())
                .unwrap()
        };
        let (key, stored) = (bytes("key"), bytes("value"));
        if !key.starts_with(under.as_bytes()) {
            continue;
        }
        let object: Value = serde_json::from_slice(&stored).unwrap();
        let spec = &object["spec"];
        let value = match (spec["value"].as_str(), spec["valueBase64"].as_str()) {
            (Some(text), _) => text.len(),
            (None, Some(base64)) => BASE64_STANDARD.decode(base64).unwrap().len(),
            (None, None) => 0,
        };
        let managed = &object["metadata"]["managedFields"];
        let managed = managed.as_array().map_or(0, |_| managed.to_string().len());
        println!(
            "{value} {} {managed} {} {}",
            key.len() + stored.len(),
            spec["realm"].as_str().unwrap_or("user"),
            spec["key"].as_str().unwrap_or("?")
        );
    }
}
