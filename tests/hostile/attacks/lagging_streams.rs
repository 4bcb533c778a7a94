//! Streams of etcd v2 whose clients read nothing while others write.

use std::io;
use std::sync::Arc;

use super::{Attack, AttackedFace, nothing};
use crate::client::request::{get, put_form};
use crate::client::{Stay, crowd};
use crate::fill::value;
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "lagging-streams",
    face: AttackedFace::Etcd,
    row: "100 lagging streams, values of 64 KB",
    ahead_ms: 1000,
    max_connections: 0,
    prepare: |_stage| nothing(),
    strike: |stage| Box::pin(strike(stage)),
};

/// The clients that write.
const WRITERS: usize = 4;

/// The receive buffer of a stream, in bytes: the rest waits at the server.
const BUFFER: u32 = 4 << 10;

async fn strike(stage: Arc<Stage>) {
    let streams = stage.pick(100, 20);
    crowd(&stage, streams + WRITERS, move |mut attacker| async move {
        let number = attacker.number;
        if number >= WRITERS {
            let open = |stage: Arc<Stage>, number| async move {
                let mut connection = stage.connect_with(number, Some(BUFFER)).await?;
                let target = "/v2/keys/hostile/stream?recursive=true&wait=true&stream=true";
                connection.send(&get(target)).await?;
                connection.sip(1).await?;
                Ok::<_, io::Error>(connection)
            };
            attacker.hold(Stay::Still, open).await;
            return;
        }
        let body = format!("value={}", value(number, 64_000));
        while attacker.goes_on() {
            let target = format!("/v2/keys/hostile/stream/{number}");
            attacker.ask(&put_form(&target, body.as_bytes())).await;
        }
    })
    .await;
}
