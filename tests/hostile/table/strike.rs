//! The attack alone, in a process of its own: nobody else waits for its processor time.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::options::StrikeOptions;
use super::process::Process;
use crate::attacks;
use crate::client::Target;
use crate::client::certificates::Certificates;
use crate::stage::Stage;
use crate::tally::Counts;

/// How long a process may take to end when its time is over.
const GRACE: Duration = Duration::from_secs(15);

/// Attacks until the time is over, and prints what the requests got.
pub(crate) async fn run(options: &StrikeOptions) {
    let attack = attacks::named(&options.attack).expect("an attack of this name");
    let until = Instant::now() + Duration::from_secs_f64(options.seconds);
    let mut target = Target::from(options.target);
    if let Some(directory) = &options.certificates {
        target = target.shown(Certificates::read(directory, options.identities));
    }
    let stage = Stage::new(target, options.addresses, false, until, usize::MAX);
    let stage = Arc::new(stage);
    (attack.strike)(Arc::clone(&stage)).await;
    println!("{}", serde_json::to_string(&stage.tally.counts()).unwrap());
}

/// Starts the process.
pub(super) fn spawn(options: &StrikeOptions) -> Process {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command
        .arg("strike")
        .args(["--attack", &options.attack])
        .args(["--target", &options.target.to_string()])
        .args(["--addresses", &options.addresses.to_string()])
        .args(["--identities", &options.identities.to_string()])
        .args(["--seconds", &options.seconds.to_string()])
        .stdout(Stdio::piped());
    if let Some(directory) = &options.certificates {
        command.arg("--certificates").arg(directory);
    }
    Process::spawn(&mut command)
}

/// Waits until it has ended; what its requests got, unless it had to be killed.
pub(super) async fn end(process: Process) -> Counts {
    let output = process.output(GRACE).await;
    output.map_or_else(Counts::default, |output| {
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    })
}
