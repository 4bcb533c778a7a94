//! Reading a log once, without taking part in it.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::shared::log::{Log, LogContents, LogError};
use crate::store::{StoreContents, StoreError};

/// How long a log that cannot be read is tried.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long between two tries.
const AGAIN: Duration = Duration::from_millis(500);

/// Every entry a log holds, as of one revision. Nothing is written: whoever leads goes on.
///
/// What gateways of this store would follow is not told: neither history nor deletions. One line where no gateway ever
/// used it, or where it cannot be read.
pub(crate) async fn read(log: &dyn Log) -> Result<StoreContents, StoreError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let (why, wait) = match log.load().await {
            Ok(loaded) => return opened(loaded),
            Err(LogError::Misconfigured(why)) => return Err(StoreError(why)),
            Err(LogError::Busy(why, after)) => (why, after),
            Err(error @ (LogError::Gone | LogError::Ended | LogError::Unavailable(_))) => {
                (error.to_string(), AGAIN)
            }
        };
        if Instant::now() + wait >= until {
            return Err(StoreError(why));
        }
        tokio::time::sleep(wait).await;
    }
}

fn opened(loaded: LogContents) -> Result<StoreContents, StoreError> {
    let Some((lead, _)) = loaded.lead else {
        return Err(StoreError("no gateway has ever used this store".to_owned()));
    };
    Ok(StoreContents {
        revision: loaded.revision,
        identity: lead.identity,
        entries: loaded.entries,
        history: Vec::new(),
        history_floor: loaded.revision,
        deletions: Vec::new(),
        deletions_floor: loaded.revision,
        gaps: Vec::new(),
        index_floor: lead.floor,
    })
}
