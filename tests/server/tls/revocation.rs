//! Certificates of clients that are not valid any more: their connections end, and their tickets help nothing.

use kubekv::model::time::unix_ms;
use rcgen::ExtendedKeyUsagePurpose;

use super::authority::{Authority, Wanted, pem};
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

/// Lists of an authority, in PEM.
fn lists(all: &[(&Authority, &[u64])]) -> String {
    let list = |(authority, serials): &(&Authority, &[u64])| authority.revoked(serials);
    all.iter().map(|one| pem("X509 CRL", &list(one))).collect()
}

#[tokio::test]
async fn every_list_of_an_authority_counts() {
    let nodes = Authority::new("nodes");
    let mut files = Files::new(&nodes.server()).requiring(&[&nodes]);
    files.lists = true;
    files.write("revoked.crl", lists(&[(&nodes, &[7]), (&nodes, &[66])]));
    let server = Secured::start(&files).await;
    let get = async |serial| {
        let client = Client::new(&nodes, Some(&nodes.client("client", serial)));
        client.get(server.address, "/who").await.is_ok()
    };
    assert!(!get(7).await);
    assert!(!get(66).await, "it is in the second list");
    assert!(get(8).await);
    server.wait_for_handshakes("certificate_revoked", 2).await;
}

/// As while an authority is replaced by another one of its name.
#[tokio::test]
async fn authorities_of_one_name_have_lists_of_their_own() {
    let (old, new) = (Authority::new("nodes"), Authority::new("nodes"));
    let mut files = Files::new(&new.server()).requiring(&[&old, &new]);
    files.lists = true;
    // The new one has no list yet.
    files.write("revoked.crl", lists(&[(&old, &[5])]));
    let server = Secured::start(&files).await;
    let get = async |authority: &Authority, serial| {
        let client = Client::new(&new, Some(&authority.client("client", serial)));
        client.get(server.address, "/who").await.is_ok()
    };
    assert!(!get(&old, 5).await);
    assert!(get(&old, 6).await);
    assert!(get(&new, 5).await, "the list is the old one's");
    for (reload, both) in [[(&old, &[5]), (&new, &[6])], [(&new, &[6]), (&old, &[5])]]
        .into_iter()
        .enumerate()
    {
        let both = both.map(|(authority, serials): (_, &[u64; 1])| (authority, &serials[..]));
        files.write("revoked.crl", lists(&both));
        let reloads = u64::try_from(reload + 1).unwrap();
        server.wait_for_reloads("ok", reloads).await;
        let mut accepted = Vec::new();
        for (authority, serial) in [(&old, 5), (&old, 6), (&new, 5), (&new, 6)] {
            accepted.push(get(authority, serial).await);
        }
        assert_eq!(accepted, [false, true, true, false], "{reload}");
    }
}

#[tokio::test]
async fn a_list_that_its_authority_has_not_signed_refuses_its_clients() {
    let nodes = Authority::new("nodes");
    let mut files = Files::new(&nodes.server()).requiring(&[&nodes]);
    files.lists = true;
    let mut forged = nodes.revoked(&[66]);
    let last = forged.last_mut().unwrap();
    *last ^= 1;
    files.write("revoked.crl", forged);
    let server = Secured::start(&files).await;
    let client = Client::new(&nodes, Some(&nodes.client("client", 7)));
    client.get(server.address, "/who").await.unwrap_err();
    server.wait_for_handshakes("certificate_invalid", 1).await;
}
