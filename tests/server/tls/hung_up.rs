//! Polls over TLS whose clients hang up: their places are free again, whatever lies unread.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::authority::Authority;
use super::client::Client;
use super::harness::{Files, PERMITS, Secured};
use crate::harness::{CONNECTIONS, wait_for};

/// How a client hangs up.
#[derive(Clone, Copy, Debug)]
enum End {
    /// As TLS has it.
    Regular,
    /// Without a word.
    Closes,
    Resets,
}

#[tokio::test]
async fn places_are_free_after_clients_hang_up() {
    let nodes = Authority::new("nodes");
    let server = Secured::start(&Files::new(&nodes.server())).await;
    let client = Client::new(&nodes, None);
    // Lengths of what a client sends after its request: nothing, and more than is read ahead.
    for behind in [0, 1, 70_000] {
        for end in [End::Regular, End::Closes, End::Resets] {
            // One address gets nine tenths of the places.
            for _ in 0..PERMITS - 1 {
                let mut stream = client.connect(server.address).await.unwrap();
                let mut bytes = b"GET /parked HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
                bytes.resize(bytes.len() + behind, b'x');
                stream.write_all(&bytes).await.unwrap();
                stream.flush().await.unwrap();
                match end {
                    End::Regular => stream.shutdown().await.unwrap(),
                    End::Closes => {}
                    End::Resets => {
                        let now = Some(Duration::ZERO);
                        let socket = socket2::SockRef::from(stream.get_ref().0);
                        socket.set_linger(now).unwrap();
                    }
                }
            }
            wait_for(&server.registry, CONNECTIONS, 0).await;
            let answer = client.get(server.address, "/").await.unwrap();
            assert_eq!(answer, "ok", "{behind}, {end:?}");
        }
    }
}
