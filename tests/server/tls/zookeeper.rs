//! ZooKeeper's face over TLS, under a policy.

use std::net::SocketAddr;

use kubekv::wire::zookeeper::ErrorCode;
use support::zookeeper_client::{PERSISTENT, ZooKeeperClient};
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;

use super::client::Client;
use super::policy::{Secured, secured};

const TIMEOUT_MS: i32 = 30_000;

/// A port in the clear that goes to the gateway as a client, as stunnel's does beside a program that speaks no TLS.
async fn tunnel(client: &Client, to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = client.clone();
    tokio::spawn(async move {
        while let Ok((mut plain, _)) = listener.accept().await {
            let client = client.clone();
            tokio::spawn(async move {
                if let Ok(mut secured) = client.connect(to).await {
                    let _ended = copy_bidirectional(&mut plain, &mut secured).await;
                }
            });
        }
    });
    address
}

struct Tunnels {
    all: Secured,
    ops: SocketAddr,
    me: SocketAddr,
    anonymous: SocketAddr,
}

async fn tunnels() -> Tunnels {
    let all = secured(&[("zookeeper", "127.0.0.1:0")]).await;
    let zookeeper = all.gateway.zookeeper();
    Tunnels {
        ops: tunnel(&all.ops, zookeeper).await,
        me: tunnel(&all.me, zookeeper).await,
        anonymous: tunnel(&all.anonymous, zookeeper).await,
        all,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_session_may_what_the_policy_says_of_its_certificate() {
    let tunnels = tunnels().await;
    let [ops, me] = [tunnels.ops, tunnels.me];
    let done = tokio::task::spawn_blocking(move || {
        let mut ops = ZooKeeperClient::begin(ops, TIMEOUT_MS);
        ops.make("/mine", "1", PERSISTENT).unwrap();
        ops.make("/other", "2", PERSISTENT).unwrap();
        let mut mine = ZooKeeperClient::begin(me, TIMEOUT_MS);
        assert_eq!(mine.read("/mine").unwrap().0, "1");
        for path in ["/other", "/none"] {
            assert_eq!(mine.read(path).unwrap_err(), ErrorCode::NoAuth, "{path}");
            assert_eq!(mine.try_set(path, "x", -1), Some(ErrorCode::NoAuth));
            assert_eq!(mine.make(path, "x", PERSISTENT), Err(ErrorCode::NoAuth));
            assert_eq!(mine.remove(path, -1), Err(ErrorCode::NoAuth), "{path}");
        }
        assert_eq!(mine.try_set("/mine", "x", -1), Some(ErrorCode::NoAuth));
        // A watch tells of what may be seen.
        assert!(mine.watch("/mine").is_some());
        ops.set("/other", "3");
        ops.set("/mine", "4");
        assert_eq!(mine.until_event(), (3, "/mine".to_owned()));
        // Nobody takes up the session of another one, whatever it knows of it.
        let session = ops.session.clone();
        assert!(ZooKeeperClient::again(me, &session, 0).is_none());
        assert_eq!(ops.read("/other").unwrap().0, "3");
    });
    done.await.unwrap();
    // Who shows no certificate has no right to a session.
    let anonymous = tunnels.anonymous;
    let begun = tokio::task::spawn_blocking(move || {
        let stream = std::net::TcpStream::connect(anonymous).unwrap();
        let client = ZooKeeperClient::begin_on(stream, TIMEOUT_MS);
        client.is_some_and(|client| client.session.id != 0)
    });
    assert!(!begun.await.unwrap());
    let line = "kubekv_tls_handshakes_total{face=\"zookeeper\",outcome=\"full\"}";
    tunnels.all.until_metric(line).await;
}
