//! Changes of records: which of them libnetwork makes.
//!
//! Each change is judged beside the records of the same daemons as they are after the whole commit. What was harmful before may
//! become anything that is not, or go.

mod addresses;
mod host;
mod illegal;
mod network;
mod overlay;
mod pools;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use illegal::IllegalChange;

use super::check::{Checked, CheckedRecord, node_host};
use super::record_fault::RecordFault;
use super::record_place::{RecordKind, RecordPlace};

/// The records as they are after a commit.
pub trait RecordLookup {
    /// The value of a record, in whichever of these spellings it is there.
    fn value(&self, keys: [Vec<u8>; 2]) -> Option<Vec<u8>>;

    /// Shows the keys and values beneath a directory, until one is enough.
    fn find(&self, directory: &[u8], is_enough: &mut dyn FnMut(&[u8], &[u8]) -> bool);
}

/// A change of one record.
#[derive(Clone, Copy, Debug)]
pub struct RecordChange<'a> {
    /// Where.
    pub place: &'a RecordPlace<'a>,
    /// The value before; `None` where there was none.
    pub before: Option<&'a [u8]>,
    /// The value afterwards; `None` where it is deleted.
    pub after: Option<&'a [u8]>,
    /// Whether the request names the state that it must be in before.
    pub compares: bool,
    /// The address of the host that changes it; `None` where that is not known, and any may be meant.
    pub host: Option<IpAddr>,
    /// Whether the host may delete it; of networks alone it is asked.
    pub may_delete: bool,
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordRefusal {
    /// Whoever reads it would be harmed.
    Harmful(RecordFault),
    /// libnetwork makes no such change.
    Illegal(IllegalChange),
}

impl RecordRefusal {
    /// Its name, as in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Harmful(fault) => fault.name(),
            Self::Illegal(change) => change.name(),
        }
    }
}

impl std::fmt::Display for RecordRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Harmful(fault) => fault.fmt(f),
            Self::Illegal(change) => change.fmt(f),
        }
    }
}

impl From<RecordFault> for RecordRefusal {
    fn from(fault: RecordFault) -> Self {
        Self::Harmful(fault)
    }
}

impl From<IllegalChange> for RecordRefusal {
    fn from(change: IllegalChange) -> Self {
        Self::Illegal(change)
    }
}

impl RecordChange<'_> {
    /// Judges the change; says which fields of the new record libnetwork does not know.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub fn judge(&self, records: &dyn RecordLookup) -> Result<Option<String>, RecordRefusal> {
        let before = self.before.and_then(|value| self.place.check(value).ok());
        let before = before.map(|checked| checked.record);
        let Some(value) = self.after else {
            let legal = before.map_or(Ok(()), |before| self.judge_delete(&before, records));
            return legal.map(|()| None).map_err(RecordRefusal::from);
        };
        if self.place.kind == RecordKind::Beneath {
            return Err(RecordFault::Misplaced.into());
        }
        let Checked { record, unknown } = self.place.check(value)?;
        if self.place.is_compared() && before.is_some() && !self.compares {
            return Err(IllegalChange::Unconditional.into());
        }
        self.judge_put(before.as_ref(), &record, records)?;
        Ok(unknown)
    }

    fn judge_put(
        &self,
        before: Option<&CheckedRecord>,
        after: &CheckedRecord,
        records: &dyn RecordLookup,
    ) -> Result<(), RecordRefusal> {
        let beside = Neighbours {
            place: self.place,
            records,
        };
        match after {
            CheckedRecord::Node => Ok(self.judge_node()?),
            CheckedRecord::Network(after) => {
                let before = match before {
                    Some(CheckedRecord::Network(before)) => Some(before),
                    Some(_) | None => None,
                };
                network::judge_put(self, before, after, &beside)
            }
            CheckedRecord::Endpoint(after) => {
                let before = match before {
                    Some(CheckedRecord::Endpoint(before)) => Some(before),
                    Some(_) | None => None,
                };
                Ok(self.judge_endpoint(before, after, &beside)?)
            }
            CheckedRecord::Count(after) => Ok(judge_count(before, *after)?),
            CheckedRecord::Overlay(after) => {
                let before = match before {
                    Some(CheckedRecord::Overlay(before)) => Some(before),
                    Some(_) | None => None,
                };
                Ok(overlay::judge_put(before, after, &beside)?)
            }
            CheckedRecord::Pools(after) => {
                let before = match before {
                    Some(CheckedRecord::Pools(before)) => Some(before),
                    Some(_) | None => None,
                };
                Ok(pools::judge_put(before, after, &beside)?)
            }
            CheckedRecord::Bits(after) => {
                let before = match before {
                    Some(CheckedRecord::Bits(before)) => Some(before),
                    Some(_) | None => None,
                };
                Ok(addresses::judge_put(before, after, &beside)?)
            }
            CheckedRecord::Directory | CheckedRecord::Unknown => Ok(()),
        }
    }

    fn judge_delete(
        &self,
        before: &CheckedRecord,
        records: &dyn RecordLookup,
    ) -> Result<(), IllegalChange> {
        let beside = Neighbours {
            place: self.place,
            records,
        };
        match before {
            CheckedRecord::Node => self.judge_node_delete(),
            CheckedRecord::Network(network) => network::judge_delete(self, network, &beside),
            CheckedRecord::Endpoint(endpoint) => self.judge_endpoint_delete(endpoint, &beside),
            CheckedRecord::Count(_) if beside.network_is_in_use() => Err(IllegalChange::CountInUse),
            CheckedRecord::Overlay(_) if beside.network_is_in_use() => {
                Err(IllegalChange::OverlayInUse)
            }
            CheckedRecord::Pools(pools) if !pools.is_empty() => Err(IllegalChange::PoolsInUse),
            CheckedRecord::Bits(bits) => addresses::judge_delete(bits, &beside),
            CheckedRecord::Count(_)
            | CheckedRecord::Overlay(_)
            | CheckedRecord::Pools(_)
            | CheckedRecord::Directory
            | CheckedRecord::Unknown => Ok(()),
        }
    }
}

fn judge_count(before: Option<&CheckedRecord>, after: u64) -> Result<(), IllegalChange> {
    let legal = match before {
        Some(CheckedRecord::Count(before)) => before.abs_diff(after) <= 1,
        // What was there was harmful, and nobody knows what it should be. A new network has none.
        Some(_) => true,
        None => after == 0,
    };
    if legal {
        Ok(())
    } else {
        Err(IllegalChange::CountJumps)
    }
}

/// The records of the same daemons.
struct Neighbours<'a> {
    place: &'a RecordPlace<'a>,
    records: &'a dyn RecordLookup,
}

impl Neighbours<'_> {
    /// Another record, if it is there and harms nobody.
    fn record(&self, kind: RecordKind<'_>) -> Option<CheckedRecord> {
        let value = self.records.value(self.place.sibling(&kind))?;
        let place = RecordPlace {
            tenant: self.place.tenant,
            kind,
        };
        place.check(&value).ok().map(|checked| checked.record)
    }

    /// Whether the network whose id this record has is there, and not marked as removed.
    fn network_is_in_use(&self) -> bool {
        let (RecordKind::EndpointCount(id) | RecordKind::Overlay(id)) = self.place.kind else {
            return false;
        };
        match self.record(RecordKind::Network(id)) {
            Some(CheckedRecord::Network(network)) => !network.in_delete,
            Some(_) | None => false,
        }
    }

    /// Whether a host is among the nodes.
    fn is_up(&self, host: &str) -> bool {
        let mut up = false;
        self.records.find(&self.place.nodes(), &mut |key, _| {
            let node = RecordPlace::of(key).map(|place| place.kind);
            up = match node {
                Some(RecordKind::Node(address)) => node_host(address) == Some(host),
                Some(_) | None => false,
            };
            up
        });
        up
    }

    /// Shows the good records beneath a directory whose value has this text somewhere, until one is enough.
    fn find(
        &self,
        directory: &str,
        text: &str,
        mut is_enough: impl FnMut(&RecordPlace<'_>, &CheckedRecord) -> bool,
    ) -> bool {
        let mut found = false;
        let directory = self.place.directory(directory);
        self.records.find(&directory, &mut |key, value| {
            if !contains(value, text.as_bytes()) {
                return false;
            }
            let Some(place) = RecordPlace::of(key) else {
                return false;
            };
            let checked = place.check(value);
            found = checked.is_ok_and(|checked| is_enough(&place, &checked.record));
            found
        });
        found
    }
}

/// Whether a text is somewhere in a value.
fn contains(value: &[u8], text: &[u8]) -> bool {
    text.is_empty()
        || match (std::str::from_utf8(value), std::str::from_utf8(text)) {
            // The library's search, which does not look at every place: an endpoint is looked for among thousands.
            (Ok(value), Ok(text)) => value.contains(text),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => value.windows(text.len()).any(|part| part == text),
        }
}
