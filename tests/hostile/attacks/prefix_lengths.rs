//! Polls on prefixes of 4,000 lengths, and writes of keys that are longer than all of them.

use std::sync::Arc;

use super::{Attack, AttackedFace, nothing};
use crate::client::crowd;
use crate::client::request::{get, put};
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "prefix-lengths",
    face: AttackedFace::Consul,
    row: "4,000 prefix lengths with long keys",
    ahead_ms: 1000,
    max_connections: 0,
    prepare: |_stage| nothing(),
    strike: |stage| Box::pin(strike(stage)),
};

/// The clients that write.
const WRITERS: usize = 4;

async fn strike(stage: Arc<Stage>) {
    let lengths = stage.pick(4_000, 100);
    crowd(&stage, lengths + WRITERS, move |mut attacker| async move {
        let poll = attacker.number.checked_sub(WRITERS);
        let key = "k".repeat(poll.map_or(lengths, |shorter| shorter + 1));
        let mut index = 0;
        while attacker.goes_on() {
            if poll.is_some() {
                let target = format!("/v1/kv/{key}?recurse&wait=60s&index={index}");
                let answer = attacker.ask_and_wait(&get(&target)).await;
                index = answer.map_or(0, |answer| answer.index);
            } else {
                let (number, round) = (attacker.number, attacker.round);
                let target = format!("/v1/kv/{key}/{number}-{round}");
                attacker.ask(&put(&target, b"v")).await;
            }
        }
    })
    .await;
}
