//! The limit of log lines of one kind: whoever can provoke a line could otherwise fill the disk with it, and hide in it what
//! matters.
//!
//! A kind is a place in the code. Lines at `debug` and `trace` are not limited: who asks for them wants them all.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The time over which lines are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// The most lines of one kind in that time.
const LINES: u32 = 100;

/// The counts of recent lines, by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct LineLimit(Arc<Mutex<LineCounts>>);

#[derive(Debug, Default)]
struct LineCounts {
    recent: HashMap<Identifier, RecentLines>,
    left_out: u64,
}

/// The lines of one kind since the window began.
#[derive(Debug)]
struct RecentLines {
    metadata: &'static Metadata<'static>,
    begun: Instant,
    written: u32,
    left_out: u64,
}

/// Lines of one kind that were left out.
#[derive(Debug)]
struct LeftOut {
    metadata: &'static Metadata<'static>,
    lines: u64,
}

impl LineLimit {
    /// Starts a thread that logs what was left out.
    pub(super) fn start(&self) {
        let limit = self.clone();
        let started = std::thread::Builder::new()
            .name("log-limit".to_owned())
            .spawn(move || limit.report());
        if let Err(error) = started {
            tracing::warn!("cannot start the thread that reports log lines left out: {error}");
        }
    }

    /// The lines left out since the start.
    pub(super) fn left_out(&self) -> u64 {
        self.0.lock().left_out
    }

    fn report(&self) -> ! {
        loop {
            std::thread::sleep(WINDOW);
            // Logged without the lock, which every line takes.
            for LeftOut { metadata, lines } in self.take_left_out(Instant::now()) {
                tracing::warn!(
                    lines,
                    of = metadata.target(),
                    line = metadata.line(),
                    "log lines were left out: more than {LINES} of one kind in {} s",
                    WINDOW.as_secs()
                );
            }
        }
    }

    fn admit(&self, metadata: &'static Metadata<'static>, now: Instant) -> bool {
        // The order of levels is that of verbosity.
        if *metadata.level() > Level::INFO {
            return true;
        }
        let mut counts = self.0.lock();
        let new = || RecentLines {
            metadata,
            begun: now,
            written: 0,
            left_out: 0,
        };
        let recent = counts.recent.entry(metadata.callsite());
        let recent = recent.or_insert_with(new);
        if now.saturating_duration_since(recent.begun) >= WINDOW {
            (recent.begun, recent.written) = (now, 0);
        }
        if recent.written < LINES {
            recent.written += 1;
            return true;
        }
        recent.left_out += 1;
        counts.left_out += 1;
        false
    }

    /// What was left out since the last call; kinds that are quiet are forgotten.
    fn take_left_out(&self, now: Instant) -> Vec<LeftOut> {
        let mut counts = self.0.lock();
        let mut all = Vec::new();
        counts.recent.retain(|_, recent| {
            let lines = std::mem::take(&mut recent.left_out);
            let metadata = recent.metadata;
            all.extend((lines > 0).then_some(LeftOut { metadata, lines }));
            now.saturating_duration_since(recent.begun) < WINDOW
        });
        all
    }
}

impl<S: Subscriber> Layer<S> for LineLimit {
    fn event_enabled(&self, event: &Event<'_>, _context: Context<'_, S>) -> bool {
        self.admit(event.metadata(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Counts the lines that are written.
    #[derive(Clone, Debug, Default)]
    struct Written(Arc<Mutex<HashMap<Level, u32>>>);

    impl<S: Subscriber> Layer<S> for Written {
        fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
            *self.0.lock().entry(*event.metadata().level()).or_default() += 1;
        }
    }

    #[test]
    fn flood_of_one_kind_is_cut_and_counted_and_hides_no_other() {
        let (limit, written) = (LineLimit::default(), Written::default());
        let subscriber = tracing_subscriber::registry()
            .with(limit.clone())
            .with(written.clone());
        tracing::subscriber::with_default(subscriber, || {
            for request in 0..1_000 {
                tracing::warn!(request, "provoked");
                tracing::debug!(request, "asked for");
            }
            tracing::error!("what matters");
        });
        let written = written.0.lock().clone();
        assert_eq!(written[&Level::WARN], LINES);
        assert_eq!(written[&Level::ERROR], 1);
        assert_eq!(written[&Level::DEBUG], 1_000);
        assert_eq!(limit.left_out(), 1_000 - u64::from(LINES));
        let reported = limit.take_left_out(Instant::now());
        let lines: Vec<_> = reported.iter().map(|kind| kind.lines).collect();
        assert_eq!(lines, [1_000 - u64::from(LINES)]);
        assert!(limit.take_left_out(Instant::now()).is_empty(), "once");
    }

    #[tokio::test(start_paused = true)]
    async fn lines_are_written_again_after_the_window() {
        let (limit, written) = (LineLimit::default(), Written::default());
        let subscriber = tracing_subscriber::registry()
            .with(limit)
            .with(written.clone());
        let _default = tracing::subscriber::set_default(subscriber);
        for _ in 0..3 {
            for _ in 0..500 {
                tracing::warn!("provoked");
            }
            tokio::time::advance(WINDOW).await;
        }
        assert_eq!(written.0.lock()[&Level::WARN], 3 * LINES);
    }
}
