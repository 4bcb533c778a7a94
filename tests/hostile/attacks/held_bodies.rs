//! Bodies of 10 MiB that miss their last byte.

use std::io;
use std::sync::Arc;

use super::{Attack, AttackedFace, nothing};
use crate::client::request::put_form;
use crate::client::{Stay, crowd};
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "held-bodies",
    face: AttackedFace::Etcd,
    row: "300 bodies of 10 MiB, held",
    ahead_ms: 3000,
    max_connections: 0,
    prepare: |_stage| nothing(),
    strike: |stage| Box::pin(strike(stage)),
};

async fn strike(stage: Arc<Stage>) {
    let body = vec![b'v'; stage.pick(10 << 20, 256 << 10)];
    let mut request = put_form("/v2/keys/hostile/held", &body);
    request.pop();
    let request: Arc<[u8]> = request.into();
    let bodies = stage.pick(300, 30);
    crowd(&stage, bodies, move |attacker| {
        let request = Arc::clone(&request);
        async move {
            let open = |stage: Arc<Stage>, number| {
                let request = Arc::clone(&request);
                async move {
                    let mut connection = stage.connect(number).await?;
                    connection.send(&request).await?;
                    Ok::<_, io::Error>(connection)
                }
            };
            attacker.hold(Stay::Reading, open).await;
        }
    })
    .await;
}
