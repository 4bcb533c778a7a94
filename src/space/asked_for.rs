//! `AskedFor`: what a decision asked of its caller's rights. The guard takes note of it once, when the decision stands.

use std::fmt;
use std::sync::Arc;

use super::admit::Admit;
use super::demand::Demand;
use crate::model::Caller;

/// What the last decision of a change asked for. Dropped, it is noted, so that nobody escapes that by hanging up; a decision
/// that is made again forgets it before.
#[derive(Default)]
pub(crate) struct AskedFor(Option<Box<AskedDemands>>);

struct AskedDemands {
    admit: Arc<dyn Admit>,
    caller: Caller,
    demands: Vec<Demand>,
}

impl AskedFor {
    /// Takes what a decision asked for in the place of what the one before it did.
    pub(crate) fn replace(
        &mut self,
        admit: &Arc<dyn Admit>,
        caller: &Caller,
        demands: Vec<Demand>,
    ) {
        self.0 = (!demands.is_empty()).then(|| {
            Box::new(AskedDemands {
                admit: Arc::clone(admit),
                caller: caller.clone(),
                demands,
            })
        });
    }

    /// Forgets it: the decision does not stand.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }

    /// Has it noted: the change is about to be answered.
    pub(crate) fn note(&mut self) {
        if let Some(asked) = self.0.take() {
            asked.admit.note(&asked.caller, &asked.demands);
        }
    }
}

impl Drop for AskedFor {
    fn drop(&mut self) {
        self.note();
    }
}

impl fmt::Debug for AskedFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.0.as_ref().map(|asked| &asked.demands);
        f.debug_tuple("AskedFor").field(&asked).finish()
    }
}
