//! The writer: it changes one key after another, and waits until the watchers of each have the change.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, timeout_at};

use super::options::WatchOptions;
use super::watcher::Wake;
use crate::bench::client::{Consistency, Failure, Outcome};
use crate::bench::measure::{OperationRecord, ThreadUse, Timing};
use crate::bench::pace::{Arrivals, Pacer, Schedule};
use crate::bench::run::AnyClient;
use crate::bench::target::LoadTarget;

/// The step between keys that are written after each other, so that they are far apart.
const STRIDE: u64 = 89;

/// The writer, and what it saw.
pub(super) struct ChangeWriter<'a> {
    options: &'a WatchOptions,
    client: AnyClient,
    value: Vec<u8>,
    /// The number of the last write that each watcher was woken for.
    woken_for: Vec<u64>,
    pub(super) writes: OperationRecord,
    pub(super) events: OperationRecord,
    pub(super) last_events: OperationRecord,
    /// The writes so far.
    pub(super) count: u64,
    pub(super) expected: u64,
    pub(super) woken: u64,
    pub(super) others: u64,
    /// The processor time while watchers were to be woken, and how long that was.
    pub(super) client_use: (ThreadUse, Duration),
}

impl<'a> ChangeWriter<'a> {
    pub(super) fn new(target: &Arc<LoadTarget>, options: &'a WatchOptions) -> Self {
        Self {
            options,
            client: AnyClient::new(target, u64::from(options.watchers), Consistency::Default),
            value: Vec::new(),
            woken_for: vec![0; usize::try_from(options.watchers).unwrap_or(0)],
            writes: OperationRecord::default(),
            events: OperationRecord::default(),
            last_events: OperationRecord::default(),
            count: 0,
            expected: 0,
            woken: 0,
            others: 0,
            client_use: <(ThreadUse, Duration)>::default(),
        }
    }

    /// Writes until the time is over, or all writes are made.
    pub(super) async fn run(
        &mut self,
        seen: &mut UnboundedReceiver<Wake>,
        progress: &dyn Fn(&str),
    ) {
        let start = Instant::now();
        let end = start + self.options.duration;
        let pacer = self.options.rate.map(|rate| {
            let schedule = Schedule::new(rate, Arrivals::Even, 0, 1, 0);
            Rc::new(Pacer::new(schedule, start, end))
        });
        if let Some(pacer) = pacer.clone() {
            tokio::task::spawn_local(async move {
                // Without a timer nothing becomes due, and the run ends at once.
                let _ran = pacer.run().await;
                pacer.close();
            });
        }
        let mut shown = start;
        while self.options.writes == 0 || self.count < self.options.writes {
            let due = match &pacer {
                None => Some(Instant::now()),
                Some(pacer) => pacer.next().await,
            };
            let Some(due) = due.filter(|due| *due < end) else {
                break;
            };
            self.write(due, seen).await;
            if shown.elapsed() >= Duration::from_secs(1) {
                shown = Instant::now();
                progress(&format!(
                    "{:>5.0} s  {} writes, {} woken, {} missed",
                    start.elapsed().as_secs_f64(),
                    self.count,
                    self.woken,
                    self.expected.saturating_sub(self.woken)
                ));
            }
        }
    }

    /// Writes one key, and waits for its watchers.
    async fn write(&mut self, due: Instant, seen: &mut UnboundedReceiver<Wake>) {
        let keys = &self.options.keys;
        let number = self
            .count
            .wrapping_mul(STRIDE)
            .checked_rem(keys.count)
            .unwrap_or(0);
        self.count += 1;
        // Not a value that the keys were filled with.
        self.options
            .value
            .write(u64::MAX - self.count, &mut self.value);
        let (sent, used) = (Instant::now(), ThreadUse::now());
        let until = sent + self.options.timeout;
        let name = keys.name(number);
        let put = self.client.put(&name, &self.value);
        let result = timeout_at(until, put).await;
        let result = result.unwrap_or(Err(Failure::Timeout));
        let ended = Instant::now();
        self.writes.record(&Timing { due, sent, ended }, &result);
        if result.is_err() {
            return;
        }
        let wanted = watchers_of(number, u64::from(self.options.watchers), keys.count);
        self.expected += wanted;
        let mut left = wanted;
        let mut last = None;
        while left > 0 {
            let Ok(Some(wake)) = timeout_at(until, seen.recv()).await else {
                return;
            };
            if wake.key != number || wake.at < sent || !self.is_first(&wake) {
                self.others += 1;
                continue;
            }
            left -= 1;
            self.woken += 1;
            last = Some(wake.at);
            record(&mut self.events, due, sent, wake.at);
        }
        if let Some(last) = last {
            record(&mut self.last_events, due, sent, last);
            let (spent, time) = &mut self.client_use;
            let now = ThreadUse::now().since(used);
            spent.ran += now.ran;
            spent.waited += now.waited;
            *time += last.saturating_duration_since(sent);
        }
    }

    /// Whether a watcher is woken for the first time by the last write.
    fn is_first(&mut self, wake: &Wake) -> bool {
        let place = usize::try_from(wake.watcher);
        let place = place.ok().and_then(|place| self.woken_for.get_mut(place));
        let earlier = place.map(|place| std::mem::replace(place, self.count));
        earlier != Some(self.count)
    }

    /// Counts the watchers that are woken although nothing is written any more.
    pub(super) async fn count_others(
        &mut self,
        seen: &mut UnboundedReceiver<Wake>,
        grace: Duration,
    ) {
        let until = Instant::now() + grace;
        while let Ok(Some(_late)) = timeout_at(until, seen.recv()).await {
            self.others += 1;
        }
    }
}

fn record(record: &mut OperationRecord, due: Instant, sent: Instant, ended: Instant) {
    let timing = Timing { due, sent, ended };
    record.record(&timing, &Ok(Outcome::default()));
}

/// How many of the watchers wait for a key.
fn watchers_of(key: u64, watchers: u64, keys: u64) -> u64 {
    let keys = keys.max(1);
    watchers / keys + u64::from(key < watchers % keys)
}

#[cfg(test)]
mod tests {
    use super::watchers_of;

    #[test]
    fn all_watchers_wait_for_some_key() {
        for (watchers, keys) in [(10, 3), (3, 10), (7, 7), (1, 1)] {
            let sum: u64 = (0..keys).map(|key| watchers_of(key, watchers, keys)).sum();
            assert_eq!(sum, watchers);
        }
        assert_eq!(watchers_of(5, 3, 10), 0);
    }
}
