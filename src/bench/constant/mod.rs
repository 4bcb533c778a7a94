//! A constant-answer server: what a client reaches against a server that has nothing to do.

mod http;
mod zookeeper;

use std::io;
use std::rc::Rc;

use tokio::net::{TcpListener, TcpStream};

use self::http::HttpAnswers;
use self::zookeeper::ZooKeeperAnswers;

/// The answers in each protocol.
struct Answers {
    http: HttpAnswers,
    zookeeper: ZooKeeperAnswers,
}

/// Answers every request of Consul's, etcd v2's and ZooKeeper's protocols at once, with an entry of `value_bytes` or with
/// success. Runs until it is dropped, on a `LocalSet`.
pub async fn serve(listener: TcpListener, value_bytes: usize) -> io::Result<()> {
    let answers = Rc::new(Answers {
        http: HttpAnswers::new(value_bytes),
        zookeeper: ZooKeeperAnswers::new(value_bytes),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = Rc::clone(&answers);
        // A client that breaks off ends its connection only.
        tokio::task::spawn_local(async move { answers.connection(stream).await });
    }
}

impl Answers {
    /// Answers in the protocol that the client speaks: a request of HTTP begins with a letter, a frame of ZooKeeper's with
    /// the high byte of a length, which is 0.
    async fn connection(&self, stream: TcpStream) -> io::Result<()> {
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first == [0] {
            self.zookeeper.connection(stream).await
        } else {
            self.http.connection(stream).await
        }
    }
}
