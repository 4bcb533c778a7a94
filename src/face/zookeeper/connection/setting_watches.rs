//! `SetWatches`: the watches of an earlier connection set again.
//!
//! A client may have any number of them. So the connection goes through them in slices, between which others have their turn, and
//! the nodes are looked up on a heavy thread. Meanwhile nothing else of the connection has its turn, and no event is sent but what
//! was missed: first the connection listens to all paths, then the view is read, and last the watches are set.

use std::collections::HashMap;
use std::sync::Arc;
use std::vec;

use super::lane::{Beginning, Begun, RequestTicket};
use super::served::{ConnectionPhase, Ended, ServedConnection};
use super::setting_stage::{SettingStage, SettingWatches};
use crate::face::zookeeper::acl::ConnectionIdentities;
use crate::face::zookeeper::audit::ReadRecord;
use crate::face::zookeeper::operations::{Reply, demand_of_watch};
use crate::face::zookeeper::path::ZnodePath;
use crate::face::zookeeper::watch_table::{MissedEvent, NodeZxids, WatchMode, WatchesSetAgain};
use crate::face::zookeeper::znode::Znode;
use crate::fairness::Cost;
use crate::model::{Caller, Permissions, Verb};
use crate::space::{Keyspace, View};
use crate::wire::zookeeper::{SetWatches2Request, append_event};

/// The zxid of an event whose change is not known.
const UNKNOWN_ZXID: i64 = -1;

/// The paths of a slice.
const SLICE: usize = 256;

impl ServedConnection {
    /// `SetWatches`, `SetWatches2`.
    pub(super) fn set_watches(
        &mut self,
        ticket: RequestTicket,
        request: SetWatches2Request,
    ) -> Result<(), Ended> {
        self.phase = ConnectionPhase::Reading;
        let paths = paths(&request).into_iter();
        self.setting = Some(SettingWatches::begin(ticket, request, paths));
        // Few are set at once.
        self.set_some_watches()?;
        Ok(())
    }

    /// Does the next slice, if watches are being set again and there is room for their events; says whether it did.
    pub(super) fn set_some_watches(&mut self) -> Result<bool, Ended> {
        let mut left = SLICE;
        let mut did = false;
        while left > 0
            && !self.output.is_full()
            && let Some(setting) = self.setting.take()
        {
            did = true;
            let SettingWatches { ticket, stage } = setting;
            self.go_on_setting(ticket, stage, &mut left)?;
        }
        Ok(did)
    }

    fn go_on_setting(
        &mut self,
        ticket: RequestTicket,
        stage: SettingStage,
        left: &mut usize,
    ) -> Result<(), Ended> {
        let stage = match stage {
            SettingStage::Listening(request, mut paths) => {
                for (path, mode) in take(&mut paths, left) {
                    self.events.expect(&path, mode);
                }
                if paths.as_slice().is_empty() {
                    return self.find_watched(ticket, request);
                }
                SettingStage::Listening(request, paths)
            }
            SettingStage::Setting(mut missed, mut armed) => {
                for MissedEvent { kind, path } in take(&mut missed, left) {
                    // A path of a request is short enough for an event.
                    let frames = self.output.frames();
                    let _too_long = append_event(frames, UNKNOWN_ZXID, kind.number(), &path);
                }
                for (path, mode) in take(&mut armed, left) {
                    self.events.table.add(&path, mode);
                }
                if missed.as_slice().is_empty() && armed.as_slice().is_empty() {
                    SettingStage::Tidying
                } else {
                    SettingStage::Setting(missed, armed)
                }
            }
            SettingStage::Tidying => {
                let has_more = self.events.tidy_some(*left);
                *left = 0;
                if !has_more {
                    self.phase = ConnectionPhase::Open;
                    return self.reply(ticket, Ok(Reply::Empty));
                }
                SettingStage::Tidying
            }
        };
        self.setting = Some(SettingWatches { ticket, stage });
        Ok(())
    }

    /// Reads the view, and finds out what becomes of the watches: on a heavy thread where they are many.
    fn find_watched(
        &mut self,
        ticket: RequestTicket,
        request: SetWatches2Request,
    ) -> Result<(), Ended> {
        let view = self.face.space.read(&self.caller).to_watch();
        self.catch_up(view.revision())?;
        let (space, caller) = (self.face.space.clone(), self.caller.clone());
        let identities = Arc::clone(&self.identities);
        let paths = paths(&request);
        let cost = Cost::new(paths.len(), ticket.bytes);
        let find = move || {
            let asked = Watched {
                space,
                caller,
                view,
            };
            asked.note(&paths);
            asked.find(request, &identities)
        };
        if cost.is_small() {
            let found = find();
            self.setting = Some(SettingWatches::found(ticket, found));
            return Ok(());
        }
        let (fairness, flow) = (self.face.fairness.clone(), self.flow());
        let finding: Beginning = Box::pin(async move {
            match fairness.run(flow, cost, find).await {
                Ok(found) => Begun::WatchesFound(ticket, Box::new(found)),
                Err(_overloaded) => Begun::WatchesNotFound,
            }
        });
        self.lane.begin(finding);
        Ok(())
    }
}

/// What is watched, as its caller may watch it.
struct Watched {
    space: Keyspace,
    caller: Caller,
    view: View,
}

impl Watched {
    /// Takes note of what is asked for. What may not be watched any more has no events; there is no answer that would say so.
    fn note(&self, paths: &[(String, WatchMode)]) {
        self.space.note(&self.caller, || {
            let asked = paths.iter();
            asked
                .map(|(path, mode)| demand_of_watch(path, *mode))
                .collect()
        });
        let may =
            |(path, mode): &&(String, WatchMode)| self.view.meets(|| demand_of_watch(path, *mode));
        let targets = || {
            let watched = paths.iter().filter(may);
            watched
                .map(|(path, _)| (Verb::Watch, path.clone()))
                .collect()
        };
        if let Some(record) = ReadRecord::new(&self.space, &self.caller, targets) {
            record.record(&Ok(Reply::Empty), self.view.revision());
        }
    }

    /// Finds out what becomes of the watches.
    fn find(
        mut self,
        request: SetWatches2Request,
        identities: &ConnectionIdentities,
    ) -> WatchesSetAgain {
        // A path that is sent again and again is looked up once; with whether the node may be read.
        let mut known: HashMap<String, Option<(NodeZxids, bool)>> = HashMap::new();
        let mut found = WatchesSetAgain::of(request, |path| {
            let found = known.entry(path.to_owned()).or_insert_with(|| {
                let node = Znode::find(&mut self.view, &ZnodePath::of_read(path)?)?;
                let may_read = node.permits(identities, Permissions::READ);
                Some((NodeZxids::of(&node.stat(&mut self.view)), may_read))
            });
            found.map(|(zxids, _)| zxids)
        });
        found.missed.retain(|event| {
            let node = known.get(&event.path).copied().flatten();
            node.is_none_or(|(_, may_read)| may_read)
        });
        found
    }
}

/// As many of these as are left, and so many less are left then.
fn take<T>(items: &mut vec::IntoIter<T>, left: &mut usize) -> impl Iterator<Item = T> {
    let count = items.len().min(*left);
    *left -= count;
    items.take(count)
}

/// The paths that are to be watched.
fn paths(request: &SetWatches2Request) -> Vec<(String, WatchMode)> {
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
