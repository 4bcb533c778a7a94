//! Streams of etcd v2 from a long gone index: 2 of them, over 20,000 entries and more commits than the history keeps.

use std::io;
use std::sync::Arc;

use super::{Attack, AttackedFace};
use crate::client::request::get;
use crate::client::{Stay, crowd};
use crate::fill;
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "stream-replay",
    face: AttackedFace::Etcd,
    row: "2 streams from index 2, 20,000 entries",
    ahead_ms: 1000,
    max_connections: 0,
    prepare: |stage| Box::pin(prepare(stage)),
    strike: |stage| Box::pin(strike(stage)),
};

async fn prepare(stage: Arc<Stage>) -> io::Result<()> {
    let entries = stage.pick(20_000, 1_000);
    let key = |number| format!("hostile/replay/{number:05}");
    fill::etcd(&stage, entries, key, 100).await
}

async fn strike(stage: Arc<Stage>) {
    crowd(&stage, 2, |attacker| async move {
        let open = |stage: Arc<Stage>, number| async move {
            let mut connection = stage.connect(number).await?;
            let target = "/v2/keys/?recursive=true&wait=true&stream=true&waitIndex=2";
            connection.send(&get(target)).await?;
            connection.read_and_forget().await?;
            Ok::<_, io::Error>(connection)
        };
        attacker.hold(Stay::Reading, open).await;
    })
    .await;
}
