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

/// How often a write is sent again that failed in a way that can pass: nothing is measured yet, and a store on a busy disk refuses some.
pub const FILL_RETRIES: u32 = 5;

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
    write_all(target, &options.keys, &options.value, FILL_RETRIES)
}

/// Writes keys, each of them again, so often, that could not be written for now.
pub fn write_all(
    target: &Arc<LoadTarget>,
    keys: &KeyShape,
    value: &ValueShape,
    retries: u32,
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
            let repeated = RepeatedWrites {
                servers: target.servers.len(),
                retries,
                was_answered: false,
            };
            running.spawn_local(write_share(client, repeated, plan, first, clients));
        }
        while let Some(ended) = running.join_next().await {
            ended.map_err(|_| FillError(Failure::Connection("cancelled".to_owned())))??;
        }
        Ok(())
    })
}

async fn write_share(
    mut client: AnyClient,
    mut repeated: RepeatedWrites,
    plan: Rc<(KeyShape, ValueShape)>,
    first: u64,
    clients: u64,
) -> Result<(), FillError> {
    let (keys, value) = &*plan;
    let mut bytes = Vec::new();
    let mut number = first;
    while number < keys.count {
        value.write(number, &mut bytes);
        let key = keys.name(number);
        let put = async || client.put(&key, &bytes).await;
        repeated.write(put).await?;
        number += clients;
    }
    Ok(())
}

/// The writes of one client, which are sent again where they can succeed later.
#[derive(Debug)]
struct RepeatedWrites {
    /// The servers that it writes to.
    servers: usize,
    /// How often each is sent again.
    retries: u32,
    /// A server has answered this client.
    was_answered: bool,
}

impl RepeatedWrites {
    /// Writes a key; a server that does not answer is left for the next one, once each, and then what can pass is waited for.
    async fn write<T>(
        &mut self,
        mut put: impl AsyncFnMut() -> Result<T, Failure>,
    ) -> Result<(), Failure> {
        let mut attempts = 1;
        let mut retries = 0;
        loop {
            let written = timeout(TIMEOUT, put()).await;
            let Err(failure) = written.unwrap_or(Err(Failure::Timeout)) else {
                self.was_answered = true;
                return Ok(());
            };
            self.was_answered |= !failure.ends_connection();
            if failure.ends_connection() && attempts < self.servers {
                attempts += 1;
            } else if retries < self.retries && self.can_pass(&failure) {
                retries += 1;
                sleep(PAUSE * retries).await;
            } else {
                return Err(failure);
            }
        }
    }

    /// A server that was never reached is not there, and that is said at once; a connection that is lost comes back.
    fn can_pass(&self, failure: &Failure) -> bool {
        let is_there = self.was_answered || !matches!(failure, Failure::Connection(_));
        is_there && failure.can_pass()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Failure {
        Failure::Refused("401: permission denied".to_owned())
    }

    fn unavailable() -> Failure {
        Failure::Unavailable("500: No cluster leader".to_owned())
    }

    fn lost() -> Failure {
        Failure::Connection("connection refused".to_owned())
    }

    fn of_servers(servers: usize) -> RepeatedWrites {
        RepeatedWrites {
            servers,
            retries: FILL_RETRIES,
            was_answered: false,
        }
    }

    /// The result of a write whose first attempts fail so, and the number of attempts.
    async fn written(
        writes: &mut RepeatedWrites,
        failures: &[Failure],
    ) -> (Result<(), Failure>, usize) {
        let mut attempts = 0;
        let put = async || {
            attempts += 1;
            failures.get(attempts - 1).cloned().map_or(Ok(()), Err)
        };
        let result = writes.write(put).await;
        (result, attempts)
    }

    #[tokio::test(start_paused = true)]
    async fn refusal_for_good_is_reported_at_once() {
        let bad = Failure::BadAnswer("no number".to_owned());
        for failure in [refused(), bad, Failure::Unsupported("no such operation")] {
            let failures = [failure.clone()];
            let (result, attempts) = written(&mut of_servers(1), &failures).await;
            assert_eq!((result, attempts), (Err(failure), 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_pass_is_sent_again_but_not_for_ever() {
        for failure in [unavailable(), Failure::Timeout] {
            let all = vec![failure.clone(); 6];
            let some = all.get(..5).unwrap();
            assert_eq!(written(&mut of_servers(1), some).await, (Ok(()), 6));
            let given_up = (Err(failure), 6);
            assert_eq!(written(&mut of_servers(1), &all).await, given_up);
        }
        let then_refused = [unavailable(), refused()];
        let (result, attempts) = written(&mut of_servers(1), &then_refused).await;
        assert_eq!((result, attempts), (Err(refused()), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn lost_connection_comes_back_and_a_server_that_never_answered_does_not() {
        let mut writes = of_servers(1);
        let never = written(&mut writes, &[lost()]).await;
        assert_eq!(never, (Err(lost()), 1));
        assert_eq!(written(&mut writes, &[]).await, (Ok(()), 1));
        assert_eq!(written(&mut writes, &[lost(), lost()]).await, (Ok(()), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn next_server_is_asked_before_anything_is_waited_for() {
        let begun = tokio::time::Instant::now();
        let one_left = written(&mut of_servers(3), &[lost(), lost()]).await;
        assert_eq!(one_left, (Ok(()), 3));
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
