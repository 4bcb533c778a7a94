//! One client of a run, or one operation in flight of a client that pipelines: it performs operations one after another.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::any_client::AnyClient;
use super::thread_state::ThreadState;
use crate::bench::client::{Failure, HeldLock, Outcome};
use crate::bench::keys::KeyChooser;
use crate::bench::measure::Timing;
use crate::bench::operation::Operation;

/// How long a client waits after a lost connection: a server that is down must not keep a core busy with attempts.
const BACK_OFF: Duration = Duration::from_millis(10);

/// A client with its choices.
pub(super) struct ClientTask {
    pub(super) client: AnyClient,
    pub(super) chooser: KeyChooser,
    pub(super) random: fastrand::Rng,
    /// The part of new keys' names that no other client of any run has.
    pub(super) unique: String,
    pub(super) state: Rc<ThreadState>,
    /// How many operations it has begun.
    pub(super) count: u64,
    pub(super) value: Vec<u8>,
}

impl ClientTask {
    /// Performs operations until the end.
    pub(super) async fn run(mut self) {
        // An operation before would be in no result, however long it takes.
        sleep_until(self.state.context.began).await;
        while self.state.goes_on() {
            let operation = self.state.options().mix.choose(&mut self.random);
            let key = self.key(operation);
            // What must be there before the operation is no part of it, and is done while nothing is due.
            if let Err(failure) = self.prepare(operation, &key).await {
                self.fail(operation, failure).await;
                continue;
            }
            let free = Instant::now();
            let Some(due) = self.state.due().await else {
                self.take_back(operation, &key).await;
                break;
            };
            let sent = Instant::now();
            self.state.sent(due, free, sent);
            let performed = self.perform(operation, &key).await;
            let ended = Instant::now();
            let (result, held) = match performed {
                Ok((outcome, held)) => (Ok(outcome), held),
                Err(failure) => (Err(failure), None),
            };
            let is_lost = result.as_ref().is_err_and(Failure::ends_connection);
            let timing = Timing { due, sent, ended };
            self.state.record(operation, &timing, &result);
            if let Some(held) = held {
                self.unlock(&key, held).await;
            }
            if is_lost {
                sleep(BACK_OFF).await;
            }
        }
    }

    /// Records a failure to prepare an operation as one of the operation.
    async fn fail(&mut self, operation: Operation, failure: Failure) {
        let now = Instant::now();
        let timing = Timing {
            due: now,
            sent: now,
            ended: now,
        };
        self.state.record(operation, &timing, &Err(failure));
        sleep(BACK_OFF).await;
    }

    fn key(&mut self, operation: Operation) -> String {
        self.count += 1;
        let options = self.state.options();
        match operation {
            Operation::Create | Operation::Delete => {
                let (prefix, unique, count) = (&options.keys.prefix, &self.unique, self.count);
                format!("{prefix}{unique}-{count}")
            }
            Operation::Ephemeral => {
                let (prefix, unique) = (&options.keys.prefix, &self.unique);
                format!("{prefix}{unique}-")
            }
            Operation::List => options
                .key
                .clone()
                .unwrap_or_else(|| options.keys.prefix.clone()),
            Operation::Get
            | Operation::Stat
            | Operation::Put
            | Operation::Cas
            | Operation::Lock
            | Operation::Unlock => {
                if let Some(key) = &options.key {
                    return key.clone();
                }
                let protocol = self.state.protocol();
                let name = options.keys.name(self.chooser.choose(&mut self.random));
                match operation {
                    // A key that exists cannot be taken as a lock of etcd's, and Consul's locks leave theirs.
                    Operation::Lock => format!("{name}-{}-lock", protocol.scheme()),
                    Operation::Get
                    | Operation::Stat
                    | Operation::List
                    | Operation::Put
                    | Operation::Cas
                    | Operation::Create
                    | Operation::Delete
                    | Operation::Ephemeral
                    | Operation::Unlock => name,
                }
            }
        }
    }

    async fn prepare(&mut self, operation: Operation, key: &str) -> Result<(), Failure> {
        let options = self.state.options();
        match operation {
            Operation::Cas => in_time(timeout(options.timeout, self.client.prepare_cas(key)).await),
            Operation::Delete => {
                options.value.write(self.count, &mut self.value);
                let creating = self.client.create(key, &self.value);
                in_time(timeout(options.timeout, creating).await).map(|_created| ())
            }
            Operation::Get
            | Operation::Stat
            | Operation::List
            | Operation::Put
            | Operation::Create
            | Operation::Ephemeral
            | Operation::Lock
            | Operation::Unlock => Ok(()),
        }
    }

    /// Takes back what was prepared for an operation that is not due any more.
    async fn take_back(&mut self, operation: Operation, key: &str) {
        if operation == Operation::Delete {
            // No part of the result; a key that stays does no harm.
            let _deleted = timeout(self.state.options().timeout, self.client.delete(key)).await;
        }
    }

    async fn perform(
        &mut self,
        operation: Operation,
        key: &str,
    ) -> Result<(Outcome, Option<HeldLock>), Failure> {
        let options = self.state.options();
        options.value.write(self.count, &mut self.value);
        let (client, value) = (&mut self.client, self.value.as_slice());
        let performing = async {
            let outcome = match operation {
                Operation::Get => client.get(key).await?,
                Operation::Stat => client.stat(key).await?,
                Operation::List => client.list(key).await?,
                Operation::Put => client.put(key, value).await?,
                Operation::Cas => client.cas(key, value).await?,
                Operation::Create => client.create(key, value).await?,
                Operation::Delete => client.delete(key).await?,
                Operation::Ephemeral => client.ephemeral(key, value).await?,
                Operation::Lock | Operation::Unlock => {
                    let held = client.lock(key).await?;
                    return Ok((Outcome::default(), Some(held)));
                }
            };
            Ok((outcome, None))
        };
        in_time(timeout(options.timeout, performing).await)
    }

    /// Gives a lock back, and records that as an operation of its own.
    async fn unlock(&mut self, key: &str, held: HeldLock) {
        let sent = Instant::now();
        let giving_back = self.client.unlock(key, held);
        let result = timeout(self.state.options().timeout, giving_back).await;
        let result = in_time(result).map(|()| Outcome::default());
        let timing = Timing {
            due: sent,
            sent,
            ended: Instant::now(),
        };
        self.state.record(Operation::Unlock, &timing, &result);
    }
}

/// The result of an operation that was given up after its time.
fn in_time<T>(result: Result<Result<T, Failure>, Elapsed>) -> Result<T, Failure> {
    result.unwrap_or(Err(Failure::Timeout))
}
