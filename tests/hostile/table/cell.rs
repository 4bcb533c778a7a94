//! One attack on one server.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::bystander::{self, Seen, WARM_UP};
use super::liveness::Liveness;
use super::memory::{self, Memory};
use super::options::{RunOptions, ServerKind, StrikeOptions};
use super::process::Process;
use super::server::{Server, bench};
use super::strike;
use crate::attacks::Attack;
use crate::keeper::{Fate, Keeper};
use crate::stage::Stage;
use crate::tally::Counts;

/// How long the entries of an attack may take.
const PREPARING: Duration = Duration::from_secs(150);

/// The seconds of the bystander's session or TTL.
const TTL: u64 = 3;

/// The metrics that a row shows where they are not zero.
const METRICS: [&str; 4] = [
    "kubekv_face_panics_total",
    "kubekv_face_connections_refused_total",
    "kubekv_fairness_refused_total",
    "kubekv_fairness_used_bytes",
];

/// A row of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AttackRow {
    /// The attack.
    pub(crate) attack: String,
    /// Its description.
    pub(crate) row: String,
    /// The server.
    pub(crate) server: String,
    /// The number of attacking addresses.
    pub(crate) addresses: usize,
    /// The number of attacking identities; 0 where there are none.
    #[serde(default)]
    pub(crate) identities: usize,
    /// What the bystander saw before the attack.
    pub(crate) calm: Seen,
    /// What it saw beside it.
    pub(crate) attacked: Seen,
    /// What became of its session or TTL.
    pub(crate) fate: Option<Fate>,
    /// The server's memory.
    pub(crate) memory: Memory,
    /// What the attack's requests got.
    pub(crate) got: Counts,
    /// What else is to be said.
    pub(crate) notes: Vec<String>,
}

/// Runs an attack on a server of its own.
pub(super) async fn run(
    options: &RunOptions,
    attack: &Attack,
    kind: ServerKind,
    addresses: usize,
    number: usize,
) -> AttackRow {
    // What others have written must not reach the disk while this is measured.
    let _synced = Command::new("sync").status();
    let mut server = Server::start(options, kind, attack, number).await;
    let has_store = kind != ServerKind::Constant;
    let mut notes = Vec::new();
    if has_store && let Err(error) = prepare(attack, &server).await {
        notes.push(format!("not prepared: {error}"));
    }
    let calm = bystander::end(bystand(options, attack, &server, has_store)).await;
    let kept = if has_store {
        keep(attack, &server, &mut notes).await
    } else {
        None
    };
    let pid = server.pid();
    let before = memory::resident(pid);
    memory::forget_peak(pid);
    let liveness = server.admin.map(Liveness::probe);
    let (attacked, got) = struck(options, attack, &server, addresses).await;
    notes.extend(liveness.and_then(|liveness| liveness.note()));
    let peak = memory::peak(pid);
    sleep(Duration::from_secs_f64(options.recovery)).await;
    let after = memory::resident(pid);
    let mut fate = None;
    if let Some((keeper, keeping)) = kept {
        fate = Some(keeper.fate().await);
        keeping.abort();
    }
    notes.extend(server.metrics(&METRICS).await);
    notes.extend(server.ended());
    drop(server);
    AttackRow {
        attack: attack.name.to_owned(),
        row: attack.row.to_owned(),
        server: format!("{kind:?}").to_lowercase(),
        addresses,
        identities: options.identities,
        calm,
        attacked,
        fate,
        memory: Memory {
            before,
            peak,
            after,
        },
        got,
        notes,
    }
}

/// Starts the bystander.
fn bystand(options: &RunOptions, attack: &Attack, server: &Server, fills: bool) -> Process {
    bystander::spawn(bench(options), attack.face, server, options.seconds, fills)
}

/// Attacks beside the bystander: what it saw, and what the attack's requests got.
async fn struck(
    options: &RunOptions,
    attack: &Attack,
    server: &Server,
    addresses: usize,
) -> (Seen, Counts) {
    let ahead = Duration::from_millis(attack.ahead_ms);
    let strike = StrikeOptions {
        attack: attack.name.to_owned(),
        target: server.target.address,
        addresses,
        certificates: server.certificates.clone(),
        identities: options.identities,
        seconds: ahead.as_secs_f64() + WARM_UP + options.seconds,
    };
    let (striking, running) = if ahead.is_zero() {
        let running = bystand(options, attack, server, false);
        sleep(Duration::from_secs_f64(WARM_UP)).await;
        (strike::spawn(&strike), running)
    } else {
        let striking = strike::spawn(&strike);
        sleep(ahead).await;
        (striking, bystand(options, attack, server, false))
    };
    let attacked = bystander::end(running).await;
    (attacked, strike::end(striking).await)
}

/// Writes what the attack needs.
async fn prepare(attack: &Attack, server: &Server) -> std::io::Result<()> {
    let stage = Stage::new(server.target.clone(), 1, false, Instant::now(), 0);
    let preparing = (attack.prepare)(Arc::new(stage));
    timeout(PREPARING, preparing).await?
}

/// Begins the bystander's session or TTL, which is renewed from then on.
async fn keep(
    attack: &Attack,
    server: &Server,
    notes: &mut Vec<String>,
) -> Option<(Keeper, JoinHandle<()>)> {
    match Keeper::begin(attack.face, server.target.clone(), TTL).await {
        Ok(keeper) => {
            let own = keeper.clone();
            Some((
                keeper,
                tokio::spawn(async move {
                    own.keep().await;
                }),
            ))
        }
        Err(error) => {
            notes.push(format!("no session or TTL: {error}"));
            None
        }
    }
}
