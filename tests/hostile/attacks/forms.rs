//! Forms of 10 MiB, of fields that mean nothing.

use std::sync::Arc;

use super::{Attack, AttackedFace, nothing};
use crate::client::crowd;
use crate::client::request::put_form;
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "forms",
    face: AttackedFace::Etcd,
    row: "8 forms of 10 MiB",
    ahead_ms: 1000,
    max_connections: 0,
    prepare: |_stage| nothing(),
    strike: |stage| Box::pin(strike(stage)),
};

/// A field that means nothing.
const FIELD: &str = "a=b&";

async fn strike(stage: Arc<Stage>) {
    let bytes = stage.pick(10 << 20, 256 << 10);
    let end = "value=v";
    let form = FIELD.repeat((bytes - end.len()) / FIELD.len()) + end;
    let request: Arc<[u8]> = put_form("/v2/keys/hostile/form", form.as_bytes()).into();
    crowd(&stage, 8, move |mut attacker| {
        let request = Arc::clone(&request);
        async move {
            while attacker.goes_on() {
                attacker.ask(&request).await;
            }
        }
    })
    .await;
}
