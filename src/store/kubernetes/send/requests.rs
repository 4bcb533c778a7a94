//! Writes on their way to the API server.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use crate::model::{Attrs, Entry, Key, Proposal, Record, Revision, Target};
use crate::store::kubernetes::cache::object_cache::{Lead, Objects};
use crate::store::kubernetes::cache::slot::{Known, State};
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::codec::journal::{self, Journal};
use crate::store::kubernetes::codec::name;
use crate::store::kubernetes::codec::object::{Object, body};
use crate::store::kubernetes::codec::spec;
use crate::store::kubernetes::definition::resource::{EntrySpec, SpecWriteId, Step};
use crate::store::kubernetes::log::KubernetesLog;
use crate::store::shared::election::record::LeaderRecord;
use crate::store::shared::log::SendError;
use crate::store::shared::metrics::Reason;
use crate::store::shared::write_ids::WriteId;

/// How often a write is sent that the API server turns away because it has too much to do.
const TURNS: u32 = 6;

/// How long to wait then, where it does not say.
const TURNED_AWAY: Duration = Duration::from_millis(500);

/// How long to wait at most.
const LONGEST: Duration = Duration::from_secs(5);

/// Why no gateway leads on a definition of another version.
pub(crate) const PRUNED: &str = "the definition of entries.kubekv.io is of another version and loses fields: \
    install it with: kubekv crd | kubectl apply -f -";

/// A request that writes one object.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) body: Vec<u8>,
    /// The version it replaces; none where there must be no object yet.
    pub(crate) replaced: Option<u64>,
}

impl Request {
    /// Makes or replaces the object of a key. The write id's generation is what the object will have.
    pub(crate) fn new(
        key: &Key,
        mut spec: EntrySpec,
        write_id: Option<WriteId>,
        there: Option<&Known>,
    ) -> Self {
        spec.write_id = write_id.map(|write_id| SpecWriteId {
            term: write_id.term,
            sequence: write_id.sequence,
            generation: there.map_or(1, |there| there.generation + 1),
        });
        let replaced = there.map(|there| (&there.kept, there.version));
        Self {
            name: name::of(key),
            body: body(key, &spec, replaced),
            replaced: there.map(|there| there.version),
        }
    }

    async fn ask(&self, log: &KubernetesLog) -> Result<Bytes, ApiError> {
        match self.replaced {
            Some(_) => log.api.replace(&self.name, self.body.clone()).await,
            None => log.api.create(self.body.clone()).await,
        }
    }

    /// Sends it; again only where the API server said that it did nothing, because it has too much to do.
    pub(crate) async fn send(&self, log: &KubernetesLog) -> Result<Bytes, ApiError> {
        let mut turn = 1;
        loop {
            match self.ask(log).await {
                Err(error) if error.status() == Some(429) && turn < TURNS => {
                    turn += 1;
                    let wait = error.retry_after().unwrap_or(TURNED_AWAY);
                    tokio::time::sleep(wait.min(LONGEST)).await;
                }
                answered => return answered,
            }
        }
    }

    /// Whether the objects that are known have moved on from what this was made for.
    fn is_overtaken(&self, objects: &Objects) -> bool {
        let slot = objects.slots.get(&self.name);
        let there = slot.and_then(|slot| slot.object.as_ref());
        there.map(|there| there.version) != self.replaced
    }
}

/// An entry's spec, or its tombstone's.
pub(crate) fn spec(key: &Key, put: Option<&Record>) -> EntrySpec {
    put.map_or_else(|| spec::tombstone(key), |record| spec::encode(key, record))
}

/// As [`spec`], for an entry that stands elsewhere on the line.
pub(crate) fn step(key: &Key, now: Option<&Entry>, at: Revision) -> EntrySpec {
    EntrySpec {
        step: Some(Step {
            revision: at.main,
            sub: at.sub,
        }),
        ..spec(key, now.map(|entry| &entry.record))
    }
}

/// Sends a proposal, as one request whatever it writes.
pub(crate) async fn proposal(
    log: &KubernetesLog,
    write_id: WriteId,
    proposal: Proposal,
) -> Result<(), SendError> {
    let mut left = TURNS;
    loop {
        let request = match proposal.writes.as_slice() {
            [write] => match &write.target {
                Target::Key(key) => single(log, write_id, &proposal, key)?,
                Target::InOrder(_) => journal(write_id, &proposal)?,
            },
            _ => journal(write_id, &proposal)?,
        };
        let error = match request.send(log).await {
            Ok(body) => return survived(log, &body),
            Err(error) => error,
        };
        match refused(log, &request, write_id, error).await {
            // The object is another one, though the entry may not be: a tombstone was removed.
            Err(SendError::Conflict(_)) if left > 0 => left -= 1,
            became => return became,
        }
    }
}

fn single(
    log: &KubernetesLog,
    write_id: WriteId,
    proposal: &Proposal,
    key: &Key,
) -> Result<Request, SendError> {
    let objects = log.state.objects.lock();
    let write = proposal.writes.first();
    let before = write
        .and_then(|write| write.before.as_ref())
        .map(|before| before.modified);
    if objects.entry_of(key).map(|entry| entry.modified) != before {
        return Err(SendError::Conflict(objects.index()));
    }
    let slot = objects.slots.get(&name::of(key));
    let there = slot.and_then(|slot| slot.object.as_ref());
    if there.is_some_and(|there| there.state == State::Dying) {
        let why = "its object was deleted in the cluster, and a finalizer holds it back";
        return Err(SendError::Unavailable(why.to_owned()));
    }
    let put = write.and_then(|write| write.put.as_ref());
    let spec = EntrySpec {
        cause: proposal.cause.into(),
        subject: proposal
            .subject
            .as_ref()
            .and_then(Key::as_str)
            .map(str::to_owned),
        ..spec(key, put)
    };
    Ok(Request::new(key, spec, Some(write_id), there))
}

pub(crate) fn journal(write_id: WriteId, proposal: &Proposal) -> Result<Request, SendError> {
    let packed = Journal::of(proposal).pack();
    let value = packed.map_err(|error| SendError::Refused(error.to_string()))?;
    let record = Record {
        value,
        ..Record::default()
    };
    let key = journal::key(write_id);
    let spec = EntrySpec {
        cause: proposal.cause.into(),
        ..spec(&key, Some(&record))
    };
    Ok(Request::new(&key, spec, Some(write_id), None))
}

/// Sends the lead's record.
pub(crate) async fn lead(
    log: &KubernetesLog,
    record: LeaderRecord,
    told: Option<u64>,
) -> Result<(), SendError> {
    // Not a write of an entry, but what says whether write ids survive.
    let write_id = WriteId {
        term: record.term,
        sequence: record.attempt,
    };
    let request = {
        let objects = log.state.objects.lock();
        let lead = objects.lead.as_ref();
        if lead.map(|lead| lead.version + objects.offset) != told {
            return Err(SendError::Conflict(objects.index()));
        }
        let there = lead.map(Lead::known);
        lead_request(
            &record,
            write_id,
            there.as_ref().or(objects.unreadable.as_ref()),
        )?
    };
    match request.send(log).await {
        Ok(body) => {
            let object = std::str::from_utf8(&body)
                .ok()
                .and_then(|text| Object::read(text).ok());
            let survived = object
                .and_then(|object| object.written_by())
                .map(SpecWriteId::name)
                == Some(write_id);
            log.state.pruned.store(!survived, Ordering::Release);
            if survived {
                Ok(())
            } else {
                Err(SendError::Nameless(PRUNED.to_owned()))
            }
        }
        Err(error) => Err(definite(&error)),
    }
}

/// Makes or replaces the lead's record.
pub(crate) fn lead_request(
    record: &LeaderRecord,
    write_id: WriteId,
    there: Option<&Known>,
) -> Result<Request, SendError> {
    let value =
        serde_json::to_vec(record).map_err(|error| SendError::Refused(error.to_string()))?;
    let key = LeaderRecord::key();
    let record = Record {
        value: value.into(),
        ..Record::default()
    };
    let spec = spec(&key, Some(&record));
    Ok(Request::new(&key, spec, Some(write_id), there))
}

/// Writes or removes a record that is not the leader's to write: without a write id, as anybody's.
pub(crate) async fn announce(
    log: &KubernetesLog,
    key: Key,
    value: Option<Bytes>,
) -> Result<(), SendError> {
    let name = name::of(&key);
    let request = {
        let objects = log.state.objects.lock();
        let slot = objects.slots.get(&name);
        let there = slot.and_then(|slot| slot.object.as_ref());
        match (value, there) {
            (Some(value), there) => {
                let attrs = Attrs::default();
                let spec = spec(&key, Some(&Record { value, attrs }));
                Ok(Request::new(&key, spec, None, there))
            }
            (None, Some(there)) => Err((there.uid.clone(), there.version)),
            (None, None) => return Ok(()),
        }
    };
    let done = match request {
        Ok(request) => request.send(log).await,
        Err((uid, version)) => log.api.remove(&name, &uid, version).await,
    };
    done.map(drop).map_err(|error| definite(&error))
}

/// What became of a write that was refused. Refused is only what has been told, too.
async fn refused(
    log: &KubernetesLog,
    request: &Request,
    write_id: WriteId,
    error: ApiError,
) -> Result<(), SendError> {
    let changed =
        error.status() == Some(409) || (error.status() == Some(404) && request.replaced.is_some());
    if !changed {
        return Err(definite(&error));
    }
    // Somebody on the way may have sent it twice: what refused it may be itself.
    match log.api.get(&request.name).await {
        Ok(body) => {
            let object = Object::read(&String::from_utf8_lossy(&body));
            let stamped = object.ok().and_then(|object| object.written_by());
            if stamped.map(SpecWriteId::name) == Some(write_id) {
                return Ok(());
            }
        }
        Err(gone) if gone.status() == Some(404) => {}
        Err(unread) => return Err(SendError::Unknown(unread.to_string())),
    }
    if log
        .state
        .objects
        .wait_until(LONGEST, |objects| request.is_overtaken(objects))
        .await
    {
        return Err(SendError::Conflict(log.state.objects.lock().index()));
    }
    Err(SendError::Unavailable(error.to_string()))
}

/// Whether what was written bears its write id still; a definition of another version drops it.
fn survived(log: &KubernetesLog, body: &[u8]) -> Result<(), SendError> {
    // The quotes of a value are escaped: this stands there as a field only.
    if std::str::from_utf8(body).is_ok_and(|body| body.contains("\"stamp\":{")) {
        return Ok(());
    }
    log.state.pruned.store(true, Ordering::Release);
    Err(SendError::Nameless(PRUNED.to_owned()))
}

/// What an answer says for sure.
fn definite(error: &ApiError) -> SendError {
    let text = error.to_string();
    match error {
        ApiError::Unknown(_) | ApiError::Failed(_) => SendError::Unknown(text),
        ApiError::NotSent(_) => SendError::Unavailable(text),
        ApiError::Refused(_) if error.status() == Some(409) => SendError::Conflict(0),
        ApiError::Refused(_) => match error.reason() {
            Some(Reason::Quota) => SendError::Refused(format!("no space left: {text}")),
            Some(Reason::TooLarge) => SendError::TooLarge(text),
            Some(Reason::Admission | Reason::Other) => SendError::Refused(text),
            _ => SendError::Unavailable(text),
        },
    }
}
