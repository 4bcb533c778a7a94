//! Writes on their way to etcd, each one transaction.

use std::time::Duration;

use bytes::Bytes;
use etcd_client::{Compare, CompareOp, PutOptions, Txn, TxnOp};
use tokio::time::Instant;

use super::bulk::{self, Span};
use super::failure::Failure;
use super::known::{Fence, Known};
use super::layout::Layout;
use super::load::revision;
use super::log::EtcdLog;
use super::records::{Attributes, Committed, Term};
use crate::model::{Key, Proposal, Record, Target, Write};
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::SendError;
use crate::store::shared::metrics::Verb;
use crate::store::shared::write_ids::WriteId;

/// How long to wait for an answer. A member passes a write on to one that leads no more, and tells after 7 s that it
/// does not know what became of it; the next fence tells sooner.
const WRITE: Duration = Duration::from_secs(1);

/// How long a write is held that no member takes, because they have no leader or are not there: as Consul holds
/// (`rpc_hold_timeout`).
const HOLD: Duration = Duration::from_secs(7);

/// How long until such a write is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// How long what refused a write may take to be told.
const TOLD: Duration = Duration::from_secs(5);

/// What a transaction compares and what it does.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) compares: Vec<Compare>,
    pub(super) operations: Vec<TxnOp>,
}

impl Parts {
    pub(super) fn under(layout: &Layout, fence: Fence) -> Self {
        let mut parts = Self::default();
        parts.is_at(layout.term(), fence.modified);
        parts
    }

    pub(super) fn is_at(&mut self, key: Vec<u8>, modified: u64) {
        let at = revision(modified);
        let compare = Compare::mod_revision(key, CompareOp::Equal, at);
        self.compares.push(compare);
    }

    pub(super) fn is_absent(&mut self, key: Vec<u8>) {
        let compare = Compare::create_revision(key, CompareOp::Equal, 0);
        self.compares.push(compare);
    }

    pub(super) fn put(&mut self, key: Vec<u8>, value: impl Into<Vec<u8>>) {
        self.operations.push(TxnOp::put(key, value, None));
    }

    /// Writes a value as it is, so that attributes can belong to it.
    fn touch(&mut self, key: Vec<u8>) {
        let options = PutOptions::new().with_ignore_value();
        let touch = TxnOp::put(key, Vec::new(), Some(options));
        self.operations.push(touch);
    }

    pub(super) fn delete(&mut self, key: Vec<u8>) {
        self.operations.push(TxnOp::delete(key, None));
    }

    /// Compares that the entry of a key is as it is known.
    pub(super) fn guard(&mut self, known: &Known, layout: &Layout, key: &Key) {
        match known.seen(key) {
            Some(seen) => self.is_at(layout.value(key), seen.modified),
            None => self.is_absent(layout.value(key)),
        }
    }

    /// Writes or deletes a value, with what is beside it.
    pub(super) fn change(
        &mut self,
        layout: &Layout,
        (key, write): (&Key, &Write),
        beside: Beside,
    ) -> Result<(), SendError> {
        let at = layout.value(key);
        let Some(record) = &write.put else {
            self.delete(at);
            self.delete(layout.attributes(key));
            return Ok(());
        };
        if keeps_value(write) {
            self.touch(at);
        } else {
            self.put(at, record.value.to_vec());
        }
        self.put(layout.attributes(key), beside.attributes(record)?);
        Ok(())
    }

    /// A new entry that is named by its revision.
    fn in_order(
        &mut self,
        layout: &Layout,
        name: &str,
        write: &Write,
        beside: Beside,
    ) -> Result<(), SendError> {
        let record = write.put.clone().unwrap_or_default();
        self.is_absent(layout.in_order(name));
        self.put(layout.in_order(name), record.value.to_vec());
        self.put(
            layout.in_order_attributes(name),
            beside.attributes(&record)?,
        );
        Ok(())
    }

    fn txn(self) -> Txn {
        let operations = bulk::nest(self.compares.len(), self.operations);
        Txn::new().when(self.compares).and_then(operations)
    }

    /// Whether it happened; it is sent once.
    pub(super) async fn send(self, log: &EtcdLog) -> Result<bool, SendError> {
        Ok(send(log, &self.txn()).await?)
    }

    /// As [`Parts::send`], but waits for somebody to take it.
    async fn hold_and_send(self, log: &EtcdLog) -> Result<bool, SendError> {
        let (txn, until) = (self.txn(), Instant::now() + HOLD);
        loop {
            match send(log, &txn).await {
                Err(Failure::NotSent(_)) if Instant::now() < until => {
                    tokio::time::sleep(AGAIN).await;
                }
                sent => return Ok(sent?),
            }
        }
    }
}

async fn send(log: &EtcdLog, txn: &Txn) -> Result<bool, Failure> {
    let sent = log.links.call(Verb::Replace, WRITE, |client| {
        let (txn, mut client) = (txn.clone(), client.kv_client());
        async move { client.txn(txn).await }
    });
    match sent.await {
        Ok(answer) => Ok(answer.succeeded()),
        // One that was to keep its value.
        Err(Failure::NoKey) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Sends a proposal.
pub(super) async fn proposal(
    log: &EtcdLog,
    write_id: WriteId,
    proposal: Proposal,
) -> Result<(), SendError> {
    let moved = |known: &Known| {
        guarded(&proposal).all(|(key, _)| known.seen(key).is_none_or(|seen| seen.unmoved.is_none()))
    };
    if !log.state.known.wait_until(TOLD, moved).await {
        let why = "an entry named by its revision is not where it belongs yet";
        return Err(SendError::Unavailable(why.to_owned()));
    }
    let (parts, spans) = compile(&log.state.known.lock(), &log.layout, write_id, &proposal)?;
    if parts.hold_and_send(log).await? {
        return Ok(());
    }
    // Refused is only what is told, too.
    let overtaken = |known: &Known| {
        known.fence.is_none_or(|fence| fence.term != write_id.term)
            || !holds(known, &proposal)
            || spans.iter().any(|span| span.is_overtaken(known))
    };
    if log.state.known.wait_until(TOLD, overtaken).await {
        return Err(SendError::Conflict(log.state.known.lock().index()));
    }
    let why = "etcd says that something has changed, but its watch does not tell what";
    Err(SendError::Unavailable(why.to_owned()))
}

/// The keys a proposal names, and the revision each must be at.
fn guarded(proposal: &Proposal) -> impl Iterator<Item = (&Key, Option<u64>)> {
    proposal
        .writes
        .iter()
        .filter_map(|write| match &write.target {
            Target::Key(key) => {
                let before = write.before.as_ref();
                Some((key, before.map(|before| before.modified.main)))
            }
            Target::InOrder(_) => None,
        })
}

fn holds(known: &Known, proposal: &Proposal) -> bool {
    guarded(proposal).all(|(key, before)| known.seen(key).map(|seen| seen.index) == before)
}

/// Whether a write leaves the value as it is.
pub(super) fn keeps_value(write: &Write) -> bool {
    let before = write.before.as_ref();
    let put = write.put.as_ref();
    before.is_some_and(|before| put.is_some_and(|put| *before.value() == put.value))
}

fn compile(
    known: &Known,
    layout: &Layout,
    write_id: WriteId,
    proposal: &Proposal,
) -> Result<(Parts, Vec<Span>), SendError> {
    let Some(fence) = known.fence else {
        // Whoever leads takes the lead anew, and what is written then happens.
        let why = "the record of the term is gone from etcd";
        return Err(SendError::Unknown(why.to_owned()));
    };
    if fence.term != write_id.term || !holds(known, proposal) {
        return Err(SendError::Conflict(known.index()));
    }
    let mut parts = Parts::under(layout, fence);
    let subject = proposal.subject.as_ref().and_then(Key::as_str);
    // Beside the first value that is put, which saves a record.
    let mut commit = Some(Committed {
        write_id,
        cause: proposal.cause,
        subject: subject.map(str::to_owned),
    });
    let mut named = Vec::new();
    for (sub, write) in (0_u32..).zip(&proposal.writes) {
        match &write.target {
            Target::Key(key) => named.push((sub, key, write)),
            Target::InOrder(parent) => {
                let name = format!("{}.{}.{sub}", write_id.term, write_id.sequence);
                let beside = Beside {
                    sub,
                    parent: Some(parent.as_bytes().to_vec()),
                    commit: commit.take(),
                };
                parts.in_order(layout, &name, write, beside)?;
            }
        }
    }
    let mut spans = Vec::new();
    // Two operations a write, and the one that names them all.
    if proposal.writes.len() * 2 < bulk::LIST {
        for (sub, key, write) in named {
            parts.guard(known, layout, key);
            let mut beside = Beside::of(sub);
            if write.put.is_some() {
                beside.commit = commit.take();
            }
            parts.change(layout, (key, write), beside)?;
        }
    } else {
        spans = bulk::compile(&mut parts, known, layout, named)?;
    }
    if let Some(commit) = commit {
        parts.put(layout.commit(), json(&commit)?);
    }
    Ok((parts, spans))
}

/// What attributes say of the transaction that puts them.
#[derive(Debug)]
pub(super) struct Beside {
    sub: u32,
    parent: Option<Vec<u8>>,
    commit: Option<Committed>,
}

impl Beside {
    pub(super) fn of(sub: u32) -> Self {
        Self {
            sub,
            parent: None,
            commit: None,
        }
    }

    fn attributes(self, record: &Record) -> Result<Vec<u8>, SendError> {
        json(&Attributes {
            sub: self.sub,
            at: None,
            parent: self.parent,
            commit: self.commit,
            attrs: record.attrs.clone(),
        })
    }
}

pub(super) fn json(record: &impl serde::Serialize) -> Result<Vec<u8>, SendError> {
    serde_json::to_vec(record).map_err(|error| SendError::Refused(error.to_string()))
}

/// Sends the lead's record; with a new term the fence, too.
pub(super) async fn lead(
    log: &EtcdLog,
    record: LeaderRecord,
    told: Option<u64>,
) -> Result<(), SendError> {
    let mut parts = Parts::default();
    {
        let known = log.state.known.lock();
        let modified = known.lead.as_ref().map(|lead| lead.modified);
        let readable = known.lead.as_ref().is_none_or(|lead| lead.record.is_some());
        let shown = modified.filter(|_| readable);
        if shown.map(|modified| modified + known.offset) != told {
            return Err(SendError::Conflict(known.index()));
        }
        // What cannot be read is written over.
        match modified {
            Some(modified) => parts.is_at(log.layout.lead(), modified),
            None => parts.is_absent(log.layout.lead()),
        }
    }
    parts.put(log.layout.lead(), json(&record)?);
    if record.beat == 0 {
        let term = Term { term: record.term };
        parts.put(log.layout.term(), json(&term)?);
    }
    if parts.send(log).await? {
        Ok(())
    } else {
        Err(SendError::Conflict(log.state.known.lock().index()))
    }
}

/// Writes or removes a gateway's record of itself, whoever leads.
pub(super) async fn announce(
    log: &EtcdLog,
    key: Key,
    value: Option<Bytes>,
) -> Result<(), SendError> {
    let mut parts = Parts::default();
    match value {
        Some(value) => parts.put(log.layout.value(&key), value.to_vec()),
        None => parts.delete(log.layout.value(&key)),
    }
    parts.send(log).await.map(drop)
}
