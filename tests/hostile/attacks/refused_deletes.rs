//! Recursive deletes that are refused for the size of their keys, over and over.

use std::io;
use std::sync::Arc;

use super::{Attack, AttackedFace};
use crate::client::crowd;
use crate::client::request::delete;
use crate::fill;
use crate::stage::Stage;

/// The attack. The real Consul has no such limit: it deletes the keys at the first request.
pub(super) const ATTACK: Attack = Attack {
    name: "refused-deletes",
    face: AttackedFace::Consul,
    row: "4 deletes of 70 MB of keys, refused",
    ahead_ms: 0,
    max_connections: 0,
    prepare: |stage| Box::pin(prepare(stage)),
    strike: |stage| Box::pin(strike(stage)),
};

async fn prepare(stage: Arc<Stage>) -> io::Result<()> {
    let (keys, length) = (stage.pick(20_000, 200), stage.pick(3_500, 1_000));
    let long = "k".repeat(length);
    let key = move |number| format!("hostile/refused/{long}/{number:05}");
    fill::consul(&stage, keys, key, 1).await
}

async fn strike(stage: Arc<Stage>) {
    crowd(&stage, 4, |mut attacker| async move {
        while attacker.goes_on() {
            attacker
                .ask(&delete("/v1/kv/hostile/refused/?recurse"))
                .await;
        }
    })
    .await;
}
