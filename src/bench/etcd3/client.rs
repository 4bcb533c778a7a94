//! `Etcd3Client`: a gRPC connection that is opened again, to the next server, after it was lost.

use std::collections::HashMap;
use std::sync::Arc;

use etcd_client::{Client, Error, KvClient, WatchStream};

use super::connect::connect;
use super::failure::failure;
use super::lease::KeptLease;
use crate::bench::client::{Consistency, Failure};
use crate::bench::target::LoadTarget;

/// The connection, and what lives as long as it does.
pub(super) struct Etcd3Connection {
    pub(super) client: Client,
    pub(super) kv: KvClient,
    /// The lease of locks.
    pub(super) lease: Option<KeptLease>,
    /// The stream on which locks wait for the key before their own, while none does.
    pub(super) waits: Option<WatchStream>,
    /// The streams of watched keys.
    pub(super) watched: HashMap<String, WatchStream>,
}

/// A client of etcd's version 3 API, with one connection at a time.
pub struct Etcd3Client {
    target: Arc<LoadTarget>,
    number: u64,
    /// How many connections were opened so far.
    opened: u64,
    pub(super) consistency: Consistency,
    connection: Option<Etcd3Connection>,
    /// How many locks were asked for so far.
    pub(super) locks: u64,
    /// The revision that the next compare-and-swap of a key compares with; 0 where the key did not exist.
    pub(super) revisions: HashMap<String, i64>,
}

impl std::fmt::Debug for Etcd3Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Etcd3Client")
            .field("number", &self.number)
            .field("opened", &self.opened)
            .finish_non_exhaustive()
    }
}

impl Etcd3Client {
    /// The client of a number, not yet connected.
    pub fn new(target: Arc<LoadTarget>, number: u64, consistency: Consistency) -> Self {
        Self {
            target,
            number,
            opened: 0,
            consistency,
            connection: None,
            locks: 0,
            revisions: HashMap::new(),
        }
    }

    /// The open connection. A lost one is replaced for the next operation, never for the same one: nobody knows whether the
    /// server performed it.
    pub(super) async fn connection(&mut self) -> Result<&mut Etcd3Connection, Failure> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open().await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn open(&mut self) -> Result<Etcd3Connection, Failure> {
        let server = self.target.server(self.number, self.opened)?;
        self.opened = self.opened.wrapping_add(1);
        let client = connect(&self.target, server, self.number).await?;
        Ok(Etcd3Connection {
            // A list may be longer than the 4 MiB that are read by default.
            kv: client.kv_client().max_decoding_message_size(usize::MAX),
            client,
            lease: None,
            waits: None,
            watched: HashMap::new(),
        })
    }

    /// The requests of keys.
    pub(super) async fn kv(&mut self) -> Result<&mut KvClient, Failure> {
        Ok(&mut self.connection().await?.kv)
    }

    /// The result of a request; the connection of one that was lost is left.
    pub(super) fn checked<T>(&mut self, result: Result<T, Error>) -> Result<T, Failure> {
        result.map_err(|error| self.failed(failure(&error)))
    }

    /// Leaves the connection where a failure ends it.
    pub(super) fn failed(&mut self, failure: Failure) -> Failure {
        if failure.ends_connection() {
            self.connection = None;
        }
        failure
    }

    /// Leaves the lease of locks: the next one gets another.
    pub(super) fn leave_lease(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.lease = None;
        }
    }

    /// Ends the lease, if there is one, and the connection.
    pub async fn close(&mut self) -> Result<(), Failure> {
        let Some(mut connection) = self.connection.take() else {
            return Ok(());
        };
        match connection.lease.take() {
            Some(lease) => lease.revoke(&connection.client).await,
            None => Ok(()),
        }
    }
}
