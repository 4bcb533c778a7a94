//! Process that ends with its handle: nothing that the program started outlives it.

use std::process::{Child, Command, ExitStatus, Output};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The pause between two looks at whether a process has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// A running process; dropped, it is killed.
#[derive(Debug)]
pub(super) struct Process(Option<Child>);

impl Process {
    /// Starts one.
    pub(super) fn spawn(command: &mut Command) -> Self {
        let child = command.spawn();
        Self(Some(
            child.unwrap_or_else(|error| panic!("{command:?}: {error}")),
        ))
    }

    /// Its number.
    pub(super) fn pid(&self) -> u32 {
        self.0.as_ref().map_or(0, Child::id)
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.as_mut()?.try_wait().unwrap()
    }

    /// What it printed until its end; nothing of one that had to be killed.
    pub(super) async fn output(mut self, patience: Duration) -> Option<Output> {
        let until = Instant::now() + patience;
        // What it prints is short: it fits into a pipe.
        while self.ended().is_none() {
            if Instant::now() > until {
                return None;
            }
            sleep(PAUSE).await;
        }
        self.0.take()?.wait_with_output().ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _gone = child.kill();
            let _status = child.wait();
        }
    }
}
