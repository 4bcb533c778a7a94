//! Polls of the whole keyspace, woken by each write of anybody.

use std::sync::Arc;

use super::{Attack, AttackedFace, nothing};
use crate::client::crowd;
use crate::client::request::get;
use crate::stage::Stage;

/// On Consul's face.
pub(super) const CONSUL: Attack = Attack {
    name: "root-polls-consul",
    face: AttackedFace::Consul,
    row: "5,000 polls on the root, woken by each write",
    ahead_ms: 1000,
    max_connections: 0,
    prepare: |_stage| nothing(),
    strike: |stage| Box::pin(strike(stage, AttackedFace::Consul)),
};

/// On etcd's face.
pub(super) const ETCD: Attack = Attack {
    name: "root-polls-etcd",
    face: AttackedFace::Etcd,
    strike: |stage| Box::pin(strike(stage, AttackedFace::Etcd)),
    ..CONSUL
};

async fn strike(stage: Arc<Stage>, face: AttackedFace) {
    let polls = stage.pick(5_000, 50);
    crowd(&stage, polls, move |mut attacker| async move {
        let mut index = 0;
        while attacker.goes_on() {
            let target = match face {
                AttackedFace::Consul => format!("/v1/kv/?recurse&wait=60s&index={index}"),
                AttackedFace::Etcd => "/v2/keys/?recursive=true&wait=true".to_owned(),
            };
            match attacker.ask_and_wait(&get(&target)).await {
                Some(answer) => index = answer.index,
                None => index = 0,
            }
        }
    })
    .await;
}
