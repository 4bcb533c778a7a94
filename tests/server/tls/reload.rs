//! Files that change: what they hold comes into use, and no connection ends by that.

use std::os::unix::fs::symlink;

use super::authority::{Authority, Issued};
use super::client::{Client, get};
use super::harness::{Files, Secured};

/// Which certificate the server shows.
async fn shown(client: &Client, server: &Secured) -> Vec<u8> {
    let stream = client.connect(server.address).await.unwrap();
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    chain[0].to_vec()
}

fn replace(files: &Files, with: &Issued) {
    files.write("tls.crt", with.pem());
    files.write("tls.key", with.key_pem());
}

#[tokio::test]
async fn a_new_pair_is_shown_to_new_connections_and_the_old_ones_go_on() {
    let nodes = Authority::new("nodes");
    let (first, second) = (nodes.server(), nodes.server());
    let files = Files::new(&first);
    let server = Secured::start(&files).await;
    let client = Client::new(&nodes, None);
    let mut kept = client.connect(server.address).await.unwrap();
    assert_eq!(get(&mut kept, "/").await.unwrap(), "ok");
    assert_eq!(shown(&client, &server).await, first.certificate.to_vec());
    replace(&files, &second);
    server.wait_for_reloads("ok", 1).await;
    assert_eq!(shown(&client, &server).await, second.certificate.to_vec());
    assert_eq!(get(&mut kept, "/").await.unwrap(), "ok");
}

#[tokio::test]
async fn a_pair_of_which_one_half_was_replaced_is_not_used() {
    let nodes = Authority::new("nodes");
    let (first, second) = (nodes.server(), nodes.server());
    let files = Files::new(&first);
    let server = Secured::start(&files).await;
    let client = Client::new(&nodes, None);
    files.write("tls.crt", second.pem());
    server.wait_for_reloads("failed", 1).await;
    assert_eq!(shown(&client, &server).await, first.certificate.to_vec());
    files.write("tls.key", second.key_pem());
    server.wait_for_reloads("ok", 1).await;
    assert_eq!(shown(&client, &server).await, second.certificate.to_vec());
    // What cannot be read, or read as what it is, leaves things as they are.
    files.write("tls.crt", "");
    server.wait_for_reloads("failed", 2).await;
    std::fs::remove_file(files.path("tls.crt")).unwrap();
    server.wait_for_reloads("failed", 3).await;
    assert_eq!(shown(&client, &server).await, second.certificate.to_vec());
    replace(&files, &first);
    server.wait_for_reloads("ok", 2).await;
    assert_eq!(shown(&client, &server).await, first.certificate.to_vec());
}

/// The layout of a mounted Secret: every file is a link to one in `..data`, which is a link that is replaced.
#[tokio::test]
async fn a_mounted_secret_is_followed() {
    let nodes = Authority::new("nodes");
    let (first, second) = (nodes.server(), nodes.server());
    let files = Files::new(&first);
    for (name, pair) in [("..2026_1", &first), ("..2026_2", &second)] {
        let at = files.path(name);
        std::fs::create_dir(&at).unwrap();
        std::fs::write(at.join("tls.crt"), pair.pem()).unwrap();
        std::fs::write(at.join("tls.key"), pair.key_pem()).unwrap();
    }
    let point = |at: &str| {
        symlink(at, files.path("..data_tmp")).unwrap();
        std::fs::rename(files.path("..data_tmp"), files.path("..data")).unwrap();
    };
    point("..2026_1");
    for name in ["tls.crt", "tls.key"] {
        std::fs::remove_file(files.path(name)).unwrap();
        symlink(format!("..data/{name}"), files.path(name)).unwrap();
    }
    let server = Secured::start(&files).await;
    let client = Client::new(&nodes, None);
    assert_eq!(shown(&client, &server).await, first.certificate.to_vec());
    point("..2026_2");
    server.wait_for_reloads("ok", 1).await;
    assert_eq!(shown(&client, &server).await, second.certificate.to_vec());
    std::fs::remove_dir_all(files.at().join("..2026_1")).unwrap();
}
