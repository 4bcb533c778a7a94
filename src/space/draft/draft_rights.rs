//! `DraftRights`: what a decision has asked of its caller's rights so far.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;

use super::seen_keys::SeenKeys;
use crate::model::{Key, Verb};
use crate::space::demand::Demand;
use crate::space::denied::Denied;

/// What a decision asks of its caller's rights.
#[derive(Debug, Default)]
pub(super) struct DraftRights {
    pub(super) forbidden: OnceCell<Denied>,
    /// The keys that the caller may see, as far as they were asked for last.
    pub(super) seen: SeenKeys,
    /// `None` where nobody takes note of them.
    pub(super) demands: Option<RefCell<Vec<Demand>>>,
    /// The keys of which the request itself named the state that they must be in: mostly one, which a tree finds without a hash.
    pub(super) compared: BTreeSet<Key>,
    /// The keys that the request locked or released.
    pub(super) locked: BTreeSet<Key>,
    /// What the request does to everything that could begin with a key.
    pub(super) ranges: RefCell<Vec<(Verb, Key)>>,
    /// What the request named is wanted for the audit log, whatever its caller may do.
    pub(super) is_audited: bool,
    /// The decision refuses in words of its own, which show nothing.
    pub(super) in_own_words: bool,
}
