//! Lists of keys alone (`?keys`) of a large keyspace, each after a change.

use std::io;
use std::sync::Arc;

use super::{Attack, AttackedFace};
use crate::client::crowd;
use crate::client::request::{get, put};
use crate::fill;
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "key-lists",
    face: AttackedFace::Consul,
    row: "16 of ?keys, 200,000 keys",
    ahead_ms: 1000,
    max_connections: 0,
    prepare: |stage| Box::pin(prepare(stage)),
    strike: |stage| Box::pin(strike(stage)),
};

async fn prepare(stage: Arc<Stage>) -> io::Result<()> {
    let key = |number| format!("hostile/keys/{number:06}");
    fill::consul(&stage, stage.pick(200_000, 2_000), key, 1).await
}

async fn strike(stage: Arc<Stage>) {
    crowd(&stage, 16, |mut attacker| async move {
        let own = format!("/v1/kv/hostile/keys/own-{}", attacker.number);
        while attacker.goes_on() {
            attacker
                .ask(&put(&own, &attacker.round.to_be_bytes()))
                .await;
            attacker.ask(&get("/v1/kv/?keys")).await;
        }
    })
    .await;
}
