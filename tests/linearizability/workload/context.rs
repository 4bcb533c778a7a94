//! Round context: the layout, the history, the gateway handle and the sessions that all tasks of a round share.

use std::sync::atomic::AtomicBool;

use crate::gateway::handle::GatewayHandle;
use crate::history::History;
use crate::object_layout::ObjectLayout;

/// The state that clients, watchers and lease tasks of a round share.
#[derive(Debug)]
pub struct RoundContext {
    pub layout: ObjectLayout,
    pub history: History,
    pub gateway: GatewayHandle,
    /// Set when the nemesis is done: every task ends.
    pub is_over: AtomicBool,
    /// Set when the final values are written.
    pub is_finished: AtomicBool,
    /// The ids of sessions that hold locks.
    pub sessions: Vec<String>,
    /// The numbers of registers and of groups among the objects, which come in this order; the rest are locks.
    pub registers: usize,
    pub groups: usize,
}
