//! Operations on the connection's watches.

use std::collections::HashMap;

use super::lane::RequestTicket;
use super::served::{Ended, ServedConnection};
use crate::face::zookeeper::audit::ReadRecord;
use crate::face::zookeeper::operations::{Reply, demand_of_watch};
use crate::face::zookeeper::path::ZnodePath;
use crate::face::zookeeper::watch_table::{MissedEvent, NodeZxids, WatchMode, WatchSelection};
use crate::face::zookeeper::znode::Znode;
use crate::model::{Permissions, Verb};
use crate::wire::zookeeper::{
    AddWatchRequest, ErrorCode, SetWatches2Request, WatcherPath, append_event,
};

/// The zxid of an event whose change is not known.
const UNKNOWN_ZXID: i64 = -1;

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
        self.record_watches([&request.path]);
        self.events.expect(&request.path, mode);
        let revision = self.face.space.read(&self.caller).revision();
        self.catch_up(revision)?;
        self.events.table.add(&request.path, mode);
        self.events.tidy_expected();
        self.reply(ticket, Ok(Reply::WatchAdded))
    }

    /// `SetWatches`, `SetWatches2`.
    pub(super) fn set_watches(
        &mut self,
        ticket: RequestTicket,
        request: SetWatches2Request,
    ) -> Result<(), Ended> {
        let expected = expected(&request);
        // What may not be watched any more has no events; there is no answer that would say so.
        self.face.space.note(&self.caller, || {
            let asked = expected.iter();
            asked
                .map(|(path, mode)| demand_of_watch(path, *mode))
                .collect()
        });
        for (path, mode) in &expected {
            self.events.expect(path, *mode);
        }
        let mut view = self.face.space.read(&self.caller).to_watch();
        let may = |(path, mode): &&(String, WatchMode)| view.meets(|| demand_of_watch(path, *mode));
        self.record_watches(expected.iter().filter(may).map(|(path, _)| path));
        self.catch_up(view.revision())?;
        // A path that is sent again and again is looked up once; with whether the node may be read.
        let mut known: HashMap<String, Option<(NodeZxids, bool)>> = HashMap::new();
        let missed = self.events.table.set_again(request, |path| {
            let found = known.entry(path.to_owned()).or_insert_with(|| {
                let node = Znode::find(&mut view, &ZnodePath::of_read(path)?)?;
                let may_read = node.permits(&self.identities, Permissions::READ);
                Some((NodeZxids::of(&node.stat(&mut view)), may_read))
            });
            found.map(|(zxids, _)| zxids)
        });
        for MissedEvent { kind, path } in missed {
            let found = known.get(&path).copied().flatten();
            if found.is_none_or(|(_, may_read)| may_read) {
                // A path of a request is short enough for an event.
                let _too_long =
                    append_event(self.output.frames(), UNKNOWN_ZXID, kind.number(), &path);
            }
        }
        self.events.tidy_expected();
        self.reply(ticket, Ok(Reply::Empty))
    }

    /// Records that nodes are watched, which may be.
    fn record_watches<'a>(&self, paths: impl IntoIterator<Item = &'a String>) {
        let targets = || paths.into_iter().map(|path| (Verb::Watch, path.clone()));
        let record = ReadRecord::new(&self.face.space, &self.caller, || targets().collect());
        if let Some(record) = record {
            record.record(&Ok(Reply::Empty), self.revision);
        }
    }
}

/// The watches that may be set.
fn expected(request: &SetWatches2Request) -> Vec<(String, WatchMode)> {
    let all = [
        (&request.once.data, WatchMode::Data),
        (&request.once.exist, WatchMode::Data),
        (&request.once.child, WatchMode::Child),
        (&request.persistent, WatchMode::Persistent),
        (&request.recursive, WatchMode::Recursive),
    ];
    let of = |(paths, mode): (&Vec<String>, WatchMode)| {
        let paths = paths.iter().cloned();
        paths.map(move |path| (path, mode)).collect::<Vec<_>>()
    };
    all.into_iter().flat_map(of).collect()
}
