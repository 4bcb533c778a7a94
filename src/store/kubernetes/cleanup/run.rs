//! One round of cleanup: every task that the cache holds, some requests at a time, and made when they are sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::tasks::{CleanupRound, CleanupTask};
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::namespace::Namespace;
use crate::store::shared::write_ids::WriteIds;

/// The most requests at a time: they leave capacity for those of clients.
const PARALLEL: usize = 8;

/// How long to wait if the API server refuses, and does not say for how long.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// The longest wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Does every present task once. A task that fails is left for the next round.
pub(crate) async fn once(namespace: &Namespace, write_ids: &WriteIds) {
    let mut round = CleanupRound::default();
    let mut pause = Duration::ZERO;
    loop {
        let next = round.next(&namespace.cache.objects.lock(), write_ids);
        let Some(tasks) = next else {
            break;
        };
        pause = pause.max(all(namespace, tasks).await);
        // Nothing more is asked of an API server that refuses.
        if !pause.is_zero() {
            break;
        }
    }
    tokio::time::sleep(pause).await;
}

/// Does these tasks; returns how long the API server is to be left alone.
async fn all(namespace: &Namespace, tasks: Vec<CleanupTask>) -> Duration {
    let permits = Arc::new(Semaphore::new(PARALLEL));
    let mut running = JoinSet::new();
    for task in tasks {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            break;
        };
        let namespace = namespace.clone();
        running.spawn(async move {
            let result = run(task, &namespace).await;
            drop(permit);
            result
        });
    }
    let mut pause = Duration::ZERO;
    while let Some(result) = running.join_next().await {
        let Ok(Err(error)) = result else {
            continue;
        };
        tracing::debug!(%error, "a cleanup task failed; the next round tries again");
        if error.reason().is_some() {
            let wait = error.retry_after().unwrap_or(REFUSED_PAUSE);
            pause = pause.max(wait.min(LONGEST_PAUSE));
        }
    }
    pause
}

async fn run(task: CleanupTask, namespace: &Namespace) -> Result<(), ApiError> {
    match task {
        CleanupTask::Write(request) => request.send(&namespace.api).await.map(drop),
        CleanupTask::Remove { name, uid, version } => {
            let removed = namespace.api.remove(&name, &uid, version).await.map(drop);
            if removed
                .as_ref()
                .is_err_and(|error| error.status() == Some(404))
            {
                let mut objects = namespace.cache.objects.lock();
                objects.transactions.not_found(&name, &uid);
                return Ok(());
            }
            removed
        }
    }
}
