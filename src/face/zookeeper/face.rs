//! `ZooKeeper`: what the face serves clients with, and what its connections share.

use std::sync::Arc;

use tokio::time::Instant;

use super::connections::Connections;
use super::docker_client::DockerAnswers;
use super::four_letter_words::{
    AllowList, ConnectionFigures, FourLetterWord, Release, ServerFigures, WatchFigures, answer,
};
use super::ttl_nodes::TtlNodes;
use super::watch_table::WatchTotals;
use crate::face::server::Connection;
use crate::fairness::{Cost, Fairness};
use crate::model::{Caller, Flow, Key, KeyRange, Lease, LeaseProtocol};
use crate::space::Keyspace;

/// The release of ZooKeeper that the face is like. kazoo takes the server's version from here, and go-zookeeper reads no
/// other form of date.
const VERSION: &str = "3.9.4";
const BUILT: &str = "08/19/2025 19:53 UTC";

/// What the face serves clients with.
#[derive(Clone, Debug)]
pub struct ZooKeeper {
    /// The keyspace.
    pub space: Keyspace,
    /// What clients share.
    pub fairness: Fairness,
    /// The digest of who may do everything, `super:HASH`.
    pub super_digest: Option<String>,
    /// The four-letter words that are answered.
    pub words: AllowList,
    /// Which connections get the answers that dockerd needs.
    pub docker: DockerAnswers,
}

/// What the face's connections share.
#[derive(Debug)]
pub(super) struct Face {
    pub(super) space: Keyspace,
    pub(super) fairness: Fairness,
    pub(super) super_digest: Option<String>,
    pub(super) docker: DockerAnswers,
    pub(super) connections: Arc<Connections>,
    pub(super) watch_totals: Arc<WatchTotals>,
    pub(super) ttl_nodes: TtlNodes,
    words: AllowList,
    began: Instant,
}

/// What is counted by going through all entries.
#[derive(Clone, Copy, Debug, Default)]
struct EntryFigures {
    nodes: usize,
    ephemerals: usize,
    bytes: usize,
    sessions: usize,
    file_descriptors: (u64, u64),
}

/// What a four-letter word needs to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    Nothing,
    Nodes,
    /// The sessions and the open files as well.
    All,
}

/// Nodes that ZooKeeper has from its beginning: `/`, which it keeps under the empty path too, and three beneath it.
const FIRST_NODES: usize = 5;

/// The bytes of their paths.
const FIRST_BYTES: usize = 44;

/// What the server calls itself.
pub(super) fn release() -> Release {
    Release {
        version: VERSION.to_owned(),
        built: BUILT.to_owned(),
    }
}

impl Face {
    pub(super) fn new(options: ZooKeeper) -> Self {
        let ZooKeeper {
            space,
            fairness,
            super_digest,
            words,
            docker,
        } = options;
        Self {
            space,
            fairness,
            super_digest,
            docker,
            connections: Arc::default(),
            watch_totals: Arc::default(),
            ttl_nodes: TtlNodes::default(),
            words,
            began: Instant::now(),
        }
    }

    /// The answer to a four-letter word.
    pub(super) async fn answer(&self, word: FourLetterWord, ends: &Connection) -> String {
        let (flow, peer) = (ends.current_flow(), ends.peer);
        let counting = match word {
            FourLetterWord::Srvr | FourLetterWord::Stat => Counting::Nodes,
            FourLetterWord::Mntr => Counting::All,
            FourLetterWord::Ruok
            | FourLetterWord::Isro
            | FourLetterWord::Envi
            | FourLetterWord::Cons
            | FourLetterWord::Wchs
            | FourLetterWord::Refused(_) => Counting::Nothing,
        };
        // Anybody can send one: what is not answered costs nothing.
        let figures = if self.words.allows(word) {
            self.figures(self.entries(flow, counting).await)
        } else {
            ServerFigures::default()
        };
        let connections = || {
            let all = self.connections.all();
            let asking = ConnectionFigures {
                peer,
                queued: 0,
                received: 1,
                sent: 0,
                session: None,
            };
            let all = all.iter().map(|one| one.figures());
            all.chain([asking]).collect()
        };
        answer(word, &self.words, &release(), Some(&figures), connections)
    }

    async fn entries(&self, flow: Flow, counting: Counting) -> EntryFigures {
        if counting == Counting::Nothing {
            return EntryFigures::default();
        }
        let view = self.space.read(&Caller::System);
        let range = KeyRange::Prefix(Key::user(""));
        let cost = Cost::new(1_024, 0);
        let count = move || {
            let mut figures = EntryFigures::default();
            for (key, entry) in view.entries_from(&range, &Key::user("")) {
                figures.nodes += 1;
                figures.ephemerals += usize::from(entry.attrs().bound.is_some());
                // A path begins with a slash, and ends with none.
                let path = key.as_bytes().len() + usize::from(!key.as_bytes().ends_with(b"/"));
                figures.bytes += path + entry.value().len();
            }
            if counting == Counting::All {
                let sessions = view.leases();
                let is_own = |lease: &Lease| lease.protocol == LeaseProtocol::ZooKeeper;
                figures.sessions = sessions.filter(|(lease, _)| is_own(lease)).count();
                figures.file_descriptors = file_descriptors();
            }
            figures
        };
        // Without a turn they are left out.
        self.fairness
            .run(flow, cost, count)
            .await
            .unwrap_or_default()
    }

    fn figures(&self, entries: EntryFigures) -> ServerFigures {
        let requests = self.connections.totals();
        let (least, sum, greatest) = requests.latency_ms;
        let all = self.connections.all();
        let of_data: usize = all.iter().map(|one| one.watched()).sum();
        let revision = self.space.read(&Caller::System).revision();
        ServerFigures {
            mode: "standalone",
            zxid: super::znode::zxid(revision),
            latency_ms: (least, mean(sum, requests.answered), greatest),
            received: requests.received,
            sent: requests.sent,
            // With the one that asks.
            connections: all.len() + 1,
            outstanding: all.iter().map(|one| one.queued()).sum(),
            nodes: entries.nodes + FIRST_NODES,
            ephemerals: entries.ephemerals,
            data_bytes: entries.bytes + FIRST_BYTES,
            sessions: entries.sessions,
            watches: WatchFigures {
                all: self.watch_totals.watches(),
                connections: all.iter().filter(|one| one.watched() > 0).count(),
                paths: of_data,
                of_data,
            },
            uptime_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            file_descriptors: entries.file_descriptors,
        }
    }
}

fn mean(sum: u64, count: u64) -> f64 {
    let thousandths = sum.saturating_mul(1_000).checked_div(count).unwrap_or(0);
    let thousandths = u32::try_from(thousandths).unwrap_or(u32::MAX);
    f64::from(thousandths) / 1_000.0
}

/// How many files are open, and how many may be.
fn file_descriptors() -> (u64, u64) {
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = limit.current.unwrap_or(u64::MAX);
    (u64::try_from(open).unwrap_or(u64::MAX), most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::zookeeper::session::{Attached, attach};
    use crate::guard::memory_keyspace;
    use crate::model::{Credentials, FaceName};
    use crate::wire::zookeeper::{ConnectRequest, Secret};

    /// Has a client occupy so many heavy threads, until the sender is dropped.
    async fn occupy(
        fairness: &Fairness,
        host: u8,
        threads: usize,
    ) -> Vec<std::sync::mpsc::Sender<()>> {
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let mut release = Vec::new();
        for _ in 0..threads {
            let (sender, receiver) = std::sync::mpsc::channel::<()>();
            release.push(sender);
            let (fairness, begun) = (fairness.clone(), begun.clone());
            tokio::spawn(async move {
                let block = move || {
                    begun.send(()).unwrap();
                    matches!(receiver.recv(), Ok(()))
                };
                let flow = Flow::of_address([10, 0, 0, host].into());
                let _done = fairness.run(flow, Cost::SMALL, block).await;
            });
            begins.recv().await.unwrap();
        }
        release
    }

    #[tokio::test]
    async fn sessions_are_counted_in_the_turn_of_who_asks() {
        let face = Face::new(ZooKeeper {
            space: memory_keyspace(u64::MAX).await,
            fairness: Fairness::default(),
            super_digest: None,
            words: "*".parse().unwrap(),
            docker: DockerAnswers::default(),
        });
        let peer = "10.0.0.3:1".parse().unwrap();
        let caller = Caller::Client {
            face: FaceName::ZooKeeper,
            peer,
            credentials: Credentials::default(),
        };
        let request = ConnectRequest {
            version: 0,
            last_zxid: 0,
            timeout_ms: 40_000,
            session: 0,
            password: Secret(vec![0; 16]),
            read_only: None,
        };
        let attached = attach((&face.space, &face.fairness), &caller, &request).await;
        assert!(matches!(attached, Attached::To(..)));
        let ends = Connection::plaintext(peer, peer);
        let mntr = || face.answer(FourLetterWord::Mntr, &ends);
        assert!(mntr().await.contains("zk_global_sessions\t1\n"));
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let _all_but_one = occupy(&face.fairness, 1, threads.max(2) - 1).await;
        let _the_last = occupy(&face.fairness, 2, 1).await;
        tokio::time::pause();
        let began = Instant::now();
        assert!(mntr().await.contains("zk_global_sessions\t0\n"));
        assert_eq!(began.elapsed().as_secs(), 5, "it has waited for its turn");
        let ruok = face.answer(FourLetterWord::Ruok, &ends).await;
        assert_eq!((ruok.as_str(), began.elapsed().as_secs()), ("imok", 5));
    }
}
