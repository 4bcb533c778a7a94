//! The launcher of child processes: a program that ends when this process does.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The name of the hidden command of `kubekv bench` that becomes another program.
pub const ATTACHED: &str = "attached";

/// Starts programs by `kubekv bench attached`, which asks the kernel to kill it when the process that started it ends, however it
/// ends, and then becomes the program. The process id is the program's.
#[derive(Clone, Debug)]
pub struct Launcher {
    kubekv: PathBuf,
}

impl Launcher {
    /// A launcher by this kubekv.
    pub fn new(kubekv: PathBuf) -> Self {
        Self { kubekv }
    }

    /// The kubekv.
    pub fn kubekv(&self) -> &Path {
        &self.kubekv
    }

    /// A command that becomes a program. It must be started by a thread that lives as long as the program is to: the kernel
    /// takes the end of that thread for that of the parent.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(&self.kubekv);
        command
            .args(["bench", ATTACHED, &std::process::id().to_string(), "--"])
            .arg(program)
            .stdin(Stdio::null());
        command
    }
}
