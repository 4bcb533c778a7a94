//! Transactions of 430 KB.

use std::sync::Arc;

use super::{Attack, AttackedFace, nothing};
use crate::client::crowd;
use crate::client::request::put;
use crate::fill::{set, value};
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "big-transactions",
    face: AttackedFace::Consul,
    row: "16 transactions of 430 KB",
    ahead_ms: 1000,
    max_connections: 0,
    prepare: |_stage| nothing(),
    strike: |stage| Box::pin(strike(stage)),
};

async fn strike(stage: Arc<Stage>) {
    crowd(&stage, 16, |mut attacker| async move {
        let bytes = attacker.stage.pick(5_000, 500);
        let operations = (0..63).map(|key| {
            let key = format!("hostile/big/{}/{key}", attacker.number);
            set(&key, &value(attacker.number, bytes))
        });
        let body = format!("[{}]", operations.collect::<Vec<_>>().join(","));
        let request = put("/v1/txn", body.as_bytes());
        while attacker.goes_on() {
            attacker.ask(&request).await;
        }
    })
    .await;
}
