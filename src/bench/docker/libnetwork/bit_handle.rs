//! Handle of a bit sequence in the store.

use super::datastore::{Datastore, Stored, Swap};
use crate::bench::docker::observer::StepFailure;
use crate::docker::{BitSequence, BitSequenceRecord};

/// A bit sequence, as a daemon last saw it.
#[derive(Debug)]
pub(super) struct BitHandle {
    key: String,
    record: BitSequenceRecord,
    index: Option<u64>,
    /// The bit after the last one allotted, where an allotment in series goes on.
    next: u64,
}

/// A change of one bit.
#[derive(Clone, Copy)]
enum Change {
    Take(u64),
    TakeAny { first: u64, last: u64, serial: bool },
    Release(u64),
}

impl BitHandle {
    /// Reads a sequence, or writes a free one where there is none. A daemon that loses the race to write it gives up.
    pub(super) async fn open(
        store: &Datastore,
        key: String,
        id: String,
        free: BitSequence,
    ) -> Result<Self, StepFailure> {
        let record = BitSequenceRecord { id, sequence: free };
        let mut handle = Self {
            key,
            record,
            index: None,
            next: 0,
        };
        handle.refresh(store).await?;
        if handle.index.is_none() {
            match store.put_atomic(&handle.key, &handle.record, None).await? {
                Swap::Done(index) => handle.index = Some(index),
                Swap::Lost => return Err(StepFailure::Race("two daemons made one bit sequence")),
            }
        }
        Ok(handle)
    }

    /// Reads the sequence again, to see whether it needs repair.
    pub(super) async fn check(&mut self, store: &Datastore) -> Result<(), StepFailure> {
        self.refresh(store).await
    }

    /// Takes a bit. Returns whether it was free.
    pub(super) async fn take(&mut self, store: &Datastore, bit: u64) -> Result<bool, StepFailure> {
        let taken = self.change(store, Change::Take(bit)).await?;
        Ok(taken.is_some())
    }

    /// Takes the first free bit of a range, or the next one after the last that this daemon took.
    pub(super) async fn take_any(
        &mut self,
        store: &Datastore,
        range: Option<(u64, u64)>,
        serial: bool,
    ) -> Result<Option<u64>, StepFailure> {
        let sequence = &self.record.sequence;
        if sequence.free() == 0 {
            return Ok(None);
        }
        let (first, last) = range.unwrap_or((0, sequence.bits().saturating_sub(1)));
        let change = Change::TakeAny {
            first,
            last,
            serial,
        };
        self.change(store, change).await
    }

    /// Gives a bit back.
    pub(super) async fn release(&mut self, store: &Datastore, bit: u64) -> Result<(), StepFailure> {
        self.change(store, Change::Release(bit)).await?;
        Ok(())
    }

    /// Deletes the sequence.
    pub(super) async fn destroy(&mut self, store: &Datastore) -> Result<(), StepFailure> {
        loop {
            let index = self.index.unwrap_or(0);
            if store.delete_atomic(&self.key, index).await? != Swap::Lost {
                return Ok(());
            }
            let Some(stored) = store.get::<BitSequenceRecord>(&self.key).await? else {
                return Ok(());
            };
            self.adopt(stored);
        }
    }

    /// Makes a change, on the state that the store has when it is written. Returns the bit, or nothing where none is free.
    async fn change(
        &mut self,
        store: &Datastore,
        change: Change,
    ) -> Result<Option<u64>, StepFailure> {
        loop {
            self.refresh(store).await?;
            let mut changed = self.record.clone();
            let sequence = &mut changed.sequence;
            let bit = match change {
                Change::Release(bit) => {
                    sequence.release(bit);
                    bit
                }
                Change::Take(bit) => {
                    if sequence.take(bit).is_err() {
                        return Ok(None);
                    }
                    bit
                }
                Change::TakeAny {
                    first,
                    last,
                    serial,
                } => {
                    let from = if serial { self.next } else { 0 };
                    let Some(bit) = sequence.next_free(from, first, last) else {
                        return Ok(None);
                    };
                    self.next = bit.saturating_add(1);
                    if sequence.take(bit).is_err() {
                        return Ok(None);
                    }
                    bit
                }
            };
            match store.put_atomic(&self.key, &changed, self.index).await? {
                Swap::Done(index) => {
                    self.record = changed;
                    self.index = Some(index);
                    return Ok(Some(bit));
                }
                Swap::Lost => {}
            }
        }
    }

    async fn refresh(&mut self, store: &Datastore) -> Result<(), StepFailure> {
        // A sequence that is gone from the store stays as it was seen last.
        if let Some(stored) = store.get(&self.key).await? {
            self.adopt(stored);
        }
        Ok(())
    }

    fn adopt(&mut self, stored: Stored<BitSequenceRecord>) {
        self.record = stored.record;
        self.index = Some(stored.index);
    }
}
