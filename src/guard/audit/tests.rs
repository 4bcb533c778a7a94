//! Tests of the audit log's file: what is in it, rotation, a full disk, and what is refused meanwhile.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::thread;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::Value;

use super::*;
use crate::guard::memory_keyspace::any_client;
use crate::model::Verb;
use crate::space::{Audit as _, AuditEvent, Denied};

struct Begun {
    log: AuditLog,
    registry: Registry,
}

impl Begun {
    fn at(path: &Path) -> Self {
        let mut registry = Registry::with_prefix("kubekv");
        let destination = AuditDestination::File(path.to_owned());
        let log = AuditLog::begin(&destination, true, &mut registry).unwrap();
        Self { log, registry }
    }

    /// Records a read of this key.
    fn read(&self, key: &str) {
        let event = AuditEvent::Read {
            verb: Verb::Read,
            key: Some(key.as_bytes()),
            index: 7,
        };
        self.log.record(&any_client(), &event);
    }

    fn metric(&self, name: &str) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name}: {text}"));
        line.rsplit(' ').next().unwrap().to_owned()
    }
}

/// The keys of the lines of a file, which are all whole.
fn keys(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let keys = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        line["key"].as_str().unwrap_or("-").to_owned()
    });
    keys.collect()
}

/// Waits until something holds; a test that waits in vain fails.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("not within 10 s: {what}");
}

/// Makes a path a link to another file, in one step.
fn turn_to(path: &Path, other: &Path) {
    let link = path.with_extension("new");
    symlink(other, &link).unwrap();
    fs::rename(&link, path).unwrap();
}

#[test]
fn lines_are_in_their_order_in_a_file_of_its_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    let begun = Begun::at(&path);
    let all: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
    for key in &all {
        begun.read(key);
    }
    begun.log.close();
    assert_eq!(keys(&path), all);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        begun.metric("kubekv_audit_lines_total{outcome=\"written\"}"),
        "1000"
    );
    assert_eq!(begun.metric("kubekv_audit_failing"), "0");
}

#[test]
fn a_next_gateway_goes_on_behind_a_line_that_was_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    fs::write(&path, "{\"key\":\"whole\"}\n{\"key\":\"cut o").unwrap();
    let begun = Begun::at(&path);
    begun.read("next");
    begun.log.close();
    let text = fs::read_to_string(&path).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((text.lines().count(), &last["key"]), (3, &"next".into()));
}

#[test]
fn a_file_that_is_renamed_or_removed_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.log");
    let rotated = directory.path().join("audit.log.1");
    let begun = Begun::at(&path);
    begun.read("before");
    eventually("the first line", || keys(&path) == ["before"]);
    fs::rename(&path, &rotated).unwrap();
    // Without a line to be written, too.
    eventually("a new file", || path.exists());
    begun.read("after");
    eventually("the second line", || keys(&path) == ["after"]);
    assert_eq!(keys(&rotated), ["before"]);
    fs::remove_file(&path).unwrap();
    eventually("another file", || path.exists());
    begun.read("last");
    begun.log.close();
    assert_eq!(keys(&path), ["last"]);
}

#[test]
fn on_a_full_disk_changes_are_refused_and_nothing_is_lost_when_there_is_room_again() {
    let directory = tempfile::tempdir().unwrap();
    let (path, good) = (
        directory.path().join("audit"),
        directory.path().join("good"),
    );
    symlink("/dev/full", &path).unwrap();
    let begun = Begun::at(&path);
    assert_eq!(begun.log.check(), Ok(()));
    begun.read("first");
    eventually("changes are refused", || begun.log.check().is_err());
    assert_eq!(begun.log.check(), Err(Denied::Unaudited));
    assert_eq!(begun.metric("kubekv_audit_failing"), "1");
    begun.read("second");
    turn_to(&path, &good);
    eventually("changes are accepted", || begun.log.check().is_ok());
    begun.log.close();
    assert_eq!(keys(&good), ["first", "second"]);
    assert_eq!(begun.metric("kubekv_audit_failing"), "0");
    assert_eq!(
        begun.metric("kubekv_audit_lines_total{outcome=\"lost\"}"),
        "0"
    );
}

#[test]
fn lines_that_find_no_room_are_counted_and_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let (path, good) = (
        directory.path().join("audit"),
        directory.path().join("good"),
    );
    symlink("/dev/full", &path).unwrap();
    let begun = Begun::at(&path);
    let long = "k".repeat(4_000);
    for _ in 0..3_000 {
        begun.read(&long);
    }
    eventually("changes are refused", || begun.log.check().is_err());
    turn_to(&path, &good);
    eventually("changes are accepted", || begun.log.check().is_ok());
    begun.read("last");
    begun.log.close();
    let text = fs::read_to_string(&good).unwrap();
    let lost: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["event"] == "lost")
        .collect();
    let lines: u64 = lost
        .iter()
        .map(|line| line["lines"].as_u64().unwrap())
        .sum();
    let kept = u64::try_from(text.lines().count() - lost.len()).unwrap();
    assert_eq!(kept + lines, 3_001);
    assert!(lines > 0);
    let counted = begun.metric("kubekv_audit_lines_total{outcome=\"lost\"}");
    assert_eq!(counted, lines.to_string());
}

#[test]
fn a_log_that_cannot_be_opened_is_no_log() {
    let directory = tempfile::tempdir().unwrap();
    let begin = |path: &Path| {
        let destination = AuditDestination::File(path.to_owned());
        let begun = AuditLog::begin(&destination, false, &mut Registry::default());
        begun.unwrap_err().to_string()
    };
    let missing = begin(&directory.path().join("no/audit.log"));
    assert!(
        missing.contains("--audit") && missing.contains("no/audit.log"),
        "{missing}"
    );
    begin(directory.path());
}
