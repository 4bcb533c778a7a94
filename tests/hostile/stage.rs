//! Stage of an attack: the server, the attackers' addresses, the size and the end.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::client::{Connection, Target, Who};
use crate::tally::Tally;

/// Where and how large an attack is.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The server's face.
    pub(crate) target: Target,
    /// The number of the attackers' addresses: 127.66.0.1 and so on.
    pub(crate) addresses: usize,
    /// Whether it is the short form.
    pub(crate) is_small: bool,
    /// When it is over.
    pub(crate) until: Instant,
    /// The rounds of each attacker.
    pub(crate) rounds: usize,
    /// What its requests got.
    pub(crate) tally: Tally,
    /// Attackers that have not ended.
    active: AtomicUsize,
    /// Those of them that hold something.
    holding: AtomicUsize,
    /// Lets go of what is held.
    release: watch::Sender<bool>,
}

/// One attacker that holds something.
#[derive(Debug)]
pub(crate) struct Hold(Arc<Stage>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.holding.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Stage {
    /// A stage before its server; an attack ends by its time or by the rounds of each attacker.
    pub(crate) fn new(
        target: Target,
        addresses: usize,
        is_small: bool,
        until: Instant,
        rounds: usize,
    ) -> Self {
        Self {
            target,
            addresses,
            is_small,
            until,
            rounds,
            tally: Tally::default(),
            active: AtomicUsize::new(0),
            holding: AtomicUsize::new(0),
            release: watch::Sender::new(false),
        }
    }

    /// A number of the full form, or of the short one.
    pub(crate) fn pick(&self, full: usize, small: usize) -> usize {
        if self.is_small { small } else { full }
    }

    /// The address of an attacker.
    fn source(&self, number: usize) -> Ipv4Addr {
        let last = number % self.addresses.max(1) + 1;
        Ipv4Addr::new(127, 66, 0, u8::try_from(last).unwrap_or(u8::MAX))
    }

    /// A new connection of an attacker.
    pub(crate) async fn connect(&self, number: usize) -> io::Result<Connection> {
        self.connect_with(number, None).await
    }

    /// The same with a receive buffer of this many bytes.
    pub(crate) async fn connect_with(
        &self,
        number: usize,
        receive: Option<u32>,
    ) -> io::Result<Connection> {
        let (from, who) = (self.source(number), Who::Attacker(number));
        Connection::open_with(from, &self.target, who, receive).await
    }

    /// Counts attackers that begin.
    pub(crate) fn enter(&self, count: usize) {
        self.active.fetch_add(count, Ordering::SeqCst);
    }

    /// Counts one that has ended.
    pub(crate) fn leave(&self) {
        self.active.fetch_sub(1, Ordering::SeqCst);
    }

    /// Counts one that holds something, until the guard is dropped.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        self.holding.fetch_add(1, Ordering::SeqCst);
        Hold(Arc::clone(self))
    }

    /// Waits until what is held is let go.
    pub(crate) async fn released(&self) {
        let mut release = self.release.subscribe();
        // The sender lives as long as the stage.
        let _sender = release.wait_for(|released| *released).await;
    }

    /// Lets go of what is held.
    pub(crate) fn release(&self) {
        self.release.send_replace(true);
    }

    /// Whether every attacker that has not ended holds what it is to hold.
    pub(crate) fn is_settled(&self) -> bool {
        let active = self.active.load(Ordering::SeqCst);
        active > 0 && active == self.holding.load(Ordering::SeqCst)
    }
}
