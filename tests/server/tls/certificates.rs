//! Certificates of clients: which are refused, and what is beside the connection of those that are not.

use std::fmt::Write as _;

use kubekv::face::server::Security;
use kubekv::model::{CertificateAuthority, ClientCertificate};
use rcgen::{ExtendedKeyUsagePurpose, SanType};
use rustls::version::{TLS12, TLS13};
use sha2::{Digest, Sha256};

use super::authority::{Authority, Wanted};
use super::client::Client;
use super::harness::{Files, Secured};

fn hash(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(bytes) {
        write!(digits, "{byte:02x}").unwrap();
    }
    digits
}

#[tokio::test]
async fn every_name_of_a_certificate_is_beside_the_connection() {
    let (servers, others) = (Authority::new("servers"), Authority::new("others"));
    let nodes = Authority::new("nodes");
    let files = Files::new(&servers.server()).requiring(&[&others, &nodes]);
    let server = Secured::start(&files).await;
    let not_after = 4_000_000_000;
    let shown = nodes.issue(Wanted {
        name: "node-7",
        names: vec![
            SanType::DnsName("node-7.example".try_into().unwrap()),
            SanType::IpAddress([10, 0, 0, 7].into()),
            SanType::URI("spiffe://example/node/7".try_into().unwrap()),
            SanType::IpAddress("fd00::7".parse().unwrap()),
        ],
        usage: vec![ExtendedKeyUsagePurpose::ClientAuth],
        serial: 0xab_cdef,
        not_before: None,
        not_after: Some(not_after),
    });
    for version in [&TLS12, &TLS13] {
        let client = Client::of_version(&servers, Some(&shown), &[version]);
        assert_eq!(client.get(server.address, "/who").await.unwrap(), "node-7");
        let connection = server.who.lock().take().unwrap();
        let certificate = ClientCertificate {
            common_names: vec!["node-7".to_owned()],
            dns_names: vec!["node-7.example".to_owned()],
            ip_addresses: vec![[10, 0, 0, 7].into(), "fd00::7".parse().unwrap()],
            uris: vec!["spiffe://example/node/7".to_owned()],
            authority: CertificateAuthority {
                subject: "CN=nodes".to_owned(),
                fingerprint: hash(&nodes.certificate),
            },
            fingerprint: hash(&shown.certificate),
            serial: "abcdef".to_owned(),
            not_after: i64::try_from(not_after).unwrap(),
        };
        let client = Some(certificate.into());
        assert_eq!(connection.security, Security::Tls { client });
    }
    assert_eq!(server.handshakes("full"), 2);
}

#[tokio::test]
async fn a_client_that_shows_nothing_good_is_refused_and_counted_by_why() {
    let (nodes, strangers) = (Authority::new("nodes"), Authority::new("strangers"));
    let mut files = Files::new(&nodes.server()).requiring(&[&nodes]);
    files.lists = true;
    files.write("revoked.crl", nodes.revoked(&[66]));
    let server = Secured::start(&files).await;
    let expired = nodes.issue(Wanted {
        name: "late",
        names: Vec::new(),
        usage: Vec::new(),
        serial: 4,
        not_before: None,
        not_after: Some(1_600_000_000),
    });
    let early = nodes.issue(Wanted {
        name: "early",
        names: Vec::new(),
        usage: Vec::new(),
        serial: 5,
        not_before: Some(4_000_000_000),
        not_after: None,
    });
    for (shown, outcome) in [
        (None, "certificate_missing"),
        (Some(early), "certificate_not_valid_yet"),
        (
            Some(strangers.client("me", 3)),
            "certificate_unknown_authority",
        ),
        (Some(expired), "certificate_expired"),
        (Some(nodes.client("stolen", 66)), "certificate_revoked"),
        (Some(nodes.server()), "certificate_purpose"),
    ] {
        let client = Client::new(&nodes, shown.as_ref());
        client.get(server.address, "/").await.unwrap_err();
        server.wait_for_handshakes(outcome, 1).await;
    }
    let good = Client::new(&nodes, Some(&nodes.client("good", 5)));
    assert_eq!(good.get(server.address, "/who").await.unwrap(), "good");
}

#[tokio::test]
async fn where_certificates_are_optional_a_bad_one_is_still_refused() {
    let (nodes, strangers) = (Authority::new("nodes"), Authority::new("strangers"));
    let files = Files::new(&nodes.server());
    files.trust(&[&nodes]);
    let server = Secured::start(&files).await;
    let anonymous = Client::new(&nodes, None);
    assert_eq!(anonymous.get(server.address, "/who").await.unwrap(), "");
    let security = server.who.lock().take().unwrap().security;
    assert_eq!(security, Security::Tls { client: None });
    let named = Client::new(&nodes, Some(&nodes.client("named", 2)));
    assert_eq!(named.get(server.address, "/who").await.unwrap(), "named");
    let strange = Client::new(&nodes, Some(&strangers.client("strange", 2)));
    strange.get(server.address, "/who").await.unwrap_err();
}

#[tokio::test]
async fn clients_of_http_1_get_it_whatever_else_they_offer() {
    let nodes = Authority::new("nodes");
    let server = Secured::start(&Files::new(&nodes.server())).await;
    let plain = Client::new(&nodes, None);
    let client = plain.offering(&[b"h2", b"http/1.1"]);
    let stream = client.connect(server.address).await.unwrap();
    let agreed = stream.get_ref().1.alpn_protocol();
    assert_eq!(agreed, Some(&b"http/1.1"[..]));
    let client = plain.offering(&[b"h3"]);
    client.connect(server.address).await.unwrap_err();
    server.wait_for_handshakes("incompatible", 1).await;
}
