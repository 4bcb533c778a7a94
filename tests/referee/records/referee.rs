//! `Referee`: libnetwork's own decoders, in a process of their own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use support::components::component;

/// The process, and what it was asked and has not answered.
pub struct Referee {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asked: Vec<(String, Vec<u8>)>,
}

impl Referee {
    pub fn start() -> Self {
        let program = component("libnetwork").join("referee");
        let mut process = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: process.stdin.take().unwrap(),
            output: BufReader::new(process.stdout.take().unwrap()),
            process,
            asked: Vec::new(),
        }
    }

    /// Asks about a record; the answer is judged later.
    pub fn ask(&mut self, kind: &str, value: &[u8]) {
        self.asked.push((kind.to_owned(), value.to_vec()));
    }

    /// What of all that was asked about harms a daemon.
    pub fn settle(&mut self) -> Vec<String> {
        let mut harmful = Vec::new();
        for (kind, value) in std::mem::take(&mut self.asked) {
            let answer = self.answer(&kind, &value);
            if answer == "ok" {
                continue;
            }
            harmful.push(format!("{answer}: {kind} {}", value.escape_ascii()));
            if answer == "hang" {
                // It cannot end by itself what hangs.
                *self = Self::start();
            }
        }
        harmful
    }

    /// What becomes of a record.
    pub fn answer(&mut self, kind: &str, value: &[u8]) -> String {
        writeln!(self.input, "{kind} {}", STANDARD.encode(value)).unwrap();
        self.input.flush().unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Referee {
    fn drop(&mut self) {
        // One that is gone needs no end.
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }
}
