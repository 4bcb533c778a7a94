//! A gateway with an audit log.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::command::kubekv;
use support::requests::{answer, send_body};
use support::running::Running;
use tempfile::TempDir;

/// What no line may contain: values, passwords and tokens of these tests do.
pub(crate) const MARKER: &str = "pssst-marker";

/// A gateway over a store on disk, and its audit log.
pub(crate) struct Audited {
    pub(crate) gateway: Running,
    pub(crate) path: PathBuf,
    _directory: TempDir,
}

impl Audited {
    /// With these options, too.
    pub(crate) fn start(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        Self::start_at(directory, path, options)
    }

    /// With the log at this path.
    pub(crate) fn start_at(directory: TempDir, path: PathBuf, options: &[&str]) -> Self {
        let store = format!("embedded:{}", directory.path().join("store").display());
        let audit = path.display().to_string();
        let own = [
            "--store",
            &store,
            "--audit",
            &audit,
            "--zookeeper",
            "127.0.0.1:0",
        ];
        let gateway = Running::start_by(kubekv(), &[&own, options].concat());
        Self {
            gateway,
            path,
            _directory: directory,
        }
    }

    /// Stops the gateway; the lines it wrote.
    pub(crate) fn stop(self) -> Vec<Value> {
        let Self {
            gateway,
            path,
            _directory,
        } = self;
        let done = gateway.stop();
        assert_eq!(done.code, 0, "{done:?}");
        assert!(!done.err.contains(MARKER), "{}", done.err);
        lines(&path)
    }
}

/// The lines of a log, which have what every line has, and nothing that no line may have.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(!text.contains(MARKER), "{text}");
    let lines = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        for field in ["time", "id", "event"] {
            assert!(line[field].is_string(), "no {field}: {line}");
        }
        line
    });
    lines.collect()
}

/// The lines that have these fields.
pub(crate) fn having(lines: &[Value], fields: &[(&str, &str)]) -> Vec<Value> {
    let has = |line: &&Value| fields.iter().all(|(name, value)| line[name] == *value);
    lines.iter().filter(has).cloned().collect()
}

/// The one line that has these fields.
pub(crate) fn the_one(lines: &[Value], fields: &[(&str, &str)]) -> Value {
    let found = having(lines, fields);
    assert_eq!(found.len(), 1, "{fields:?}: {found:?} of {lines:#?}");
    found[0].clone()
}

/// Sends a request with a body, as a form unless it goes to Consul; the status and the body of its answer.
pub(crate) fn ask(to: SocketAddr, line: &str, body: &str) -> (u16, String) {
    let kind = if line.contains("/v2/") {
        "application/x-www-form-urlencoded"
    } else {
        ""
    };
    let answer = answer(send_body(to, line, kind, body));
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}
