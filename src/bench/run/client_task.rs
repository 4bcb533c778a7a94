//! One client of a run: it performs operations one after another.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::any_client::AnyClient;
use super::options::Pace;
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
    pub(super) async fn run(mut self, start: Instant, end: Instant) {
        let mut free;
        while Instant::now() < end {
            let operation = self.state.options().mix.choose(&mut self.random);
            let key = self.key(operation);
            // What must be there before the operation is no part of it, and is done while nothing is due.
            if let Err(failure) = self.prepared(operation, &key).await {
                self.fail(operation, failure).await;
                continue;
            }
            free = Instant::now();
            let due = match self.state.options().pace {
                Pace::Closed => Instant::now(),
                Pace::Open(..) => match self.state.pacer.next().await {
                    Some(due) => due,
                    None => break,
                },
            };
            let sent = Instant::now();
            if due >= start && matches!(self.state.options().pace, Pace::Open(..)) {
                self.state
                    .late(sent.saturating_duration_since(due.max(free)));
            }
            self.state.begin(operation, due);
            let limit = self.state.options().timeout;
            let performed = match timeout(limit, self.perform(operation, &key)).await {
                Ok(performed) => performed,
                Err(_) => Err(Failure::Timeout),
            };
            self.state.end(operation, due);
            let ended = Instant::now();
            let (result, held) = match performed {
                Ok((outcome, held)) => (Ok(outcome), held),
                Err(failure) => (Err(failure), None),
            };
            let timing = Timing { due, sent, ended };
            let is_lost = result.as_ref().is_err_and(Failure::ends_connection);
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
            Operation::List => options
                .key
                .clone()
                .unwrap_or_else(|| options.keys.prefix.clone()),
            Operation::Get
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
                    | Operation::List
                    | Operation::Put
                    | Operation::Cas
                    | Operation::Create
                    | Operation::Delete
                    | Operation::Unlock => name,
                }
            }
        }
    }

    /// Prepares an operation, within the time that one may take.
    async fn prepared(&mut self, operation: Operation, key: &str) -> Result<(), Failure> {
        let limit = self.state.options().timeout;
        match timeout(limit, self.prepare(operation, key)).await {
            Ok(prepared) => prepared,
            Err(_) => Err(Failure::Timeout),
        }
    }

    async fn prepare(&mut self, operation: Operation, key: &str) -> Result<(), Failure> {
        match operation {
            Operation::Cas => self.client.prepare_cas(key).await,
            Operation::Delete => {
                self.state
                    .options()
                    .value
                    .write(self.count, &mut self.value);
                self.client
                    .create(key, &self.value)
                    .await
                    .map(|_created| ())
            }
            Operation::Get
            | Operation::List
            | Operation::Put
            | Operation::Create
            | Operation::Lock
            | Operation::Unlock => Ok(()),
        }
    }

    async fn perform(
        &mut self,
        operation: Operation,
        key: &str,
    ) -> Result<(Outcome, Option<HeldLock>), Failure> {
        self.state
            .options()
            .value
            .write(self.count, &mut self.value);
        let value = self.value.as_slice();
        let outcome = match operation {
            Operation::Get => self.client.get(key).await?,
            Operation::List => self.client.list(key).await?,
            Operation::Put => self.client.put(key, value).await?,
            Operation::Cas => self.client.cas(key, value).await?,
            Operation::Create => self.client.create(key, value).await?,
            Operation::Delete => self.client.delete(key).await?,
            Operation::Lock | Operation::Unlock => {
                let held = self.client.lock(key).await?;
                return Ok((Outcome::default(), Some(held)));
            }
        };
        Ok((outcome, None))
    }

    /// Gives a lock back, and records that as an operation of its own.
    async fn unlock(&mut self, key: &str, held: HeldLock) {
        let (sent, limit) = (Instant::now(), self.state.options().timeout);
        let result = match timeout(limit, self.client.unlock(key, held)).await {
            Ok(unlocked) => unlocked.map(|()| Outcome::default()),
            Err(_) => Err(Failure::Timeout),
        };
        let timing = Timing {
            due: sent,
            sent,
            ended: Instant::now(),
        };
        self.state.record(Operation::Unlock, &timing, &result);
    }
}
