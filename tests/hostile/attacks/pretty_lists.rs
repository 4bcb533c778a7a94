//! Long lists with indentation (`?pretty`).

use std::sync::Arc;

use super::{Attack, lists};
use crate::client::crowd;
use crate::client::request::get;
use crate::stage::Stage;

/// The attack.
pub(super) const ATTACK: Attack = Attack {
    name: "pretty-lists",
    row: "4 of ?pretty, 27 MB",
    strike: |stage| Box::pin(strike(stage)),
    ..lists::CONSUL
};

async fn strike(stage: Arc<Stage>) {
    crowd(&stage, 4, |mut attacker| async move {
        while attacker.goes_on() {
            attacker
                .ask(&get("/v1/kv/hostile/list/?recurse&pretty"))
                .await;
        }
    })
    .await;
}
