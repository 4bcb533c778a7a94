//! Writes 2,000 directories deep.

use std::sync::Arc;

use super::{Attack, AttackedFace, nothing};
use crate::client::crowd;
use crate::client::request::put_form;
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "deep-puts",
    face: AttackedFace::Etcd,
    row: "8 deep PUTs, 2,000 levels",
    ahead_ms: 1000,
    max_connections: 0,
    prepare: |_stage| nothing(),
    strike: |stage| Box::pin(strike(stage)),
};

async fn strike(stage: Arc<Stage>) {
    crowd(&stage, 8, |mut attacker| async move {
        let deep = "/a".repeat(attacker.stage.pick(2_000, 200));
        while attacker.goes_on() {
            let (number, round) = (attacker.number, attacker.round);
            let target = format!("/v2/keys/hostile-{number}-{round}{deep}");
            attacker.ask(&put_form(&target, b"value=v")).await;
        }
    })
    .await;
}
