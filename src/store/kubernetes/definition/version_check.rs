//! The check of the cluster's definition: an older one than this gateway's is told, and served on.
//!
//! A gateway has rights in its namespace alone and cannot read the definition. So it asks whether it could make an object
//! that the definition refuses by telling its number; nothing is made in any case.

use std::time::Duration;

use serde_json::json;

use super::rules::{NUMBER, PROBE};
use crate::store::kubernetes::client::api::Api;
use crate::store::kubernetes::client::error::{ApiError, INSTALL};

/// How long one question may take: a gateway that starts waits for the first.
const PATIENCE: Duration = Duration::from_secs(2);

/// The API server goes by a definition a moment after it has taken it, and refuses everything for a moment after that:
/// what is not as it should be is asked for again after this.
const AGAIN: Duration = Duration::from_secs(2);

/// How often it is asked for again where it is not told.
const TIMES: usize = 5;

/// The number before definitions told theirs.
const FIRST: u32 = 1;

/// Says so where the cluster's definition is an older one.
pub(crate) async fn tell_if_older(api: &Api) {
    if ask(api).await.is_some_and(|number| number >= NUMBER) {
        return;
    }
    let api = api.clone();
    tokio::spawn(async move {
        for _ in 0..TIMES {
            tokio::time::sleep(AGAIN).await;
            let Some(number) = ask(&api).await else {
                continue;
            };
            if number < NUMBER {
                tracing::warn!(
                    cluster = number,
                    gateway = NUMBER,
                    "the definition of entries.kubekv.io is an older one: all is served, but edits by hand that would \
                     make entries vanish are not refused; {INSTALL}"
                );
            }
            return;
        }
    });
}

/// The number of the cluster's definition, where it is told.
async fn ask(api: &Api) -> Option<u32> {
    let object = json!({
        "apiVersion": "kubekv.io/v1",
        "kind": "Entry",
        "metadata": {"name": PROBE},
        "spec": {"key": "definition", "realm": "system"},
    });
    let asked = api.try_create(object.to_string().into_bytes(), PATIENCE);
    number(asked.await.map(drop))
}

/// The definition's number by what was answered, where that tells it.
fn number(answered: Result<(), ApiError>) -> Option<u32> {
    match answered {
        Ok(()) => Some(FIRST),
        Err(error) => {
            let number = error.definition();
            if number.is_none() {
                tracing::debug!(%error, "the definition's number is not known");
            }
            number
        }
    }
}
