//! Take-overs: the process that clients ask ends, and another one answers them.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

use super::asking::{AskedServer, Outage};
use super::error::FieldError;
use super::process::FieldProcess;
use super::running::{LONG_PATIENCE, READY_KEY, RunningDeployment};

/// How long a process that is asked to end has for that.
const END: Duration = Duration::from_secs(20);

/// The time between two looks.
const LOOK: Duration = Duration::from_millis(1);

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessEnd {
    /// By `kill -9`: it can tell nobody.
    Killed,
    /// As it is asked to.
    Stopped,
}

impl RunningDeployment {
    /// Ends the process that clients ask. On a shared store a second gateway, which clients ask all the time, has read the store
    /// and stands by: it takes over. A server that is alone is started again at once, on what it has stored.
    pub fn take_over(&mut self, end: ProcessEnd) -> Result<Outage, FieldError> {
        let Some(running) = self.processes.first() else {
            let why = "nothing of it runs".to_owned();
            return Err(FieldError::Missing(why));
        };
        let directory = running.directory();
        let standby = match &self.pair {
            None => None,
            Some(pair) => {
                let command = pair.other.command.command();
                let mut process = FieldProcess::start(pair.other.name, command, &directory)?;
                pair.other.until_it_stands_by(&mut process, LONG_PATIENCE)?;
                Some(process)
            }
        };
        let ending = self.processes.remove(0);
        if let Some(pair) = &mut self.pair {
            pair.swap();
            self.target.clone_from(&pair.running.target);
            self.command = pair.running.command.clone();
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| FieldError::io("clients", error))?;
        let change = ProcessChange {
            end,
            ending,
            directory,
            next: standby,
        };
        let measured = LocalSet::new().block_on(&runtime, change.measure(self));
        // Requests that are under way end with their connections.
        runtime.shutdown_background();
        measured
    }
}

/// The end of a process, and the one that answers after it.
struct ProcessChange {
    end: ProcessEnd,
    ending: FieldProcess,
    directory: PathBuf,
    /// The one that stands by, if one does.
    next: Option<FieldProcess>,
}

impl ProcessChange {
    async fn measure(mut self, of: &mut RunningDeployment) -> Result<Outage, FieldError> {
        let server = AskedServer::begin(&of.target, &of.access, READY_KEY).await?;
        let began = Instant::now();
        let asked = self.next.as_mut().unwrap_or(&mut self.ending);
        until_answered(&server, began, asked).await?;
        server.forget();
        match self.end {
            ProcessEnd::Killed => self.ending.signal(Signal::KILL),
            ProcessEnd::Stopped => self.ending.signal(Signal::TERM),
        }
        let until = Instant::now() + END;
        while !self.ending.has_ended() {
            if Instant::now() >= until {
                return Err(FieldError::TooLong {
                    name: self.ending.name().to_owned(),
                    seconds: END.as_secs(),
                });
            }
            sleep(LOOK).await;
        }
        let ended = Instant::now();
        let next = match self.next.take() {
            Some(standby) => standby,
            None => FieldProcess::start(self.ending.name(), of.command.command(), &self.directory)?,
        };
        of.processes.insert(0, next);
        if let Some(next) = of.processes.first_mut() {
            until_answered(&server, ended, next).await?;
        }
        Ok(server.longest())
    }
}

/// Waits until a write and a read were answered that were sent after a time.
async fn until_answered(
    server: &AskedServer,
    after: Instant,
    process: &mut FieldProcess,
) -> Result<(), FieldError> {
    let until = Instant::now() + LONG_PATIENCE;
    while !server.has_answered_since(after) {
        process.require_alive()?;
        if Instant::now() >= until {
            return Err(process.not_ready(LONG_PATIENCE, &server.failure()));
        }
        sleep(LOOK).await;
    }
    Ok(())
}
