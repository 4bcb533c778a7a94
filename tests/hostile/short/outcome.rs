//! Outcome of a short attack on a gateway with small limits.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use support::command::{binary, embedded, kubekv};
use support::metrics::metric;
use support::requests::ask;
use support::running::Running;
use support::until::until;
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout};

use super::bystander::Bystander;
use crate::attacks::{Attack, AttackedFace, named};
use crate::client::Target;
use crate::client::certificates::{self, Certificates};
use crate::keeper::{Fate, Keeper};
use crate::stage::Stage;
use crate::tally::Counts;

/// The gateway's limit of connections, where an attack is on that.
const CONNECTIONS: &str = "256";

/// The least memory that a gateway may be given: its budgets are small.
const MEMORY: &str = "64MiB";

/// The bytes of bodies that the gateway holds.
const BODIES: &str = "kubekv_fairness_used_bytes{budget=\"bodies\"}";

/// The rounds of each attacker.
const ROUNDS: usize = 3;

/// The bystander's requests while an attack holds what it holds.
const REQUESTS: usize = 40;

/// The seconds of the bystander's session or TTL: no machine is so slow.
const TTL: u64 = 300;

/// The longest time for an attack, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who attacks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attackers {
    /// How many addresses they have.
    pub(super) addresses: usize,
    /// How many identities they have; 0 where a gateway without a policy is attacked.
    pub(super) identities: usize,
}

/// A gateway after an attack.
pub(super) struct Outcome {
    gateway: Running,
    /// Its attacked face.
    target: Target,
    attack: &'static Attack,
    /// What became of the bystander's session or TTL.
    fate: Fate,
    /// What the attackers' requests got.
    pub(super) got: Counts,
    /// The bytes of bodies that the gateway held for the attackers, while they held what they hold.
    pub(super) held_bytes: u64,
    _directory: tempfile::TempDir,
}

/// Runs the short form of an attack beside a bystander.
pub(super) fn endure(name: &str, attackers: Attackers) -> Outcome {
    let attack = named(name).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = embedded(&directory.path().join("store"));
    let shown = directory.path().join("certificates");
    let options = match attackers.identities {
        0 => Vec::new(),
        identities => certificates::make(binary().as_ref(), &shown, identities),
    };
    let mut arguments = vec!["--store", &store, "--memory-limit", MEMORY];
    arguments.extend(options.iter().map(String::as_str));
    if attack.max_connections > 0 {
        arguments.extend(["--max-connections", CONNECTIONS]);
    }
    let gateway = Running::start_by(kubekv(), &arguments);
    let target = match attack.face {
        AttackedFace::Consul => gateway.consul,
        AttackedFace::Etcd => gateway.etcd,
    };
    let mut target = Target::from(target);
    if attackers.identities > 0 {
        target = target.shown(Certificates::read(&shown, attackers.identities));
    }
    let own = target.clone();
    let stage = Stage::new(
        target,
        attackers.addresses,
        true,
        Instant::now() + PATIENCE,
        ROUNDS,
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let stage = Arc::new(stage);
    let beside = beside(attack, &stage, &runtime, &gateway);
    let (fate, got, held_bytes) = runtime.block_on(beside);
    Outcome {
        gateway,
        target: own,
        attack,
        fate,
        got,
        held_bytes,
        _directory: directory,
    }
}

/// Attacks, while the bystander asks, until the attack has done what it does.
async fn beside(
    attack: &Attack,
    stage: &Arc<Stage>,
    runtime: &Runtime,
    gateway: &Running,
) -> (Fate, Counts, u64) {
    (attack.prepare)(Arc::clone(stage)).await.unwrap();
    let keeper = Keeper::begin(attack.face, stage.target.clone(), TTL)
        .await
        .unwrap();
    let own = keeper.clone();
    let keeping = runtime.spawn(async move {
        own.keep().await;
    });
    let mut bystander = Bystander::connect(attack.face, stage.target.clone()).await;
    if attack.ahead_ms == 0 {
        bystander.write_and_read().await;
    }
    let strike = runtime.spawn((attack.strike)(Arc::clone(stage)));
    let mut last = usize::MAX;
    while bystander.answered < last {
        bystander.write_and_read().await;
        if last == usize::MAX && (strike.is_finished() || stage.is_settled()) {
            last = bystander.answered + REQUESTS;
        }
    }
    let held_bytes = metric(gateway, BODIES);
    stage.release();
    timeout(PATIENCE, strike).await.unwrap().unwrap();
    keeping.abort();
    (keeper.fate().await, stage.tally.counts(), held_bytes)
}

impl Outcome {
    /// A metric of the gateway.
    pub(super) fn metric(&self, name: &str) -> u64 {
        metric(&self.gateway, name)
    }

    /// A metric of both faces together; the admin port, which is asked for it, has one as well.
    fn of_faces(&self, name: &str) -> u64 {
        let of = |face: &str| self.metric(&format!("{name}{{face=\"{face}\"}}"));
        of("consul") + of("etcd")
    }

    /// What holds after every attack: the bystander's lifetime goes on, no place and no budget stays taken, refusals say
    /// when to come again, and nothing went wrong inside.
    pub(super) fn check(&self) {
        let (row, got) = (self.attack.row, self.got);
        assert_eq!(self.fate, Fate::Alive, "{row}: {got:?}");
        assert_eq!(got.later_without_time, 0, "{row}: {got:?}");
        until("connections are closed", || {
            self.of_faces("kubekv_face_connections") == 0
        });
        until("requests have ended", || {
            self.of_faces("kubekv_face_in_flight") == 0
        });
        until(
            &format!("{row}: nothing stays taken of budgets, threads and seats"),
            || self.taken().is_empty(),
        );
        assert_eq!(self.metric("kubekv_face_panics_total"), 0);
        let runtime = Runtime::new().unwrap();
        let answered = runtime.block_on(async {
            let target = self.target.clone();
            let mut bystander = Bystander::connect(self.attack.face, target).await;
            bystander.write_and_read().await;
            bystander.answered
        });
        assert_eq!(answered, 2);
    }

    /// What is still reserved, in use or waiting.
    fn taken(&self) -> Vec<String> {
        let metrics = ask(self.gateway.admin, "GET /metrics");
        assert!(metrics.contains("kubekv_fairness_limit_bytes"), "{metrics}");
        let of = ["used_bytes{", "in_use{", "queued{"];
        let taken = metrics.lines().filter(|line| {
            let name = line.strip_prefix("kubekv_fairness_").unwrap_or_default();
            let value = line
                .rsplit(' ')
                .next()
                .and_then(|value| value.parse::<u64>().ok());
            of.iter().any(|of| name.starts_with(of)) && value != Some(0)
        });
        taken.map(str::to_owned).collect()
    }

    /// The processor time of threads whose names begin so, in nanoseconds.
    pub(super) fn thread_time(&self, name: &str) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.gateway.pid())).unwrap();
        let times = tasks.filter_map(|task| {
            // A thread may end meanwhile.
            let path = task.ok()?.path();
            let comm = fs::read_to_string(path.join("comm")).ok()?;
            let stat = fs::read_to_string(path.join("schedstat")).ok()?;
            let ran = stat.split(' ').next()?.parse::<u64>().ok()?;
            comm.starts_with(name).then_some(ran)
        });
        times.sum()
    }
}
