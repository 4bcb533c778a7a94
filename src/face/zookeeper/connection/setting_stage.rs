//! `SettingWatches`: a request to set watches again, and how far it is.

use std::vec;

use super::lane::RequestTicket;
use crate::face::zookeeper::watch_table::{MissedEvent, WatchMode, WatchesSetAgain};
use crate::wire::zookeeper::SetWatches2Request;

/// A request that is being done.
#[derive(Debug)]
pub(super) struct SettingWatches {
    pub(super) ticket: RequestTicket,
    pub(super) stage: SettingStage,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum SettingStage {
    /// The connection begins to listen to these paths.
    Listening(SetWatches2Request, vec::IntoIter<(String, WatchMode)>),
    /// Events are sent, and then watches are set.
    Setting(
        vec::IntoIter<MissedEvent>,
        vec::IntoIter<(String, WatchMode)>,
    ),
    /// The connection listens no longer to what concerns no watch.
    Tidying,
}

impl SettingWatches {
    /// A request for watches of these paths.
    pub(super) fn begin(
        ticket: RequestTicket,
        request: SetWatches2Request,
        paths: vec::IntoIter<(String, WatchMode)>,
    ) -> Self {
        let stage = SettingStage::Listening(request, paths);
        Self { ticket, stage }
    }

    /// The rest of a request, when it is known what becomes of the watches.
    pub(super) fn found(ticket: RequestTicket, found: WatchesSetAgain) -> Self {
        let WatchesSetAgain { missed, armed } = found;
        let stage = SettingStage::Setting(missed.into_iter(), armed.into_iter());
        Self { ticket, stage }
    }
}
