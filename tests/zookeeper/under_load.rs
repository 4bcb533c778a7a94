//! Events under load: a client that pipelines reads, writes and watches while others change the same nodes.
//!
//! `KUBEKV_CHANGES=100000 cargo test --test zookeeper under_load` makes as many changes by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use kubekv::wire::zookeeper::{
    ChildrenReply, CreatedReply, DataReply, ErrorCode, JuteRecord, OpCode, ReplyHeader, Stat,
    WatcherEvent, event_kind, xid,
};
use tokio::task::JoinSet;

use crate::client::{Client, create_of, data_of, versioned, watchable};
use crate::differential::wanted;
use crate::server::Face;

/// The changes of a run in the tests.
const CHANGES: u64 = 5_000;

/// The clients that make them.
const WRITERS: usize = 4;

/// The requests that each client has in flight.
const WINDOW: usize = 32;

/// The nodes: children of one parent.
const NODES: usize = 8;

fn node(number: usize) -> String {
    format!("/p/{number}")
}

/// Changes nodes at random until all changes are made.
async fn change(address: SocketAddr, seed: u64, left: Arc<AtomicUsize>) {
    let mut client = Client::connect(address).await;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut in_flight = 0;
    while left.load(Ordering::Relaxed) > 0 {
        while in_flight < WINDOW {
            let path = node(random.usize(..NODES));
            match random.u32(..10) {
                0..7 => {
                    let set = data_of(&path, b"theirs", -1);
                    client.send(OpCode::SetData, &set).await;
                }
                7 => {
                    let delete = versioned(&path, -1);
                    client.send(OpCode::Delete, &delete).await;
                }
                _ => {
                    let create = create_of(&path, Some(b"theirs"), 0);
                    client.send(OpCode::Create2, &create).await;
                }
            }
            in_flight += 1;
        }
        let (header, _) = client.reply().await.unwrap();
        in_flight -= 1;
        if header.error == 0 {
            let all_made = |left: usize| left.checked_sub(1);
            let _none_left = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, all_made);
        }
    }
}

/// A request in flight, with what it asks about.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Data(usize),
    Exists(usize),
    Children,
    Set(usize),
    Create(usize),
}

/// What the client was told last of what it watches, while no event has come.
#[derive(Debug, Default)]
struct Watched {
    /// The zxid of a node's data; `None` where it was not there.
    data: BTreeMap<usize, Option<i64>>,
    /// The zxid of the last child that came or went.
    children: Option<i64>,
    events: usize,
    zxid: i64,
}

impl Watched {
    /// A reply shows a node, and sets a watch on it.
    fn see(&mut self, node: usize, now: Option<i64>, watches: bool) {
        let before = self.data.get(&node);
        let is_known = before.is_none_or(|before| *before == now);
        assert!(
            is_known,
            "a reply showed {now:?} before the event: {self:?}"
        );
        if watches {
            self.data.insert(node, now);
        }
    }

    fn reply(&mut self, asked: Asked, header: &ReplyHeader, body: &Bytes) {
        assert!(header.zxid >= self.zxid, "{header:?} after {}", self.zxid);
        self.zxid = header.zxid;
        let error = ErrorCode::of(header.error);
        let is_gone = error == Some(ErrorCode::NoNode);
        let stat = |stat: Stat| {
            assert!(stat.modified <= header.zxid, "{stat:?} in {header:?}");
            stat.modified
        };
        match (asked, error) {
            (Asked::Data(node), None) => {
                let read = DataReply::parse(body).unwrap();
                self.see(node, Some(stat(read.stat)), true);
            }
            (Asked::Exists(node), None) => {
                self.see(node, Some(stat(Stat::parse(body).unwrap())), true);
            }
            (Asked::Exists(node), Some(_)) if is_gone => self.see(node, None, true),
            (Asked::Set(node), None) => {
                self.see(node, Some(stat(Stat::parse(body).unwrap())), false);
            }
            (Asked::Data(node) | Asked::Set(node), Some(_)) if is_gone => {
                self.see(node, None, false);
            }
            (Asked::Create(node), None) => {
                let created = CreatedReply::parse(body).unwrap();
                self.see(node, Some(stat(created.stat)), false);
            }
            (Asked::Create(_), Some(ErrorCode::NodeExists)) => {}
            (Asked::Children, None) => {
                let now = ChildrenReply::parse(body).unwrap().stat.children_modified;
                let before = self.children.replace(now);
                let is_known = before.is_none_or(|before| before == now);
                assert!(is_known, "children of {now} before the event: {self:?}");
            }
            (asked, error) => panic!("{asked:?} was answered {error:?}"),
        }
    }

    fn event(&mut self, event: &WatcherEvent) {
        self.events += 1;
        if event.kind == event_kind::CHILDREN_CHANGED {
            assert_eq!(event.path, "/p");
            assert!(self.children.take().is_some(), "an event without a watch");
            return;
        }
        let number = event.path.trim_start_matches("/p/").parse().unwrap();
        let before = self.data.remove(&number);
        let is_of_watch = match event.kind {
            event_kind::CREATED => before == Some(None),
            _ => matches!(before, Some(Some(_))),
        };
        assert!(is_of_watch, "{event:?} of {before:?}");
    }
}

async fn ask(client: &mut Client, random: &mut fastrand::Rng) -> Asked {
    let number = random.usize(..NODES);
    let path = node(number);
    let (op, watched) = (random.u32(..10), watchable(&path, true));
    let asked = match op {
        0..4 => Asked::Data(number),
        4..6 => Asked::Exists(number),
        6..8 => Asked::Children,
        8 => Asked::Set(number),
        _ => Asked::Create(number),
    };
    match asked {
        Asked::Data(_) => client.send(OpCode::GetData, &watched).await,
        Asked::Exists(_) => client.send(OpCode::Exists, &watched).await,
        Asked::Children => {
            let parent = watchable("/p", true);
            client.send(OpCode::GetChildren2, &parent).await
        }
        Asked::Set(_) => {
            let set = data_of(&path, b"ours", -1);
            client.send(OpCode::SetData, &set).await
        }
        Asked::Create(_) => {
            let create = create_of(&path, Some(b"ours"), 0);
            client.send(OpCode::Create2, &create).await
        }
    };
    asked
}

/// Asks about the nodes, with a window of requests in flight, until all changes are made and everything is answered; the
/// numbers of replies and events.
async fn look(address: SocketAddr, left: &AtomicUsize) -> (usize, usize) {
    let mut client = Client::connect(address).await;
    let mut random = fastrand::Rng::with_seed(1);
    let mut in_flight = std::collections::VecDeque::new();
    let (mut watched, mut replies) = (Watched::default(), 0);
    loop {
        while in_flight.len() < WINDOW && left.load(Ordering::Relaxed) > 0 {
            in_flight.push_back(ask(&mut client, &mut random).await);
        }
        if in_flight.is_empty() {
            return (replies, watched.events);
        }
        let (header, body) = client.frame().await.unwrap();
        if header.xid == xid::EVENT {
            watched.event(&WatcherEvent::parse(&body).unwrap());
        } else {
            replies += 1;
            watched.reply(in_flight.pop_front().unwrap(), &header, &body);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reply_of_a_pipeline_overtakes_an_event_while_others_write() {
    let changes = usize::try_from(wanted("KUBEKV_CHANGES", CHANGES)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let on_disk = Face::on_disk(&directory.path().join("data")).await;
    for face in [on_disk, Face::in_memory().await] {
        let mut first = Client::connect(face.address).await;
        first.create("/p", b"", 0).await.unwrap();
        let left = Arc::new(AtomicUsize::new(changes));
        let mut writers = JoinSet::new();
        for seed in 0..WRITERS {
            let seed = u64::try_from(seed).unwrap();
            writers.spawn(change(face.address, seed, Arc::clone(&left)));
        }
        let (replies, events) = look(face.address, &left).await;
        writers.join_all().await;
        println!("{changes} changes of others: {replies} replies and {events} events in order");
        // Otherwise nothing was compared.
        assert!(events * 100 > changes, "{events} events");
    }
}
