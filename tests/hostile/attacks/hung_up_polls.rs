//! Polls whose clients hang up with bytes behind the request that nobody reads: one socket at a time, more than there are
//! places.

use std::sync::Arc;

use super::{Attack, AttackedFace, nothing};
use crate::client::request::get;
use crate::client::{Stay, crowd};
use crate::stage::Stage;

/// The bytes behind a request: few, or more than a server reads ahead of an answer.
const BEHIND: [usize; 2] = [1, 70_000];

/// On Consul's face.
pub(super) const CONSUL: Attack = Attack {
    name: "hung-up-polls-consul",
    face: AttackedFace::Consul,
    row: "12,000 hung-up polls at a limit of 5,000",
    ahead_ms: 8000,
    max_connections: 5_000,
    prepare: |_stage| nothing(),
    strike: |stage| Box::pin(strike(stage, "/v1/kv/hostile/never?index=1&wait=600s")),
};

/// On etcd's face.
pub(super) const ETCD: Attack = Attack {
    name: "hung-up-polls-etcd",
    face: AttackedFace::Etcd,
    strike: |stage| Box::pin(strike(stage, "/v2/keys/hostile/never?wait=true")),
    ..CONSUL
};

async fn strike(stage: Arc<Stage>, target: &'static str) {
    crowd(&stage, 1, move |attacker| async move {
        let requests = BEHIND.map(|behind| {
            let mut request = get(target);
            request.resize(request.len() + behind, b'x');
            request
        });
        let stage = Arc::clone(&attacker.stage);
        for number in 0..stage.pick(12_000, 600) {
            let request = &requests[number / 2 % 2];
            let Ok(mut connection) = stage.connect(number).await else {
                stage.tally.count_broken();
                continue;
            };
            if connection.send(request).await.is_err() {
                stage.tally.count_broken();
            }
            // One by FIN, the next by RST.
            let _ended = if number % 2 == 0 {
                connection.finish().await
            } else {
                connection.reset()
            };
        }
        // Whatever it took stays taken.
        attacker
            .hold(Stay::Still, |stage, number| async move {
                stage.connect(number).await
            })
            .await;
    })
    .await;
}
