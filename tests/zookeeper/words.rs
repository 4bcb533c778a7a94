//! Four-letter words.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::server::Face;

async fn say(face: &Face, word: &str) -> String {
    let mut stream = TcpStream::connect(face.address).await.unwrap();
    stream.write_all(word.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn words_are_answered_and_the_connection_is_closed() {
    let face = Face::in_memory().await;
    let mut client = Client::connect(face.address).await;
    client.create("/a", b"", 1).await.unwrap();
    client.exists("/a", true).await.unwrap();
    assert_eq!(say(&face, "ruok").await, "imok");
    assert_eq!(say(&face, "isro\n").await, "rw");
    let srvr = say(&face, "srvr\n").await;
    let begin = "Zookeeper version: 3.9.4, built on ";
    assert!(
        srvr.starts_with(begin) && srvr.contains("\nMode: standalone\n"),
        "{srvr}"
    );
    assert!(
        srvr.contains("\nNode count: 6\n") && srvr.contains("\nConnections: 2\n"),
        "{srvr}"
    );
    let mntr = say(&face, "mntr").await;
    for line in [
        "zk_watch_count\t1",
        "zk_ephemerals_count\t1",
        "zk_num_alive_connections\t2",
        "zk_global_sessions\t1",
        // As of ZooKeeper with this one node.
        "zk_znode_count\t6",
        "zk_approximate_data_size\t46",
        // With the request for the session.
        "zk_packets_received\t3",
        "zk_packets_sent\t3",
    ] {
        assert!(mntr.lines().any(|one| one == line), "{line} {mntr}");
    }
    let cons = say(&face, "cons").await;
    let session = format!("sid=0x{:x},lop=EXIS", client.response.session);
    assert!(cons.contains(&session), "{cons}");
    assert!(cons.contains("(queued=0,recved=3,sent=3,"), "{cons}");
    assert!(say(&face, "dump").await.starts_with("dump is not executed"));
    assert_eq!(say(&face, "nope").await, "");
    client.close().await;
    let mntr = say(&face, "mntr").await;
    assert!(mntr.contains("zk_watch_count\t0\n"), "{mntr}");
}
