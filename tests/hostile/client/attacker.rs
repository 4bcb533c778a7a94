//! Attackers: clients side by side, each with a connection that it opens again when it is lost.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout_at};

use super::{Answer, Connection};
use crate::stage::Stage;

/// The pause after a connection was lost or refused.
const PAUSE: Duration = Duration::from_millis(10);

/// The pause before something that is held is opened again: this is no flood of connections.
const REOPEN: Duration = Duration::from_millis(500);

/// The time between two sips of an answer.
const SIP: Duration = Duration::from_secs(1);

/// The way in which a connection is held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stay {
    /// Reads all that comes.
    Reading,
    /// Reads at most so many bytes a second.
    Sipping(usize),
    /// Reads nothing.
    Still,
}

/// A client of an attack.
#[derive(Debug)]
pub(crate) struct Attacker {
    /// What it attacks.
    pub(crate) stage: Arc<Stage>,
    /// Its number among those of the attack.
    pub(crate) number: usize,
    /// The rounds it has begun.
    pub(crate) round: usize,
    connection: Option<Connection>,
}

/// Runs clients side by side, until each has ended or the attack is over.
pub(crate) async fn crowd<A, F>(stage: &Arc<Stage>, count: usize, act: A)
where
    A: Fn(Attacker) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    stage.enter(count);
    for number in 0..count {
        let attacker = Attacker {
            stage: Arc::clone(stage),
            number,
            round: 0,
            connection: None,
        };
        let acting = act(attacker);
        let stage = Arc::clone(stage);
        tasks.spawn(async move {
            tokio::select! {
                _over = timeout_at(stage.until, acting) => {}
                () = stage.released() => {}
            }
            stage.leave();
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

impl Attacker {
    /// Begins a round; false when all are done.
    pub(crate) fn goes_on(&mut self) -> bool {
        self.round += 1;
        self.round <= self.stage.rounds
    }

    /// The same for a request that is answered when something changes.
    pub(crate) async fn ask_and_wait(&mut self, request: &[u8]) -> Option<Answer> {
        let _waiting = self.stage.hold();
        self.ask(request).await
    }

    /// Sends a request and reads the answer; `None` where the connection was lost.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Option<Answer> {
        let asked = self.try_ask(request).await;
        self.stage.tally.count(&asked);
        let Ok(answer) = asked else {
            self.connection = None;
            sleep(PAUSE).await;
            return None;
        };
        if answer.closes {
            self.connection = None;
        }
        Some(answer)
    }

    async fn try_ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        let connection = self.connection().await?;
        connection.send(request).await?;
        connection.answer().await
    }

    /// Its connection, opened if need be.
    pub(crate) async fn connection(&mut self) -> io::Result<&mut Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.stage.connect(self.number).await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Opens something and holds it until the attack is over; opens it again each time that the server ends it.
    pub(crate) async fn hold<F>(&self, stay: Stay, mut open: impl FnMut(Arc<Stage>, usize) -> F)
    where
        F: Future<Output = io::Result<Connection>> + Send,
    {
        let released = self.stage.released();
        tokio::pin!(released);
        let mut held = None;
        loop {
            let opened = tokio::select! {
                () = &mut released => return,
                opened = open(Arc::clone(&self.stage), self.number) => opened,
            };
            // A connection that is refused holds nothing, and there is nothing more to wait for.
            held.get_or_insert_with(|| self.stage.hold());
            if let Ok(connection) = opened {
                tokio::select! {
                    () = &mut released => return,
                    () = stay.with(connection) => {}
                }
            }
            self.stage.tally.count_broken();
            sleep(REOPEN).await;
        }
    }
}

impl Stay {
    /// Returns when the connection has ended.
    async fn with(self, mut connection: Connection) {
        loop {
            let read = match self {
                Self::Reading => connection.read_and_forget().await.map(|_| ()),
                Self::Sipping(bytes) => {
                    sleep(SIP).await;
                    connection.sip(bytes).await
                }
                Self::Still => std::future::pending().await,
            };
            if read.is_err() {
                return;
            }
        }
    }
}
