//! The same requests to the face and to a real ZooKeeper, answers compared.
//!
//! The real one is ZooKeeper 3.9.4. Debian's 3.8.0 differs where the face is like 3.9: flags of a `multi`, and all that is
//! about watches of several kinds on one node.

use std::collections::HashMap;
use std::net::SocketAddr;

use kubekv::wire::zookeeper::{
    AclEntry, AclReply, ChildrenReply, CreateTtlRequest, CreatedReply, DataReply, EphemeralPaths,
    EphemeralPrefix, ErrorCode, JuteRecord, MultiOperation, MultiReply, MultiRequest, MultiResult,
    NodeCount, NodePath, OpCode, SetAclRequest, SetWatches2Request, SetWatchesRequest, Stat,
    WatcherPath,
};
use support::zookeeper::ZooKeeper;

use crate::client::{Client, acl, again, create_of, data_of, open, versioned, watchable};
use crate::server::Face;

const PATHS: [&str; 14] = [
    "/a",
    "/a/b",
    "/a/b/c",
    "/a/d",
    "/e",
    "/e/f",
    "/q",
    "/q/n-",
    "/",
    "/a/",
    "bad",
    "/zookeeper",
    "/w",
    "/w/x",
];

/// A request, the same for both servers.
#[derive(Clone, Debug)]
enum Step {
    Create(OpCode, String, i32),
    Delete(String, i32),
    Set(String, i32),
    Get(String, bool),
    Exists(String, bool),
    Children(String, bool),
    Acl(String),
    SetAcl(String, i32, i32),
    Count(String),
    Ephemerals(String),
    Check(String, i32),
    MultiRead(Vec<Step>),
    CreateTtl(String, i64),
    Multi(Vec<Step>),
    AddWatch(String, i32),
    CheckWatches(OpCode, String, i32),
    /// Watches of data, of nodes to come, of children, persistent and recursive ones, as of so many steps ago.
    SetWatches(usize, [Vec<String>; 5]),
    Auth,
    Again,
}

fn pick<T: Clone>(random: &mut fastrand::Rng, of: &[T]) -> T {
    of[random.usize(..of.len())].clone()
}

fn step(random: &mut fastrand::Rng, who: usize, in_multi: bool) -> Step {
    let path = pick(random, &PATHS).to_owned();
    let watch = random.bool();
    let version = pick(random, &[-1, -1, -1, 0, 1, 2, -2]);
    let kinds = if in_multi { 44 } else { 110 };
    match random.u32(..kinds) {
        0..20 => {
            let op = pick(random, &[OpCode::Create, OpCode::Create2]);
            let other = random.i32(..if in_multi { 4 } else { 7 });
            Step::Create(op, path, pick(random, &[0, 0, 0, 1, 2, 3, other]))
        }
        20..30 => Step::Delete(path, version),
        30..40 => Step::Set(path, version),
        40..44 if in_multi => Step::Check(path, version),
        40..50 => Step::Get(path, watch),
        50..60 => Step::Exists(path, watch),
        60..70 => Step::Children(path, watch),
        70..73 => Step::Acl(path),
        73..78 => Step::SetAcl(path, version, pick(random, &[31, 31, 1, 17, 15, 29])),
        78..80 => Step::Count(path),
        80..88 => Step::Multi(
            (0..random.usize(0..5))
                .map(|_| step(random, who, true))
                .collect(),
        ),
        88..92 => {
            let mode = pick(random, &[who, who, 1 - who, 2]);
            let path = pick(random, &["/w", "/w", "/a", "/e/f", "/"]);
            Step::AddWatch(path.to_owned(), i32::try_from(mode).unwrap())
        }
        92..96 => {
            let op = pick(random, &[OpCode::CheckWatches, OpCode::RemoveWatches]);
            let path = pick(random, &["/w", "/a", "/e/f", "/", &path]).to_owned();
            Step::CheckWatches(op, path, random.i32(0..7))
        }
        96..98 => Step::Auth,
        98..100 => Step::Ephemerals(path),
        100..103 => Step::CreateTtl(path, pick(random, &[0, 1 << 30, 1 << 40, -1])),
        103..107 => {
            let reads =
                (0..random.usize(0..4)).map(|_| Step::Get(pick(random, &PATHS).to_owned(), watch));
            Step::MultiRead(reads.collect())
        }
        107..109 => Step::SetWatches(random.usize(0..20), [(); 5].map(|()| some_paths(random))),
        _ => Step::Again,
    }
}

/// Up to two nodes that can be watched.
fn some_paths(random: &mut fastrand::Rng) -> Vec<String> {
    let nodes = ["/", "/a", "/a/b", "/e", "/e/f", "/q", "/w", "/w/x"];
    let paths = (0..random.usize(0..3)).map(|_| pick(random, &nodes).to_owned());
    paths.collect()
}

/// A server, and what its numbers mean.
struct Server {
    address: SocketAddr,
    clients: Vec<Client>,
    /// The changes, in order, by zxid.
    changes: HashMap<i64, usize>,
    /// The last zxid after each step.
    zxids: Vec<i64>,
}

impl Server {
    async fn new(address: SocketAddr) -> Self {
        let clients = vec![
            Client::connect(address).await,
            Client::connect(address).await,
        ];
        let changes = HashMap::from([(0, 0)]);
        Self {
            address,
            clients,
            changes,
            zxids: Vec::new(),
        }
    }

    fn change(&mut self, zxid: i64) {
        let next = self.changes.len();
        self.changes.entry(zxid).or_insert(next);
    }

    /// A stat without times, with changes instead of zxids.
    fn shown(&self, stat: &Stat) -> String {
        let zxid = |zxid: i64| self.changes.get(&zxid).copied();
        let owner = self
            .clients
            .iter()
            .position(|client| client.response.session == stat.ephemeral_owner);
        format!(
            "czxid {:?} mzxid {:?} pzxid {:?} v {} cv {} av {} owner {owner:?} length {} children {}",
            zxid(stat.created),
            zxid(stat.modified),
            zxid(stat.children_modified),
            stat.version,
            stat.children_version,
            stat.acl_version,
            stat.length,
            stat.children
        )
    }

    /// Does a step; what was answered, and the events of both sessions.
    async fn run(&mut self, who: usize, step: &Step) -> Vec<String> {
        let mut said = vec![self.answer(who, step).await];
        for client in &mut self.clients {
            said.push(format!("{:?}", client.told().await));
        }
        self.zxids.push(self.clients[0].zxid);
        said
    }

    async fn ask<T: JuteRecord>(
        &mut self,
        who: usize,
        op: OpCode,
        record: &impl JuteRecord,
    ) -> Result<T, ErrorCode> {
        self.clients[who].ask(op, record).await
    }

    async fn answer(&mut self, who: usize, step: &Step) -> String {
        match step {
            Step::Again => {
                let request = again(&self.clients[who].response);
                let new = Client::connect_with(self.address, &request).await.unwrap();
                self.clients[who] = new;
                String::new()
            }
            Step::Auth => self.clients[who]
                .auth("digest", b"me:secret")
                .await
                .to_string(),
            Step::AddWatch(path, mode) => {
                let (path, mode) = (path.clone(), *mode);
                let request = kubekv::wire::zookeeper::AddWatchRequest { path, mode };
                let client = &mut self.clients[who];
                format!("{:?}", client.call(OpCode::AddWatch, &request).await)
            }
            Step::CheckWatches(op, path, kind) => {
                let (path, kind) = (path.clone(), *kind);
                let client = &mut self.clients[who];
                format!("{:?}", client.call(*op, &WatcherPath { path, kind }).await)
            }
            Step::SetWatches(ago, paths) => {
                let [data, exist, child, persistent, recursive] = paths.clone();
                let since = self.zxids.iter().rev().nth(*ago);
                let once = SetWatchesRequest {
                    relative_zxid: since.copied().unwrap_or(0),
                    data,
                    exist,
                    child,
                };
                let request = SetWatches2Request {
                    once,
                    persistent,
                    recursive,
                };
                let client = &mut self.clients[who];
                format!("{:?}", client.call(OpCode::SetWatches2, &request).await)
            }
            Step::Get(..)
            | Step::Exists(..)
            | Step::Children(..)
            | Step::Acl(_)
            | Step::Count(_)
            | Step::Ephemerals(_)
            | Step::MultiRead(_) => self.read(who, step).await,
            Step::Create(..)
            | Step::CreateTtl(..)
            | Step::Check(..)
            | Step::Delete(..)
            | Step::Set(..)
            | Step::SetAcl(..)
            | Step::Multi(_) => self.write(who, step).await,
        }
    }

    async fn read(&mut self, who: usize, step: &Step) -> String {
        match step {
            Step::Get(path, watch) => {
                let read: Result<DataReply, _> = self
                    .ask(who, OpCode::GetData, &watchable(path, *watch))
                    .await;
                format!("{:?}", read.map(|read| (read.data, self.shown(&read.stat))))
            }
            Step::Exists(path, watch) => {
                let read: Result<Stat, _> = self
                    .ask(who, OpCode::Exists, &watchable(path, *watch))
                    .await;
                format!("{:?}", read.map(|stat| self.shown(&stat)))
            }
            Step::Children(path, watch) => {
                let read: Result<ChildrenReply, _> = self
                    .ask(who, OpCode::GetChildren2, &watchable(path, *watch))
                    .await;
                let read = read.map(|mut read| {
                    read.names.sort_unstable();
                    (read.names, self.shown(&read.stat))
                });
                format!("{read:?}")
            }
            Step::Acl(path) => {
                let read: Result<AclReply, _> =
                    self.ask(who, OpCode::GetAcl, &NodePath(path.clone())).await;
                format!("{:?}", read.map(|read| (read.list, self.shown(&read.stat))))
            }
            Step::Count(path) => {
                let op = OpCode::GetAllChildrenNumber;
                let read: Result<NodeCount, _> = self.ask(who, op, &NodePath(path.clone())).await;
                format!("{read:?}")
            }
            Step::Ephemerals(prefix) => {
                let op = OpCode::GetEphemerals;
                let read: Result<EphemeralPaths, _> = self
                    .ask(who, op, &EphemeralPrefix(Some(prefix.clone())))
                    .await;
                let read = read.map(|mut read| {
                    read.0.sort_unstable();
                    read
                });
                format!("{read:?}")
            }
            Step::MultiRead(steps) => {
                let request = MultiRequest(steps.iter().map(operation).collect());
                let read: Result<MultiReply, _> = self.ask(who, OpCode::MultiRead, &request).await;
                read.map_or_else(
                    |error| format!("{error:?}"),
                    |read| self.said(&Written::Multi(read.0)),
                )
            }
            other => panic!("{other:?} reads nothing"),
        }
    }

    async fn write(&mut self, who: usize, step: &Step) -> String {
        let said = match step {
            Step::Create(OpCode::Create, path, flags) => {
                let request = create_of(path, Some(b"new"), *flags);
                let made: Result<NodePath, _> = self.ask(who, OpCode::Create, &request).await;
                made.map(|made| Written::Text(made.0))
            }
            Step::Create(op, path, flags) => {
                let request = create_of(path, Some(b"new"), *flags);
                let made: Result<CreatedReply, _> = self.ask(who, *op, &request).await;
                made.map(|made| Written::Stat(made.path, made.stat))
            }
            Step::CreateTtl(path, ttl_ms) => {
                let (node, ttl_ms) = (create_of(path, Some(b"new"), 5), *ttl_ms);
                let request = CreateTtlRequest { node, ttl_ms };
                let made: Result<CreatedReply, _> =
                    self.ask(who, OpCode::CreateTtl, &request).await;
                made.map(|made| Written::Stat(made.path, made.stat))
            }
            Step::Delete(path, version) => {
                let gone: Result<(), _> = self
                    .ask(who, OpCode::Delete, &versioned(path, *version))
                    .await;
                gone.map(|()| Written::Text(String::new()))
            }
            Step::Set(path, version) => {
                let request = data_of(path, b"set", *version);
                let set: Result<Stat, _> = self.ask(who, OpCode::SetData, &request).await;
                set.map(|stat| Written::Stat(String::new(), stat))
            }
            Step::SetAcl(path, version, permissions) => {
                let request = SetAclRequest {
                    path: path.clone(),
                    acl: list_of(*permissions),
                    acl_version: *version,
                };
                let set: Result<Stat, _> = self.ask(who, OpCode::SetAcl, &request).await;
                set.map(|stat| Written::Stat(String::new(), stat))
            }
            Step::Multi(steps) => {
                let request = MultiRequest(steps.iter().map(operation).collect());
                let made: Result<MultiReply, _> = self.ask(who, OpCode::Multi, &request).await;
                made.map(|made| Written::Multi(made.0))
            }
            other => panic!("{other:?} writes nothing"),
        };
        match said {
            Err(error) => format!("{error:?}"),
            Ok(written) => {
                if written.is_change() {
                    self.change(self.clients[who].zxid);
                }
                self.said(&written)
            }
        }
    }

    fn said(&self, written: &Written) -> String {
        match written {
            Written::Text(text) => text.clone(),
            Written::Stat(text, stat) => format!("{text} {}", self.shown(stat)),
            Written::Multi(results) => {
                let one = |result: &MultiResult| match result {
                    MultiResult::Created2(made) => {
                        format!("{} {}", made.path, self.shown(&made.stat))
                    }
                    MultiResult::Data(read) => {
                        format!("{:?} {}", read.data, self.shown(&read.stat))
                    }
                    MultiResult::Created(path) => path.clone(),
                    MultiResult::DataSet(stat) => self.shown(stat),
                    other => format!("{other:?}"),
                };
                format!("{:?}", results.iter().map(one).collect::<Vec<_>>())
            }
        }
    }
}

/// What everybody may do; with fewer permissions than all, one identity may do the rest.
fn list_of(permissions: i32) -> Vec<AclEntry> {
    if permissions == 31 {
        return open();
    }
    vec![
        acl(permissions, "world", "anyone"),
        acl(31, "digest", "me:016djjlksVQS5RgX3M7biBGyYwY="),
    ]
}

#[derive(Debug)]
enum Written {
    Text(String),
    Stat(String, Stat),
    Multi(Vec<MultiResult>),
}

impl Written {
    fn is_change(&self) -> bool {
        match self {
            Self::Text(_) | Self::Stat(..) => true,
            Self::Multi(all) => !all
                .iter()
                .all(|one| matches!(one, MultiResult::Failed(_) | MultiResult::Checked)),
        }
    }
}

fn operation(step: &Step) -> MultiOperation {
    match step {
        Step::Create(OpCode::Create, path, flags) => {
            MultiOperation::Create(create_of(path, Some(b"new"), *flags))
        }
        Step::Create(_, path, flags) => {
            MultiOperation::Create2(create_of(path, Some(b"new"), *flags))
        }
        Step::Delete(path, version) => MultiOperation::Delete(versioned(path, *version)),
        Step::Set(path, version) => MultiOperation::SetData(data_of(path, b"set", *version)),
        Step::Check(path, version) => MultiOperation::Check(versioned(path, *version)),
        Step::Get(path, watch) => MultiOperation::GetData(watchable(path, *watch)),
        other => panic!("{other:?} is in no multi"),
    }
}

/// Whether both answer alike: not what this build refuses (docs/compatibility.md).
fn is_comparable(step: &Step) -> bool {
    let path = match step {
        Step::Set(path, _) | Step::SetAcl(path, ..) => path,
        Step::Multi(steps) => return steps.iter().all(is_comparable),
        Step::Create(_, path, flags) => return !(path.starts_with("/zookeeper") && flags & 2 != 0),
        _ => return true,
    };
    !path.starts_with("/zookeeper")
}

/// Whether a step, as text, sets watches or takes them away.
fn is_about_watches(step: &str) -> bool {
    ["Watch", "true", "Again"]
        .iter()
        .any(|word| step.contains(word))
}

async fn compare(seed: u64, steps: usize) {
    let real = ZooKeeper::start_latest();
    let face = Face::in_memory().await;
    let mut servers = [
        Server::new(real.address).await,
        Server::new(face.address).await,
    ];
    let mut random = fastrand::Rng::with_seed(seed);
    let mut done = Vec::new();
    for number in 0..steps {
        let who = random.usize(..2);
        let step = step(&mut random, who, false);
        if !is_comparable(&step) {
            continue;
        }
        done.push(format!("{who} {step:?}"));
        let [theirs, ours] = &mut servers;
        let (theirs, ours) = (theirs.run(who, &step).await, ours.run(who, &step).await);
        let last = &done[done.len().saturating_sub(10)..];
        let watching: Vec<_> = done.iter().filter(|step| is_about_watches(step)).collect();
        let watching = &watching[watching.len().saturating_sub(40)..];
        assert_eq!(
            ours, theirs,
            "seed {seed}, step {number}, after {watching:#?} and {last:#?}"
        );
    }
}

/// How many steps are compared, for each of a few seeds.
pub(crate) fn wanted(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[tokio::test]
#[ignore = "needs ZooKeeper: tests/run"]
async fn answers_stats_and_events_are_those_of_a_real_zookeeper() {
    let first = wanted("KUBEKV_SEED", 1);
    for seed in first..first + wanted("KUBEKV_SEEDS", 3) {
        let steps = usize::try_from(wanted("KUBEKV_STEPS", 1_500)).unwrap();
        compare(seed, steps).await;
    }
}
