//! Long lists that miss the cache, compressed: each client changes a key in the list before it asks.

use std::io;
use std::sync::Arc;

use super::{Attack, AttackedFace};
use crate::client::crowd;
use crate::client::request::{get_gzip, put, put_form};
use crate::fill;
use crate::stage::Stage;

/// On Consul's face.
pub(super) const CONSUL: Attack = Attack {
    name: "lists-consul",
    face: AttackedFace::Consul,
    row: "16 lists of 27 MB that miss the cache, gzip",
    ahead_ms: 1000,
    max_connections: 0,
    prepare: |stage| Box::pin(prepare_consul(stage)),
    strike: |stage| Box::pin(strike(stage, AttackedFace::Consul)),
};

/// On etcd's face.
pub(super) const ETCD: Attack = Attack {
    name: "lists-etcd",
    face: AttackedFace::Etcd,
    prepare: |stage| Box::pin(prepare_etcd(stage)),
    strike: |stage| Box::pin(strike(stage, AttackedFace::Etcd)),
    ..CONSUL
};

/// Keys of 1,000 bytes under `hostile/list/`, whose list has 27 MB.
pub(super) async fn prepare_consul(stage: Arc<Stage>) -> io::Result<()> {
    let key = |number| format!("hostile/list/{number:05}");
    fill::consul(&stage, stage.pick(19_000, 500), key, 1_000).await
}

async fn prepare_etcd(stage: Arc<Stage>) -> io::Result<()> {
    let key = |number| format!("hostile/list/{number:05}");
    fill::etcd(&stage, stage.pick(24_000, 500), key, 1_000).await
}

async fn strike(stage: Arc<Stage>, face: AttackedFace) {
    crowd(&stage, 16, move |mut attacker| async move {
        let number = attacker.number;
        while attacker.goes_on() {
            let value = format!("value={}", attacker.round);
            let (change, list) = match face {
                AttackedFace::Consul => (
                    put(
                        &format!("/v1/kv/hostile/list/own-{number}"),
                        value.as_bytes(),
                    ),
                    get_gzip("/v1/kv/hostile/list/?recurse"),
                ),
                AttackedFace::Etcd => (
                    put_form(
                        &format!("/v2/keys/hostile/list/own-{number}"),
                        value.as_bytes(),
                    ),
                    get_gzip("/v2/keys/hostile/list?recursive=true&sorted=true&quorum=true"),
                ),
            };
            attacker.ask(&change).await;
            attacker.ask(&list).await;
        }
    })
    .await;
}
