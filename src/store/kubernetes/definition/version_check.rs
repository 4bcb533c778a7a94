//! Check of the cluster's definition: if it is older than this gateway's, a warning is logged and the gateway serves on.
//!
//! A gateway has rights in its namespace alone and cannot read the definition. It asks for a dry run that creates an object
//! with a forbidden name: the definition refuses it with a message that contains its number. Nothing is ever created.

use std::time::Duration;

use serde_json::json;

use super::rules::{NUMBER, PROBE};
use crate::store::kubernetes::client::api::Api;
use crate::store::kubernetes::client::error::{ApiError, INSTALL};

/// The deadline of one dry run: a gateway that starts waits for the first.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How long until the next dry run. The API server uses a new definition a moment after it has accepted it, and refuses
/// everything for a moment after that.
const PAUSE: Duration = Duration::from_secs(2);

/// How many dry runs follow the first, if the number is not known or too low.
const ATTEMPTS: usize = 5;

/// The number of the first definition, which does not state it.
const FIRST: u32 = 1;

/// Warns if the cluster's definition is older than this gateway's.
pub(crate) async fn warn_if_older(api: &Api) {
    if cluster_number(api)
        .await
        .is_some_and(|number| number >= NUMBER)
    {
        return;
    }
    let api = api.clone();
    tokio::spawn(async move {
        for _ in 0..ATTEMPTS {
            tokio::time::sleep(PAUSE).await;
            let Some(number) = cluster_number(&api).await else {
                continue;
            };
            if number < NUMBER {
                tracing::warn!(
                    cluster = number,
                    gateway = NUMBER,
                    "the definition of entries.kubekv.io is an older one: clients are served, but the API server does \
                     not refuse edits by hand that would make entries vanish; {INSTALL}"
                );
            }
            return;
        }
    });
}

/// The number of the cluster's definition, if the answer states it.
async fn cluster_number(api: &Api) -> Option<u32> {
    let object = json!({
        "apiVersion": "kubekv.io/v1",
        "kind": "Entry",
        "metadata": {"name": PROBE},
        "spec": {"key": "definition", "realm": "system"},
    });
    let answer = api.dry_run_create(object.to_string().into_bytes(), TIMEOUT);
    number(answer.await.map(drop))
}

/// The definition's number, if an answer states it.
fn number(answer: Result<(), ApiError>) -> Option<u32> {
    match answer {
        Ok(()) => Some(FIRST),
        Err(error) => {
            let number = error.definition();
            if number.is_none() {
                tracing::debug!(%error, "the number of the cluster's definition is not known");
            }
            number
        }
    }
}
