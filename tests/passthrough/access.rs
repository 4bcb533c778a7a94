//! Users, roles, certificates.

use crate::gateway::{get, leading, put, until};
use support::certificates::certificates;
use support::command::{done, kubekv};
use support::etcd_member::Member;
use support::metrics::wait_for_metric;
use support::requests::ask;

/// Allows one user one prefix, and nothing without a password.
fn guard(member: &mut Member, prefix: &str) {
    let control = [
        &["user", "add", "root", "--new-user-password", "rootpw"][..],
        &["user", "grant-role", "root", "root"],
        &["user", "add", "gateway", "--new-user-password", "secret"],
        &["role", "add", "limited"],
        &[
            "role",
            "grant-permission",
            "limited",
            "readwrite",
            "--prefix=true",
            prefix,
        ],
        &["user", "grant-role", "gateway", "limited"],
        &["auth", "enable"],
    ];
    for arguments in control {
        member.ctl(arguments).unwrap();
    }
    member.control.push("--user=root:rootpw".to_owned());
}

fn role_for_the_prefix_suffices(component: &str) {
    let mut member = Member::start_with(
        component,
        "http",
        &["--auth-token", "simple", "--auth-token-ttl", "1"],
    );
    guard(&mut member, "p/");
    member.ctl(&["put", "outside", "v"]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret\n").unwrap();
    let file = file.path().to_str().unwrap().to_owned();
    let user = ["--store-user", "gateway", "--store-password-file", &file];
    let gateway = leading(&member.store("p"), &user);
    put(&gateway, "k", "v");
    // The token lives a second, and a heartbeat comes every 400 ms: let some of each pass.
    let term = || member.ctl(&["get", "p/.kubekv/lead"]).unwrap();
    for _ in 0..3 {
        let before = term();
        until("a heartbeat", || term() != before);
        std::thread::sleep(std::time::Duration::from_millis(1200));
        put(&gateway, "k", "later");
    }
    // A change of roles invalidates every token.
    member.ctl(&["role", "add", "another"]).unwrap();
    put(&gateway, "k", "last");
    assert_eq!(get(&gateway, "k").as_deref(), Some("last"));
    // Nested transactions have the rights of the outer one: some versions check them, some do not.
    for n in 0..100 {
        put(&gateway, &format!("t/{n}/x"), "v");
        put(&gateway, &format!("t-{n}"), "v");
    }
    let deleted = ask(gateway.consul, "DELETE /v1/kv/t?recurse");
    assert!(deleted.ends_with("true"), "{deleted}");
    assert_eq!(get(&gateway, "t/99/x"), None);
    let done = gateway.stop();
    assert_eq!(done.code, 0);
    assert!(!done.err.contains("secret"), "{}", done.err);
    assert!(!done.err.contains("permission denied"), "{}", done.err);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn role_for_the_prefix_suffices_on_3_4() {
    role_for_the_prefix_suffices("etcd");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn role_for_the_prefix_suffices_on_3_5() {
    role_for_the_prefix_suffices("etcd-3.5");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn role_for_the_prefix_suffices_on_3_6() {
    role_for_the_prefix_suffices("etcd-3.6");
}

#[test]
fn contradictory_access_options_are_refused() {
    for (arguments, want) in [
        (
            &["--store", "memory:", "--store-user", "me"][..],
            "--store-user: only a store etcd://... takes this option",
        ),
        (
            &["--store", "etcd://a:1/p", "--store-user", "me"],
            "--store-user: give --store-password-file, too",
        ),
        (
            &["--store", "etcd://a:1/p", "--store-ca", "/nowhere"],
            "--store-ca: cannot read /nowhere",
        ),
    ] {
        let mut command = kubekv();
        command.arg("serve").args(arguments);
        let done = done(command.output().unwrap());
        assert_ne!(done.code, 0);
        assert!(done.err.contains(want), "{done:?}");
    }
}

#[test]
#[ignore = "needs etcd and openssl: tests/run"]
fn certificates_are_presented_verified_and_reloaded() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    certificates(at, "ca", &["server", "ours"]);
    certificates(at, "other", &["later"]);
    // etcd trusts both authorities; we only the first.
    let both = [
        std::fs::read(at.join("ca.pem")),
        std::fs::read(at.join("other.pem")),
    ];
    let both: Vec<u8> = both.into_iter().flat_map(Result::unwrap).collect();
    std::fs::write(at.join("both.pem"), both).unwrap();
    let path = |name: &str| at.join(name).display().to_string();
    let tls = [
        "--client-cert-auth",
        "--trusted-ca-file",
        &path("both.pem"),
        "--cert-file",
        &path("server.pem"),
        "--key-file",
        &path("server.key"),
    ];
    let member = Member::start_with("etcd-3.6", "https", &tls);
    let (ca, cert, key) = (path("ca.pem"), path("ours.pem"), path("ours.key"));
    let access = [
        "--store-ca",
        &ca,
        "--store-cert",
        &cert,
        "--store-key",
        &key,
    ];
    let gateway = leading(&member.store("p"), &access);
    put(&gateway, "k", "v");
    // Another certificate, first without its key: the old one stays in use.
    std::fs::copy(at.join("later.pem"), at.join("ours.pem")).unwrap();
    put(&gateway, "k", "w");
    std::fs::copy(at.join("later.key"), at.join("ours.key")).unwrap();
    // The switch shows by a watch on another connection.
    let begun = "kubekv_store_requests_total{verb=\"watch\",status=\"0\"} 2";
    wait_for_metric(gateway.admin, begun);
    put(&gateway, "k", "x");
    assert_eq!(get(&gateway, "k").as_deref(), Some("x"));
    let done = gateway.stop();
    assert_eq!(done.code, 0);
    assert!(
        done.err.contains("the certificates have changed"),
        "{}",
        done.err
    );
}
