//! Clients that take a long list, a kilobyte a second.

use std::io;
use std::sync::Arc;

use super::{Attack, lists};
use crate::client::request::get;
use crate::client::{Stay, crowd};
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "slow-readers",
    row: "100 slow readers of 27 MB",
    strike: |stage| Box::pin(strike(stage)),
    ..lists::CONSUL
};

/// The receive buffer of a client, in bytes: the rest waits at the server.
const BUFFER: u32 = 4 << 10;

async fn strike(stage: Arc<Stage>) {
    let readers = stage.pick(100, 20);
    crowd(&stage, readers, |attacker| async move {
        let open = |stage: Arc<Stage>, number| async move {
            let mut connection = stage.connect_with(number, Some(BUFFER)).await?;
            connection
                .send(&get("/v1/kv/hostile/list/?recurse"))
                .await?;
            connection.sip(1).await?;
            Ok::<_, io::Error>(connection)
        };
        attacker.hold(Stay::Sipping(1 << 10), open).await;
    })
    .await;
}
