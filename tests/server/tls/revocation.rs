//! Certificates of clients that are not valid any more: their connections end, and their tickets help nothing.

use kubekv::model::time::unix_ms;
use rcgen::ExtendedKeyUsagePurpose;

use super::authority::{Authority, Wanted};
use super::client::{Client, get, is_closed};
use super::harness::{Files, Secured};
use crate::harness::wait_for;

fn closed(why: &str) -> String {
    format!("tls_connections_closed_total{{face=\"test\",outcome=\"{why}\"}}")
}

#[tokio::test]
async fn a_revoked_client_loses_its_connection_and_its_ticket() {
    let nodes = Authority::new("nodes");
    let mut files = Files::new(&nodes.server()).requiring(&[&nodes]);
    files.lists = true;
    files.write("revoked.crl", nodes.revoked(&[]));
    let server = Secured::start(&files).await;
    let stolen = Client::new(&nodes, Some(&nodes.client("stolen", 66)));
    let good = Client::new(&nodes, Some(&nodes.client("good", 7)));
    let mut kept = good.connect(server.address).await.unwrap();
    let mut ends = stolen.connect(server.address).await.unwrap();
    for stream in [&mut kept, &mut ends] {
        get(stream, "/who").await.unwrap();
    }
    // Its ticket spares it the second handshake.
    assert_eq!(stolen.get(server.address, "/who").await.unwrap(), "stolen");
    assert_eq!(server.handshakes("resumed"), 1);
    files.write("revoked.crl", nodes.revoked(&[66]));
    assert!(is_closed(&mut ends).await);
    wait_for(&server.registry, &closed("certificate_revoked"), 1).await;
    stolen.get(server.address, "/who").await.unwrap_err();
    server.wait_for_handshakes("certificate_revoked", 1).await;
    assert_eq!(server.handshakes("resumed"), 1);
    assert_eq!(get(&mut kept, "/who").await.unwrap(), "good");
    // A list that cannot be read leaves the last one in force.
    files.write("revoked.crl", "nothing");
    server.wait_for_reloads("failed", 1).await;
    stolen.get(server.address, "/who").await.unwrap_err();
    assert_eq!(get(&mut kept, "/who").await.unwrap(), "good");
}

#[tokio::test]
async fn clients_of_an_authority_that_is_taken_away_lose_their_connections() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let files = Files::new(&new.server()).requiring(&[&old, &new]);
    let server = Secured::start(&files).await;
    let mut before = Client::new(&new, Some(&old.client("before", 2)))
        .connect(server.address)
        .await
        .unwrap();
    let mut after = Client::new(&new, Some(&new.client("after", 2)))
        .connect(server.address)
        .await
        .unwrap();
    assert_eq!(get(&mut before, "/who").await.unwrap(), "before");
    assert_eq!(get(&mut after, "/who").await.unwrap(), "after");
    files.trust(&[&new]);
    assert!(is_closed(&mut before).await);
    wait_for(
        &server.registry,
        &closed("certificate_unknown_authority"),
        1,
    )
    .await;
    assert_eq!(get(&mut after, "/who").await.unwrap(), "after");
}

#[tokio::test]
async fn a_connection_ends_with_the_certificate_of_its_client() {
    let nodes = Authority::new("nodes");
    let files = Files::new(&nodes.server()).requiring(&[&nodes]);
    let server = Secured::start(&files).await;
    let now = u64::try_from(unix_ms() / 1_000).unwrap();
    let short = nodes.issue(Wanted {
        name: "short",
        names: Vec::new(),
        usage: vec![ExtendedKeyUsagePurpose::ClientAuth],
        serial: 2,
        not_before: None,
        not_after: Some(now + 2),
    });
    let client = Client::new(&nodes, Some(&short));
    let mut stream = client.connect(server.address).await.unwrap();
    assert_eq!(get(&mut stream, "/who").await.unwrap(), "short");
    assert!(is_closed(&mut stream).await);
    wait_for(&server.registry, &closed("certificate_expired"), 1).await;
    // A ticket of before proves no more than the certificate in it.
    client.get(server.address, "/who").await.unwrap_err();
    server.wait_for_handshakes("certificate_expired", 1).await;
}
