//! `AuditWriter`: the thread that hands the lines of the audit log to the kernel.
//!
//! Lines wait for [`GATHER`] at most before they are written; `fsync` is not called. While the file cannot be written the lines
//! wait, and it is tried again and again.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::file::AuditFile;
use super::line::{LineBuffer, PartName};
use super::metrics::AuditMetrics;
use super::queue::{AuditQueue, TakenLines};

/// How long lines gather behind those that were just written: under load a call of the kernel for each would cost more than
/// the change that it records.
const GATHER: Duration = Duration::from_millis(2);

/// How often it is looked whether the file was renamed or removed.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// The pause before the file is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// The pause between two lines in the gateway's log that say that it cannot be written.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// The time of the machine: the thread has no other clock, and nothing but files waits for it.
#[expect(
    clippy::disallowed_methods,
    reason = "the guard is no part of the runtime, and tests with paused time do not wait for files"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// Writes the lines of a queue to a file.
#[derive(Debug)]
pub(super) struct AuditWriter {
    pub(super) file: AuditFile,
    pub(super) queue: Arc<AuditQueue>,
    pub(super) metrics: AuditMetrics,
    followed: Instant,
    /// When the gateway's log last said that the file cannot be written; `None` while it can be.
    failing: Option<Instant>,
}

impl AuditWriter {
    pub(super) fn new(file: AuditFile, queue: Arc<AuditQueue>, metrics: AuditMetrics) -> Self {
        Self {
            file,
            queue,
            metrics,
            followed: now(),
            failing: None,
        }
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let mut emptied = Vec::new();
        loop {
            let mut taken = self.queue.take(FOLLOW_EVERY, emptied);
            if taken.lost > 0 {
                self.metrics.count_lost(taken.lost);
                taken = behind_lost(taken);
            }
            if taken.lines.is_empty() && taken.is_closed {
                return;
            }
            if !self.write_all(&taken) {
                return;
            }
            if !taken.lines.is_empty() {
                self.queue.wait_unless_closed(GATHER);
            }
            emptied = taken.lines;
        }
    }

    /// Writes whole lines, however long that takes; `false` where the queue was closed before that was possible.
    fn write_all(&mut self, taken: &TakenLines) -> bool {
        let lines = taken.lines.as_slice();
        let mut written = 0;
        loop {
            match self.write_some(lines, &mut written) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A pipe that is full and does not wait.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.queue.wait_unless_closed(Duration::from_millis(10));
                }
                Err(error) => {
                    self.fail(&error);
                    if self.queue.wait_unless_closed(RETRY_AFTER) {
                        self.metrics.count_lost(count(lines.get(written..)));
                        return false;
                    }
                }
            }
        }
        self.metrics.count_written(taken.count);
        self.recover();
        true
    }

    fn write_some(&mut self, lines: &[u8], written: &mut usize) -> io::Result<()> {
        loop {
            if self.failing.is_some() || now() - self.followed >= FOLLOW_EVERY {
                let is_new = self.file.follow()?;
                self.followed = now();
                if is_new {
                    // The new file begins with a whole line.
                    let before = lines.get(..*written).unwrap_or_default();
                    let end = before.iter().rposition(|byte| *byte == b'\n');
                    *written = end.map_or(0, |end| end + 1);
                }
            }
            let Some(rest) = lines.get(*written..).filter(|rest| !rest.is_empty()) else {
                return Ok(());
            };
            *written += self.file.write(rest)?;
        }
    }

    fn fail(&mut self, error: &io::Error) {
        self.queue.set_failing(true);
        self.metrics.failing.set(1);
        let is_logged = self.failing.is_some_and(|at| now() - at < LOG_EVERY);
        if !is_logged {
            self.failing = Some(now());
            tracing::error!(
                %error,
                "the audit log (--audit) cannot be written: changes of clients are refused until it can be, and reads go on; \
                 make room for it, or give the gateway the right to write it"
            );
        }
    }

    fn recover(&mut self) {
        if self.metrics.failing.get() != 0 {
            self.metrics.failing.set(0);
        }
        if self.failing.take().is_some() {
            self.queue.set_failing(false);
            tracing::info!("the audit log can be written again: changes are accepted");
        }
    }
}

/// The same behind a line that says that others were lost.
fn behind_lost(mut taken: TakenLines) -> TakenLines {
    let mut first = LineBuffer::default();
    let line = first.line("lost", 0);
    line.some_number(PartName::LINES, Some(taken.lost)).end();
    let (mut lines, count) = first.take(Vec::new());
    lines.append(&mut taken.lines);
    TakenLines {
        lines,
        count: taken.count + count,
        ..taken
    }
}

fn count(lines: Option<&[u8]>) -> u64 {
    let lines = lines
        .unwrap_or_default()
        .split_inclusive(|byte| *byte == b'\n');
    u64::try_from(lines.count()).unwrap_or(u64::MAX)
}
