//! Recursive deletes of 20,000 keys, four at a time.

use std::io;
use std::sync::Arc;

use super::{Attack, AttackedFace};
use crate::client::crowd;
use crate::client::request::delete;
use crate::fill;
use crate::stage::Stage;

/// On Consul's face.
pub(super) const CONSUL: Attack = Attack {
    name: "recursive-deletes-consul",
    face: AttackedFace::Consul,
    row: "4 recursive deletes of 20,000 keys",
    ahead_ms: 0,
    max_connections: 0,
    prepare: |stage| Box::pin(prepare(stage, AttackedFace::Consul)),
    strike: |stage| Box::pin(strike(stage, AttackedFace::Consul)),
};

/// On etcd's face.
pub(super) const ETCD: Attack = Attack {
    name: "recursive-deletes-etcd",
    face: AttackedFace::Etcd,
    prepare: |stage| Box::pin(prepare(stage, AttackedFace::Etcd)),
    strike: |stage| Box::pin(strike(stage, AttackedFace::Etcd)),
    ..CONSUL
};

/// The clients, and the trees of each; of etcd's API, which writes one key a request, one.
const CLIENTS: usize = 4;
const TREES: usize = 3;

async fn prepare(stage: Arc<Stage>, face: AttackedFace) -> io::Result<()> {
    let trees = match face {
        AttackedFace::Consul => CLIENTS * TREES,
        AttackedFace::Etcd => CLIENTS,
    };
    let keys = stage.pick(20_000, 300);
    for tree in 0..trees {
        let key = move |number| format!("hostile/deleted/{tree}/{number:05}");
        match face {
            AttackedFace::Consul => fill::consul(&stage, keys, key, 10).await?,
            AttackedFace::Etcd => fill::etcd(&stage, keys, key, 10).await?,
        }
    }
    Ok(())
}

async fn strike(stage: Arc<Stage>, face: AttackedFace) {
    crowd(&stage, CLIENTS, move |mut attacker| async move {
        for round in 0..TREES {
            let tree = round * CLIENTS + attacker.number;
            let target = match face {
                AttackedFace::Consul => format!("/v1/kv/hostile/deleted/{tree}/?recurse"),
                AttackedFace::Etcd => format!("/v2/keys/hostile/deleted/{tree}?recursive=true"),
            };
            attacker.ask(&delete(&target)).await;
        }
    })
    .await;
}
