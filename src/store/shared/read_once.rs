//! A single read of a shared log, by a process that neither follows it nor stands for election.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::shared::log::{Log, LogContents, LogError};
use crate::store::{StoreContents, StoreError};

/// How long a log that cannot be read is retried.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pause between two tries.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Every entry of a log, as of one revision. Nothing is written, and the leader is not disturbed.
///
/// The contents have neither history nor deletions. The error is one line: no gateway ever used the store, or it cannot be
/// read.
pub(crate) async fn read_once(log: &dyn Log) -> Result<StoreContents, StoreError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let (why, wait) = match log.load().await {
            Ok(loaded) => return contents(loaded),
            Err(LogError::Misconfigured(why)) => return Err(StoreError(why)),
            Err(LogError::Busy(why, after)) => (why, after),
            Err(error @ (LogError::Gone | LogError::Ended | LogError::Unavailable(_))) => {
                (error.to_string(), RETRY_PAUSE)
            }
        };
        if Instant::now() + wait >= until {
            return Err(StoreError(why));
        }
        tokio::time::sleep(wait).await;
    }
}

fn contents(loaded: LogContents) -> Result<StoreContents, StoreError> {
    let Some((leader, _)) = loaded.leader else {
        return Err(StoreError("no gateway has ever used this store".to_owned()));
    };
    Ok(StoreContents {
        revision: loaded.revision,
        identity: leader.identity,
        entries: loaded.entries,
        history: Vec::new(),
        history_floor: loaded.revision,
        deletions: Vec::new(),
        deletions_floor: loaded.revision,
        gaps: Vec::new(),
        index_floor: leader.floor,
        directories: None,
    })
}
