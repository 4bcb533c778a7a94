//! Operations on the connection's watches.

use super::lane::RequestTicket;
use super::served::{Ended, ServedConnection};
use crate::face::zookeeper::audit::ReadRecord;
use crate::face::zookeeper::operations::{Reply, demand_of_watch};
use crate::face::zookeeper::watch_table::{WatchMode, WatchSelection};
use crate::model::Verb;
use crate::wire::zookeeper::{AddWatchRequest, ErrorCode, WatcherPath};

impl ServedConnection {
    /// `CheckWatches`.
    pub(super) fn check_watches(
        &mut self,
        ticket: RequestTicket,
        request: &WatcherPath,
    ) -> Result<(), Ended> {
        let reply = match WatchSelection::of_number(request.kind) {
            None => Err(ErrorCode::MarshallingError),
            Some(selection) if self.events.table.has(&request.path, selection) => Ok(Reply::Empty),
            Some(_) => Err(ErrorCode::NoWatcher),
        };
        self.reply_now(ticket, reply)
    }

    /// `RemoveWatches`.
    pub(super) fn remove_watches(
        &mut self,
        ticket: RequestTicket,
        request: &WatcherPath,
    ) -> Result<(), Ended> {
        // Events of what happened before come before: it was watched then.
        let revision = self.face.space.read(&self.caller).revision();
        self.catch_up(revision)?;
        let reply = match WatchSelection::of_number(request.kind) {
            None => Err(ErrorCode::MarshallingError),
            Some(selection) if self.events.table.remove(&request.path, selection) => {
                Ok(Reply::Empty)
            }
            Some(_) => Err(ErrorCode::NoWatcher),
        };
        self.events.tidy(&request.path);
        self.reply(ticket, reply)
    }

    /// `AddWatch`.
    pub(super) fn add_watch(
        &mut self,
        ticket: RequestTicket,
        request: &AddWatchRequest,
    ) -> Result<(), Ended> {
        let Some(mode) = WatchMode::of_add_watch(request.mode) else {
            return self.reply_now(ticket, Err(ErrorCode::MarshallingError));
        };
        let asked = || demand_of_watch(&request.path, mode);
        if self.face.space.asks(&self.caller, asked).is_err() {
            return self.reply_now(ticket, Err(ErrorCode::NoAuth));
        }
        self.record_watch(&request.path);
        self.events.expect(&request.path, mode);
        let revision = self.face.space.read(&self.caller).revision();
        self.catch_up(revision)?;
        self.events.table.add(&request.path, mode);
        self.events.tidy_expected();
        self.reply(ticket, Ok(Reply::WatchAdded))
    }

    /// Records that a node is watched, which may be.
    fn record_watch(&self, path: &str) {
        let target = || vec![(Verb::Watch, path.to_owned())];
        let record = ReadRecord::new(&self.face.space, &self.caller, target);
        if let Some(record) = record {
            record.record(&Ok(Reply::Empty), self.revision);
        }
    }
}
