//! JSON of 4 MiB, of small pieces that mean nothing, where transactions and sessions are expected.

use std::sync::Arc;

use super::{Attack, AttackedFace, nothing};
use crate::client::crowd;
use crate::client::request::put;
use crate::stage::Stage;

/// The attack. Each server takes so much at another place: kubekv as a transaction, Consul as a session.
pub(super) const ATTACK: Attack = Attack {
    name: "json-bodies",
    face: AttackedFace::Consul,
    row: "8 JSON of 4 MiB",
    ahead_ms: 1000,
    max_connections: 0,
    prepare: |_stage| nothing(),
    strike: |stage| Box::pin(strike(stage)),
};

async fn strike(stage: Arc<Stage>) {
    // Just below kubekv's limit of a transaction.
    let bytes = stage.pick(4 << 20, 256 << 10) - 64;
    let transaction = format!("[{}{{}}]", "{},".repeat(bytes / 3));
    let session = format!(r#"{{"Unknown":[{}0]}}"#, "0,".repeat(bytes / 2));
    let requests: Arc<[Vec<u8>]> = [
        put("/v1/txn", transaction.as_bytes()),
        put("/v1/session/create", session.as_bytes()),
    ]
    .into();
    crowd(&stage, 8, move |mut attacker| {
        let requests = Arc::clone(&requests);
        async move {
            while attacker.goes_on() {
                for request in &*requests {
                    attacker.ask(request).await;
                }
            }
        }
    })
    .await;
}
