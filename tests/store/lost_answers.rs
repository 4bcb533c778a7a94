//! Requests and answers that are lost between a gateway and etcd.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kubekv::model::Key;
use kubekv::store::CommitError;
use kubekv::store::etcd::{self, Access};
use kubekv::store::shared::{Candidate, Metrics};
use support::etcd_member::Member;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::common::{Recorder, proposal, put, write};

/// What is lost on a connection from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    Nothing,
    Requests,
    Answers,
}

/// A proxy that can lose what is sent over the connections that it has.
#[derive(Debug)]
struct LosingProxy {
    address: SocketAddr,
    /// What is lost, on the connections that were open when that was said.
    lost: watch::Sender<(Lost, u64)>,
    opened: watch::Receiver<u64>,
}

impl LosingProxy {
    async fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lost = watch::Sender::new((Lost::Nothing, 0));
        let (count, opened) = watch::channel(0);
        let state = lost.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.send_modify(|count| *count += 1);
                let number = *count.borrow();
                let server = TcpStream::connect(&server).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                let requests = (Lost::Requests, number, state.subscribe());
                tokio::spawn(relay(from_client, to_server, requests));
                let answers = (Lost::Answers, number, state.subscribe());
                tokio::spawn(relay(from_server, to_client, answers));
            }
        });
        Self {
            address,
            lost,
            opened,
        }
    }

    /// Loses this on all connections that are open, for ever.
    fn lose(&self, what: Lost) {
        let opened = *self.opened.borrow();
        self.lost.send_replace((what, opened));
    }
}

async fn relay(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    (kind, number, lost): (Lost, u64, watch::Receiver<(Lost, u64)>),
) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => read,
        };
        let (what, opened) = *lost.borrow();
        if what == kind && number <= opened {
            continue;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// A write is sent once. What the watch delivers of it is its outcome, and a new term decides about what it does not deliver:
/// a put of an absent key whose request was lost is a conflict, and is decided again on what there is then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs etcd: tests/run"]
async fn writes_without_an_answer_are_made_once_or_refused() {
    let member = Member::start("etcd-3.6");
    let proxy = LosingProxy::before(member.address()).await;
    let candidate = Candidate {
        name: "tests".to_owned(),
        relay: None,
        duration: Duration::from_secs(10),
    };
    let endpoints = [proxy.address.to_string()];
    let (access, metrics) = (Access::default(), Metrics::default());
    let shared = etcd::open(&endpoints, "p", access, candidate, metrics).unwrap();
    let term = shared.lead().await;
    let store = term.store();
    let sink = Recorder::new();
    store.open(Arc::<Recorder>::clone(&sink)).await.unwrap();
    put(&*store, &Key::user("first"), None, "v").await.unwrap();

    proxy.lose(Lost::Answers);
    let made = put(&*store, &Key::user("landed"), None, "v").await.unwrap();
    assert_eq!(sink.delivered().last(), Some(&made));
    assert_eq!(value_of(&member, "landed"), "v");

    proxy.lose(Lost::Requests);
    let lost = Key::user("lost");
    let refused = store
        .commit(proposal(vec![write(&lost, None, Some("v"))]))
        .await;
    assert_eq!(refused, Err(CommitError::Conflict));
    assert_eq!(value_of(&member, "lost"), "");
    let made = put(&*store, &lost, None, "again").await.unwrap();
    assert_eq!(sink.delivered().last(), Some(&made));
    assert_eq!(value_of(&member, "lost"), "again");
    assert_eq!(sink.delivered().len(), 3);
}

fn value_of(member: &Member, key: &str) -> String {
    let path = format!("p/{key}");
    let value = member.ctl(&["get", "--print-value-only", &path]).unwrap();
    value.trim_end().to_owned()
}
