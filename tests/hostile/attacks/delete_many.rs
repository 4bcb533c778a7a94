//! One recursive delete of 300,000 keys.

use std::io;
use std::sync::Arc;

use super::{Attack, AttackedFace};
use crate::client::crowd;
use crate::client::request::delete;
use crate::fill;
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "delete-many",
    face: AttackedFace::Consul,
    row: "one delete of 300,000 keys",
    ahead_ms: 0,
    max_connections: 0,
    prepare: |stage| Box::pin(prepare(stage)),
    strike: |stage| Box::pin(strike(stage)),
};

async fn prepare(stage: Arc<Stage>) -> io::Result<()> {
    let keys = stage.pick(300_000, 3_000);
    let key = |number| format!("hostile/many/{number:06}");
    fill::consul(&stage, keys, key, 10).await
}

async fn strike(stage: Arc<Stage>) {
    crowd(&stage, 1, |mut attacker| async move {
        attacker.ask(&delete("/v1/kv/hostile/many/?recurse")).await;
    })
    .await;
}
