//! TLS and credentials: real servers that let nobody else in.

use std::path::Path;

use kubekv::bench::client::{Consistency, Failure};
use kubekv::bench::operation::Operation;
use kubekv::bench::run::AnyClient;
use kubekv::config::{SourceAccess, SourceUrl, StoreAccess, StorePassword};
use support::certificates::{certificates, server_files};
use support::consul::Real;
use support::etcd_member::Member;
use support::http_client::request;

use crate::gateway::{load, measure, runtime, target_with};
use crate::run;

fn failure_of(url: &SourceUrl, access: &SourceAccess) -> Failure {
    let target = target_with(url, access);
    let mut failure = None;
    run(async {
        let mut client = AnyClient::new(&target, 0, Consistency::Linearizable);
        failure = client.put("secured/k", b"1").await.err();
    });
    failure.expect("it lets us in")
}

/// All operations are answered.
fn lets_in(url: &SourceUrl, access: &SourceAccess) {
    let target = target_with(url, access);
    let measured = measure(&target, load("put=1,get=1,list=1,cas=1,lock=1"));
    for (operation, record) in &measured.recorder.operations {
        assert!(record.answered > 0, "{operation:?}");
        assert_eq!(record.failed(), 0, "{operation:?} {:?}", record.failures);
    }
    assert!(measured.recorder.operations.contains_key(&Operation::Lock));
}

fn tls(at: &Path, name: Option<&str>) -> SourceAccess {
    let certificate = name.map(|name| {
        let file = |end| at.join(format!("{name}.{end}"));
        (file("pem"), file("key"))
    });
    SourceAccess {
        access: StoreAccess {
            authorities: Some(at.join("ca.pem")),
            certificate,
            user: None,
        },
        token: None,
    }
}

#[test]
#[ignore = "needs etcd 3.4 and openssl: tests/run"]
fn certificates_are_shown_to_etcd_and_its_own_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    certificates(at, "ca", &["server", "ours"]);
    certificates(at, "other", &["strange"]);
    let [cert, key, ca] = server_files(at);
    let more = [
        "--cert-file",
        &cert,
        "--key-file",
        &key,
        "--trusted-ca-file",
        &ca,
        "--client-cert-auth",
        "--enable-v2",
    ];
    let member = Member::start_with("etcd", "https", &more);
    for url in [
        SourceUrl::Etcd2(vec![member.address()]),
        SourceUrl::Etcd3(vec![member.address()]),
    ] {
        lets_in(&url, &tls(at, Some("ours")));
        for (access, name) in [
            (tls(at, None), "without a certificate"),
            (tls(at, Some("strange")), "with a strange one"),
            (SourceAccess::default(), "in the clear"),
        ] {
            let failure = failure_of(&url, &access);
            assert!(failure.ends_connection(), "{name}: {failure}");
        }
        let mut strange = tls(at, Some("ours"));
        strange.access.authorities = Some(at.join("other.pem"));
        let failure = failure_of(&url, &strange).to_string();
        assert!(failure.contains("certificate"), "{failure}");
    }
}

#[test]
#[ignore = "needs etcd 3.4: tests/run"]
fn users_of_etcd_2_prove_who_they_are() {
    let member = Member::start_with("etcd", "http", &["--enable-v2"]);
    let address = member.address().parse().unwrap();
    let user = br#"{"user":"root","password":"hidden"}"#;
    let setup = runtime();
    for (path, body) in [("/v2/auth/users/root", &user[..]), ("/v2/auth/enable", b"")] {
        let headers = [("Content-Type", "application/json")];
        let done = setup.block_on(request(address, "PUT", path, &headers, body));
        assert!(done.status < 300, "{path}: {done:?}");
    }
    let url = SourceUrl::Etcd2(vec![member.address()]);
    let with = |password: &str| SourceAccess {
        access: StoreAccess {
            user: Some(("root".to_owned(), StorePassword::Text(password.to_owned()))),
            ..StoreAccess::default()
        },
        token: None,
    };
    lets_in(&url, &with("hidden"));
    let refused = failure_of(&url, &with("wrong"));
    assert!(
        matches!(&refused, Failure::Refused(text) if text.starts_with("401: ")),
        "{refused}"
    );
}

#[test]
#[ignore = "needs Consul: tests/run"]
fn a_token_lets_into_consul() {
    let token = "6d7a3b1c-0d5f-4a8e-9b2f-1f2e3d4c5b6a";
    let server = runtime();
    let consul = server.block_on(Real::start_with(Some(token)));
    let url = SourceUrl::Consul(consul.address.to_string());
    let with = |token: &str| SourceAccess {
        token: Some(StorePassword::Text(token.to_owned())),
        ..SourceAccess::default()
    };
    lets_in(&url, &with(token));
    for access in [
        SourceAccess::default(),
        with("00000000-0000-0000-0000-00000000000a"),
    ] {
        let refused = failure_of(&url, &access);
        assert!(
            matches!(&refused, Failure::Refused(text) if text.starts_with("403: ")),
            "{refused}"
        );
    }
}
