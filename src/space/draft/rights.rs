//! Rights of a decision on keys: reading a hidden one forbids the whole change. Rights on leases are in `space::leases`.

use super::Draft;
use crate::model::{Key, KeyRange};
use crate::space::denied::Denied;

impl Draft<'_> {
    /// Whether the caller may see this key. Unlike looking at it, this forbids nothing.
    pub fn sees(&self, key: &Key) -> bool {
        self.visibility.sees(key)
    }

    /// Whether the caller may see every key that could be in the range.
    pub fn sees_whole(&self, range: &KeyRange) -> bool {
        self.visibility.sees_whole(range)
    }

    /// Forbids the change unless the caller may see this key, be it there or not.
    pub fn asks_for(&self, key: &Key) {
        if !self.visibility.sees(key) {
            self.forbid(|| key.to_string());
        }
    }

    /// Forbids the change unless the caller may see every key that could be in the range.
    pub fn asks_for_all(&self, range: &KeyRange) {
        if !self.visibility.sees_whole(range) {
            let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
            self.forbid(|| format!("not everything beneath {key} can be seen"));
        }
    }

    pub(crate) fn forbid(&self, why: impl FnOnce() -> String) {
        self.forbidden.get_or_init(|| Denied::Forbidden(why()));
    }

    /// Why the change is forbidden, if it is.
    pub(crate) fn forbidden(&self) -> Option<&Denied> {
        self.forbidden.get()
    }
}
