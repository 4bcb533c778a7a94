//! Locks as etcd's own library takes them: a key with a lease for each who waits, ordered by revision, each of whom waits
//! for the deletion of the key before its own.
//!
//! Not by the lock service: that makes one member do the same on behalf of its clients, few programs use it, and other
//! servers of this protocol do not have it.

use etcd_client::{
    Error, EventType, GetOptions, ResponseHeader, SortOrder, SortTarget, WatchOptions, WatchStream,
};

use super::Etcd3Client;
use super::lease::KeptLease;
use super::place::{Place, position};
use crate::bench::client::{Failure, HeldLock};

impl Etcd3Client {
    /// Takes a lock, waiting for its holder.
    pub async fn lock(&mut self, key: &str) -> Result<HeldLock, Failure> {
        let lease = self.lease().await?;
        let prefix = format!("{key}/");
        self.locks = self.locks.wrapping_add(1);
        let attempt = self.locks;
        let mut place = Place::new(self.kv().await?.clone(), &prefix, lease, attempt);
        let result = place.queue(&prefix, lease).await;
        // It may have expired.
        let queued = self.checked(result).inspect_err(|_| self.leave_lease())?;
        let (own, is_first) = position(&queued)?;
        if !is_first {
            while let Some((before, revision)) = self.predecessor(&prefix, own).await? {
                self.wait_for_end(before, revision).await?;
            }
        }
        Ok(HeldLock::Place(place.keep()))
    }

    /// Gives a lock back.
    pub async fn unlock(&mut self, _key: &str, held: HeldLock) -> Result<(), Failure> {
        let HeldLock::Place(key) = held else {
            return Err(Failure::Unsupported("not a lock of etcd v3"));
        };
        let result = self.kv().await?.delete(key, None).await;
        self.checked(result).map(|_done| ())
    }

    /// The lease of this client's locks.
    async fn lease(&mut self) -> Result<i64, Failure> {
        let connection = self.connection().await?;
        if let Some(lease) = &connection.lease {
            return Ok(lease.id);
        }
        let result = KeptLease::grant(&connection.client).await;
        let lease = self.checked(result)?;
        let id = lease.id;
        self.connection().await?.lease = Some(lease);
        Ok(id)
    }

    /// The last key of the queue before a revision, and the revision it was seen at; `None` for the first.
    async fn predecessor(
        &mut self,
        prefix: &str,
        own: i64,
    ) -> Result<Option<(Vec<u8>, i64)>, Failure> {
        let options = GetOptions::new()
            .with_prefix()
            .with_sort(SortTarget::Create, SortOrder::Descend)
            .with_max_create_revision(own.saturating_sub(1))
            .with_limit(1);
        let result = self.kv().await?.get(prefix, Some(options)).await;
        let found = self.checked(result)?;
        let revision = found.header().map_or(0, ResponseHeader::revision);
        let before = found.kvs().first();
        Ok(before.map(|entry| (entry.key().to_vec(), revision)))
    }

    /// Waits until a key that existed at a revision is deleted.
    async fn wait_for_end(&mut self, key: Vec<u8>, revision: i64) -> Result<(), Failure> {
        let options = WatchOptions::new().with_start_revision(revision.saturating_add(1));
        let connection = self.connection().await?;
        // Put back after a wait that ended: one that is broken off leaves its watch on the stream that is dropped.
        let begun = if let Some(mut stream) = connection.waits.take() {
            stream.watch(key, Some(options)).await.map(|()| stream)
        } else {
            let mut watches = connection.client.watch_client();
            watches.watch(key, Some(options)).await
        };
        let mut stream = self.checked(begun)?;
        let result = deletion(&mut stream).await;
        self.checked(result)??;
        self.connection().await?.waits = Some(stream);
        Ok(())
    }
}

/// Waits for a deletion on the watch that was created last, and cancels it.
async fn deletion(stream: &mut WatchStream) -> Result<Result<(), Failure>, Error> {
    let mut own = None;
    while let Some(message) = stream.message().await? {
        let id = message.watch_id();
        if message.created() {
            own = Some(id);
        }
        // Earlier watches still say that they were cancelled.
        if own != Some(id) {
            continue;
        }
        if message.canceled() {
            let why = message.cancel_reason().as_bytes();
            return Ok(Err(Failure::refused("", why)));
        }
        let mut events = message.events().iter();
        if events.any(|event| event.event_type() == EventType::Delete) {
            stream.cancel(id).await?;
            return Ok(Ok(()));
        }
    }
    Ok(Err(Failure::Connection("the stream ended".to_owned())))
}
