//! Commands with a time limit.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tokio::time::Instant;

use super::error::FieldError;

/// How long a command that must succeed may take.
const COMMAND: Duration = Duration::from_secs(30);

/// How often it is looked whether a command has ended.
const LOOK: Duration = Duration::from_millis(2);

/// What came of a command.
#[derive(Debug)]
pub struct BoundedOutput {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub out: Vec<u8>,
    /// Its standard error.
    pub err: String,
}

/// Runs a command to its end, and kills it at the limit. Its output goes through files in `scratch`, so that a command that
/// writes much never waits for a reader.
pub fn run_bounded(
    name: &str,
    mut command: Command,
    limit: Duration,
    scratch: &Path,
) -> Result<BoundedOutput, FieldError> {
    let (out, err) = (scratch.join("command.out"), scratch.join("command.err"));
    let create = |path: &Path| File::create(path).map_err(|e| FieldError::io(path.display(), e));
    command.stdout(create(&out)?).stderr(create(&err)?);
    let failed = |error| FieldError::io(name, error);
    let mut child = command.spawn().map_err(failed)?;
    let until = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if Instant::now() >= until {
            // It may have ended in this moment.
            let _gone = child.kill();
            let _reaped = child.wait();
            return Err(FieldError::TooLong {
                name: name.to_owned(),
                seconds: limit.as_secs(),
            });
        }
        std::thread::sleep(LOOK);
    };
    let read = |path: &Path| fs::read(path).map_err(|e| FieldError::io(path.display(), e));
    Ok(BoundedOutput {
        status,
        out: read(&out)?,
        err: String::from_utf8_lossy(&read(&err)?).into_owned(),
    })
}

/// Runs a command that must succeed; its standard output.
pub(super) fn succeed(name: &str, command: Command, scratch: &Path) -> Result<Vec<u8>, FieldError> {
    let output = run_bounded(name, command, COMMAND, scratch)?;
    if output.status.success() {
        return Ok(output.out);
    }
    let why = std::io::Error::other(output.err.trim().to_owned());
    Err(FieldError::io(name, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_command_that_does_not_end_is_killed() {
        let directory = tempfile::tempdir().unwrap();
        let ended = run_bounded(
            "sleep",
            shell("exec sleep 600"),
            Duration::from_millis(50),
            directory.path(),
        );
        assert!(matches!(ended, Err(FieldError::TooLong { .. })));
    }

    #[test]
    fn long_output_is_read_whole() {
        let directory = tempfile::tempdir().unwrap();
        let script = "head -c 300000 /dev/zero; echo no >&2; exit 3";
        let limit = Duration::from_secs(60);
        let output = run_bounded("sh", shell(script), limit, directory.path()).unwrap();
        let (code, length) = (output.status.code(), output.out.len());
        assert_eq!((code, length, &*output.err), (Some(3), 300_000, "no\n"));
    }
}
