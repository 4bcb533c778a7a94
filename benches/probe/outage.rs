//! Measuring an outage: gaps and failed requests of clients while the leader stops and another gateway takes over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::client::{Broken, Client};
use super::protocol::Protocol;

/// Clients of each kind.
const CLIENTS: usize = 4;

/// Between two requests of one client, and after one that failed.
const PAUSE: Duration = Duration::from_millis(10);

/// How long clients run before the leader is stopped.
const BEFORE: Duration = Duration::from_secs(1);

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, clap::Args)]
pub struct Outage {
    #[arg(long)]
    protocol: Protocol,
    /// The leader.
    #[arg(long)]
    leads: SocketAddr,
    #[arg(long)]
    stands_by: SocketAddr,
    /// The leader's process id.
    #[arg(long)]
    pid: u32,
    /// The signal that stops it: KILL or TERM.
    #[arg(long)]
    signal: String,
    /// How many seconds to continue after that.
    #[arg(long)]
    seconds: f64,
}

/// The results of one client.
struct ClientResult {
    failed: usize,
    answered: usize,
    /// The longest time without a successful answer.
    gap: Duration,
}

#[derive(Clone, Copy)]
struct ClientKind {
    writes: bool,
    /// Whether the client first uses the leader, and moves to the other gateway when that fails.
    moves: bool,
}

/// Prints a line for each kind of client: which, the longest gap in milliseconds, requests that failed, and all.
pub async fn run(outage: Outage) {
    let over = Arc::new(AtomicBool::new(false));
    let mut kinds = Vec::new();
    for writes in [true, false] {
        for moves in [true, false] {
            let kind = ClientKind { writes, moves };
            let clients: Vec<_> = (0..CLIENTS)
                .map(|number| {
                    let (outage, over) = (outage.clone(), Arc::clone(&over));
                    tokio::spawn(client(outage, kind, number, over))
                })
                .collect();
            kinds.push((kind, clients));
        }
    }
    tokio::time::sleep(BEFORE).await;
    let killed = std::process::Command::new("kill")
        .args([format!("-{}", outage.signal), outage.pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
    tokio::time::sleep(Duration::from_secs_f64(outage.seconds)).await;
    over.store(true, Ordering::Relaxed);
    for (kind, clients) in kinds {
        let mut sum = ClientResult {
            failed: 0,
            answered: 0,
            gap: Duration::ZERO,
        };
        for client in clients {
            let seen = client.await.unwrap();
            sum.failed += seen.failed;
            sum.answered += seen.answered;
            sum.gap = sum.gap.max(seen.gap);
        }
        println!(
            "{} {} {} {} {}",
            if kind.writes { "writes" } else { "reads" },
            if kind.moves { "moving" } else { "staying" },
            sum.gap.as_millis(),
            sum.failed,
            sum.failed + sum.answered
        );
    }
}

async fn client(
    outage: Outage,
    kind: ClientKind,
    number: usize,
    over: Arc<AtomicBool>,
) -> ClientResult {
    let mut gateways = [outage.stands_by, outage.stands_by];
    if kind.moves {
        gateways[0] = outage.leads;
    }
    let key = format!("outage/{}/{number}", kind.moves);
    let mut seen = ClientResult {
        failed: 0,
        answered: 0,
        gap: Duration::ZERO,
    };
    let mut current = 0;
    let mut connection = None;
    let mut last = Instant::now();
    while !over.load(Ordering::Relaxed) {
        let uri = outage.protocol.key(&key);
        let request = one(
            &mut connection,
            gateways[current],
            outage.protocol,
            kind,
            &uri,
        );
        let done = tokio::time::timeout(PATIENCE, request).await;
        if matches!(done, Ok(Ok(true))) {
            seen.answered += 1;
            seen.gap = seen.gap.max(last.elapsed());
            last = Instant::now();
        } else {
            seen.failed += 1;
            connection = None;
            current = 1;
        }
        tokio::time::sleep(PAUSE).await;
    }
    seen.gap = seen.gap.max(last.elapsed());
    seen
}

/// Whether one request succeeded; a read of a missing key counts as a success.
async fn one(
    connection: &mut Option<Client>,
    to: SocketAddr,
    protocol: Protocol,
    kind: ClientKind,
    uri: &str,
) -> Result<bool, Broken> {
    if connection.is_none() {
        *connection = Some(Client::try_connect(to).await?);
    }
    let Some(client) = connection else {
        return Ok(false);
    };
    let answer = if kind.writes {
        client.try_send("PUT", uri, &protocol.value("x")).await?
    } else {
        client.try_send("GET", &protocol.exact(uri), "").await?
    };
    Ok(answer.status < 300 || answer.status == 404)
}
