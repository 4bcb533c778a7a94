//! Sessions of 100 ms, each with a lock, as fast as they can be created, and lists of them.

use std::sync::Arc;

use super::{Attack, AttackedFace, nothing};
use crate::client::crowd;
use crate::client::request::{get, put};
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "session-flood",
    face: AttackedFace::Consul,
    row: "session flood, 100 ms",
    ahead_ms: 1000,
    max_connections: 0,
    prepare: |_stage| nothing(),
    strike: |stage| Box::pin(strike(stage)),
};

/// The clients that create, and the sessions between two lists.
const CLIENTS: usize = 16;
const BETWEEN: usize = 100;

async fn strike(stage: Arc<Stage>) {
    crowd(&stage, CLIENTS, |mut attacker| async move {
        let body = br#"{"TTL":"100ms","Behavior":"delete","LockDelay":"0s"}"#;
        let create = put("/v1/session/create", body);
        while attacker.goes_on() {
            let Some(answer) = attacker.ask(&create).await else {
                continue;
            };
            let text = answer.text();
            if let Some(id) = text.split('"').nth(3) {
                let (number, round) = (attacker.number, attacker.round);
                let target = format!("/v1/kv/hostile/locks/{number}-{round}?acquire={id}");
                attacker.ask(&put(&target, b"v")).await;
            }
            if attacker.round % BETWEEN == attacker.number {
                attacker.ask(&get("/v1/session/list")).await;
            }
        }
    })
    .await;
}
