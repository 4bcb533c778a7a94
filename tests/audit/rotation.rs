//! Rotation, and a gateway that is killed.

use std::fs;

use support::until::until;

use crate::gateway::{Audited, MARKER, ask, lines, the_one};

#[test]
fn a_log_that_is_renamed_goes_on_in_a_new_file() {
    let audited = Audited::start(&[]);
    let consul = audited.gateway.consul;
    assert_eq!(ask(consul, "PUT /v1/kv/first", MARKER).1, "true");
    let rotated = audited.path.with_extension("1");
    until("the first line", || lines(&audited.path).len() == 1);
    fs::rename(&audited.path, &rotated).unwrap();
    until("a new file", || audited.path.exists());
    assert_eq!(ask(consul, "PUT /v1/kv/second", MARKER).1, "true");
    the_one(&lines(&rotated), &[("key", "first")]);
    the_one(&audited.stop(), &[("key", "second")]);
}

#[test]
fn what_was_answered_a_moment_before_a_kill_is_in_the_log() {
    let audited = Audited::start(&[]);
    for number in 0..20 {
        let line = format!("PUT /v1/kv/k{number}");
        assert_eq!(ask(audited.gateway.consul, &line, MARKER).1, "true");
    }
    until("the last line", || lines(&audited.path).len() == 20);
    audited.gateway.signal(rustix::process::Signal::KILL);
    let lines = lines(&audited.path);
    (0..20).for_each(|number| drop(the_one(&lines, &[("key", &format!("k{number}"))])));
}
