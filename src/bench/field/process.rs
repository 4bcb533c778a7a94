//! A server process of the field.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use super::error::FieldError;

/// How long a server has to end by itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of a server's output an error shows, in bytes.
const SHOWN: usize = 1_000;

/// A process that is ended when this is dropped, and killed when this process ends. Its output goes to a file.
#[derive(Debug)]
pub struct FieldProcess {
    name: String,
    child: Child,
    output: PathBuf,
}

impl FieldProcess {
    /// Starts a command that the launcher made; its output goes to `NAME.log` in a directory.
    pub fn start(name: &str, mut command: Command, directory: &Path) -> Result<Self, FieldError> {
        let output = directory.join(format!("{name}.log"));
        let failed = |error| FieldError::io(format!("{name}: {}", output.display()), error);
        let log = File::create(&output).map_err(failed)?;
        command.stdout(log.try_clone().map_err(failed)?).stderr(log);
        let child = command
            .spawn()
            .map_err(|error| FieldError::io(format!("{name} cannot be started"), error))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            output,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory of its output.
    pub fn directory(&self) -> PathBuf {
        self.output.parent().map(Path::to_owned).unwrap_or_default()
    }

    /// The end of its output, on one line.
    pub fn output(&self) -> String {
        let bytes = fs::read(&self.output).unwrap_or_default();
        let from = bytes.len().saturating_sub(SHOWN);
        let end = String::from_utf8_lossy(bytes.get(from..).unwrap_or_default());
        let lines: Vec<&str> = end.split_whitespace().collect();
        lines.join(" ")
    }

    /// Fails if it has ended.
    pub fn require_alive(&mut self) -> Result<(), FieldError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(FieldError::Ended {
                name: self.name.clone(),
                status: status.to_string(),
                output: self.output(),
            }),
            Err(error) => Err(FieldError::io(&self.name, error)),
        }
    }

    /// Asks until the answer is yes, with a pause before each further question. What was answered last instead of yes is in the
    /// error after its patience.
    pub(super) fn until_yes(
        &mut self,
        patience: Duration,
        pause: Duration,
        mut ask: impl FnMut() -> Result<Result<(), String>, FieldError>,
    ) -> Result<(), FieldError> {
        let until = Instant::now() + patience;
        loop {
            self.require_alive()?;
            let Err(why) = ask()? else {
                return Ok(());
            };
            if Instant::now() >= until {
                return Err(self.not_ready(patience, &why));
            }
            std::thread::sleep(pause);
        }
    }

    /// The error of one that does not answer.
    pub(super) fn not_ready(&self, patience: Duration, why: &str) -> FieldError {
        FieldError::NotReady {
            name: self.name.clone(),
            seconds: patience.as_secs(),
            why: why.trim().to_owned(),
            output: self.output(),
        }
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends it a signal, unless it has ended.
    pub(super) fn signal(&mut self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let (Ok(None), Some(pid)) = (self.child.try_wait(), pid) {
            // It is this process' child and was not waited for, so the id is still its own.
            let _gone = kill_process(pid, signal);
        }
    }

    /// Asks it to end, and kills it if it does not.
    fn end(&mut self) {
        self.signal(Signal::TERM);
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.has_ended() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for FieldProcess {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ends_by_itself_is_named_with_its_output() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo cannot open the disk; exit 7"]);
        let mut process = FieldProcess::start("etcd", command, directory.path()).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let error = loop {
            assert!(Instant::now() < until, "it does not end");
            match process.require_alive() {
                Ok(()) => std::thread::sleep(Duration::from_millis(5)),
                Err(error) => break error.to_string(),
            }
        };
        assert!(
            error.starts_with("etcd ended") && error.contains("cannot open the disk"),
            "{error}"
        );
    }

    #[test]
    fn a_process_is_asked_until_it_says_yes_or_its_patience_ends() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        command.arg("600");
        let mut process = FieldProcess::start("sleep", command, directory.path()).unwrap();
        let (patience, pause) = (Duration::from_secs(600), Duration::ZERO);
        let mut asked = 0;
        let ready = process.until_yes(patience, pause, || {
            asked += 1;
            Ok(if asked == 3 {
                Ok(())
            } else {
                Err("not yet".to_owned())
            })
        });
        assert!(ready.is_ok() && asked == 3, "{ready:?} after {asked}");
        let never = process.until_yes(Duration::ZERO, pause, || Ok(Err(" no disk\n".to_owned())));
        let never = never.unwrap_err().to_string();
        assert!(
            never.starts_with("sleep answers nothing within 0 s (no disk)"),
            "{never}"
        );
        let broken = process.until_yes(patience, pause, || {
            Err(FieldError::Missing("no program".to_owned()))
        });
        assert_eq!(broken.unwrap_err().to_string(), "no program");
    }

    #[test]
    fn a_process_ends_when_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        command.arg("600");
        let process = FieldProcess::start("sleep", command, directory.path()).unwrap();
        let path = format!("/proc/{}", process.pid());
        assert!(Path::new(&path).exists());
        drop(process);
        assert!(!Path::new(&path).exists());
    }
}
