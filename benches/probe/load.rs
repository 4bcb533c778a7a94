//! Writing many entries over a few concurrent connections.

use super::client::Client;
use super::server::Server;

const CONNECTIONS: usize = 64;

/// Writes the keys `PREFIX/0` to `PREFIX/COUNT-1`.
pub async fn keys(server: Server, prefix: &'static str, count: usize) {
    let mut writers = tokio::task::JoinSet::new();
    for first in 0..CONNECTIONS {
        writers.spawn(async move {
            let mut client = Client::connect(server.address).await;
            let value = server.protocol.value(&"x".repeat(256));
            for number in (first..count).step_by(CONNECTIONS) {
                let uri = server.protocol.key(&format!("{prefix}/{number}"));
                let answer = client.send("PUT", &uri, &value).await;
                assert!(answer.status < 300, "{uri}: {}", answer.status);
            }
        });
    }
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }
}
