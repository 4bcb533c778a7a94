//! `Compared`: the long sets that one has been compared with outside the critical section.

use std::sync::Arc;

use crate::space::read_write_set::ReadWriteSet;

/// What comparisons of one set came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compared {
    set: Option<Arc<ReadWriteSet>>,
    /// Each with whether it clashes. They are kept, so that no other takes the place of one.
    others: Vec<(Arc<ReadWriteSet>, bool)>,
}

impl Compared {
    /// Compares a set with others. What another set was compared with is forgotten.
    pub(crate) fn compare(&mut self, set: &Arc<ReadWriteSet>, others: Vec<Arc<ReadWriteSet>>) {
        if !self.set.as_ref().is_some_and(|own| Arc::ptr_eq(own, set)) {
            self.set = Some(Arc::clone(set));
            self.others.clear();
        }
        for other in others {
            let (fewer, more) = if set.parts() < other.parts() {
                (set, &other)
            } else {
                (&other, set)
            };
            let clashes = fewer.clashes(more);
            self.others.push((other, clashes));
        }
    }

    /// Whether it was compared with this one.
    pub(super) fn has(&self, other: &Arc<ReadWriteSet>) -> bool {
        self.others.iter().any(|(own, _)| Arc::ptr_eq(own, other))
    }

    /// Whether it clashes with this one, or may.
    pub(super) fn clashes(&self, other: &Arc<ReadWriteSet>) -> bool {
        let mut others = self.others.iter();
        let own = others.find(|(own, _)| Arc::ptr_eq(own, other));
        own.is_none_or(|(_, clashes)| *clashes)
    }
}
