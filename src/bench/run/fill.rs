//! Filling: writing the keys that operations need, before the run.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use super::any_client::AnyClient;
use super::options::LoadOptions;
use crate::bench::client::{Consistency, Failure};
use crate::bench::keys::KeyShape;
use crate::bench::operation::Operation;
use crate::bench::target::LoadTarget;
use crate::bench::value::ValueShape;

/// The clients that write at once.
const CLIENTS: u64 = 64;

/// The time that a write may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How often a write is sent again that was refused or not answered: nothing is measured yet, and a store on a busy disk refuses some.
const RETRIES: u32 = 5;

/// The time before that, longer each time.
const PAUSE: Duration = Duration::from_secs(1);

/// Why the keys could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the keys: {0}")]
pub struct FillError(#[from] Failure);

/// Writes the keys of a load, where one of its operations needs them.
pub(super) fn fill(target: &Arc<LoadTarget>, options: &LoadOptions) -> Result<(), FillError> {
    let is_needed = options.mix.operations().any(Operation::needs_entries);
    if !(options.fill && is_needed) || options.key.is_some() {
        return Ok(());
    }
    write_all(target, &options.keys, &options.value)
}

/// Writes keys.
pub fn write_all(
    target: &Arc<LoadTarget>,
    keys: &KeyShape,
    value: &ValueShape,
) -> Result<(), FillError> {
    let failed = |error: std::io::Error| FillError(Failure::from(error));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let plan = Rc::new((keys.clone(), value.clone()));
    LocalSet::new().block_on(&runtime, async {
        let clients = CLIENTS.min(keys.count);
        let mut running = tokio::task::JoinSet::new();
        for first in 0..clients {
            let client = AnyClient::new(target, first, Consistency::Default);
            let plan = Rc::clone(&plan);
            running.spawn_local(write_share(
                client,
                plan,
                first,
                clients,
                target.servers.len(),
            ));
        }
        while let Some(ended) = running.join_next().await {
            ended.map_err(|_| FillError(Failure::Connection("cancelled".to_owned())))??;
        }
        Ok(())
    })
}

async fn write_share(
    mut client: AnyClient,
    plan: Rc<(KeyShape, ValueShape)>,
    first: u64,
    clients: u64,
    servers: usize,
) -> Result<(), FillError> {
    let (keys, value) = &*plan;
    let mut bytes = Vec::new();
    let mut number = first;
    while number < keys.count {
        value.write(number, &mut bytes);
        write_one(&mut client, &keys.name(number), &bytes, servers).await?;
        number += clients;
    }
    Ok(())
}

/// Writes a key; a server that does not answer is left for the next one, once each, and one that refuses is asked again.
async fn write_one(
    client: &mut AnyClient,
    key: &str,
    value: &[u8],
    servers: usize,
) -> Result<(), Failure> {
    let mut attempts = 1;
    let mut retries = 0;
    loop {
        let put = timeout(TIMEOUT, client.put(key, value));
        match put.await.unwrap_or(Err(Failure::Timeout)) {
            Ok(_) => return Ok(()),
            Err(failure) if failure.ends_connection() && attempts < servers => attempts += 1,
            Err(Failure::Refused(_) | Failure::Timeout) if retries < RETRIES => {
                retries += 1;
                sleep(PAUSE * retries).await;
            }
            Err(failure) => return Err(failure),
        }
    }
}
