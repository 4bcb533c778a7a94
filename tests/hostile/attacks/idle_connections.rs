//! Connections that never say anything, as many as the gateway takes.

use std::sync::Arc;

use super::{Attack, AttackedFace, nothing};
use crate::client::{Stay, crowd};
use crate::stage::Stage;

/// On Consul's face.
pub(super) const CONSUL: Attack = Attack {
    name: "idle-connections-consul",
    face: AttackedFace::Consul,
    row: "5,000 idle connections at a limit of 5,000",
    ahead_ms: 3000,
    max_connections: 5_000,
    prepare: |_stage| nothing(),
    strike: |stage| Box::pin(strike(stage)),
};

/// On etcd's face.
pub(super) const ETCD: Attack = Attack {
    name: "idle-connections-etcd",
    face: AttackedFace::Etcd,
    ..CONSUL
};

async fn strike(stage: Arc<Stage>) {
    let connections = stage.pick(5_000, 300);
    crowd(&stage, connections, |attacker| async move {
        let open = |stage: Arc<Stage>, number| async move { stage.connect(number).await };
        attacker.hold(Stay::Reading, open).await;
    })
    .await;
}
