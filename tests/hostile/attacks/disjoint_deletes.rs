//! Disjoint recursive deletes that meet in the queue, because a key under each is being written.

use std::io;
use std::sync::Arc;

use super::{Attack, AttackedFace};
use crate::client::crowd;
use crate::client::request::{delete, put};
use crate::fill;
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "disjoint-deletes",
    face: AttackedFace::Consul,
    row: "2 disjoint deletes of 20,000 keys, each meeting a write",
    ahead_ms: 0,
    max_connections: 0,
    prepare: |stage| Box::pin(prepare(stage)),
    strike: |stage| Box::pin(strike(stage)),
};

/// The trees of each deleting client.
const TREES: usize = 3;

async fn prepare(stage: Arc<Stage>) -> io::Result<()> {
    for tree in 0..2 * TREES {
        plant(&stage, tree).await?;
    }
    Ok(())
}

async fn plant(stage: &Arc<Stage>, tree: usize) -> io::Result<()> {
    let keys = stage.pick(20_000, 500);
    let key = move |number| format!("hostile/disjoint/{tree}/{number:05}");
    fill::consul(stage, keys, key, 10).await
}

/// Two clients write under all trees, two delete them.
async fn strike(stage: Arc<Stage>) {
    crowd(&stage, 4, |mut attacker| async move {
        let own = attacker.number % 2;
        while attacker.goes_on() {
            let tree = attacker.round % TREES * 2 + own;
            if attacker.number < 2 {
                for write in 0..16_usize {
                    let tree = write % TREES * 2 + own;
                    let target = format!("/v1/kv/hostile/disjoint/{tree}/written");
                    attacker.ask(&put(&target, &write.to_be_bytes())).await;
                }
            } else {
                let target = format!("/v1/kv/hostile/disjoint/{tree}/?recurse");
                attacker.ask(&delete(&target)).await;
                if attacker.round >= TREES && !attacker.stage.is_small {
                    let _refused = plant(&attacker.stage, tree).await;
                }
            }
        }
    })
    .await;
}
