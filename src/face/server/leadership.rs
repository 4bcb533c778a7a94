//! Leadership check: whether this gateway may answer from memory.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Another gateway may lead by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("leadership is lost")]
pub struct LeadershipLost;

/// Whether the gateway may answer from memory; asked after each request, before it is answered.
#[derive(Clone, Default)]
pub struct LeadershipCheck(Option<Checks>);

type Confirmation = Pin<Box<dyn Future<Output = bool> + Send>>;

#[derive(Clone)]
struct Checks {
    held: Arc<dyn Fn() -> bool + Send + Sync>,
    confirmed: Arc<dyn Fn() -> Confirmation + Send + Sync>,
}

impl LeadershipCheck {
    /// Calls `held` each time, and `confirmed`, which may take a while, where `held` returns false. The default always
    /// holds: no other gateway can lead.
    pub fn new(
        held: impl Fn() -> bool + Send + Sync + 'static,
        confirmed: impl Fn() -> Confirmation + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Checks {
            held: Arc::new(held),
            confirmed: Arc::new(confirmed),
        }))
    }

    /// Whether this gateway leads now.
    pub async fn holds(&self) -> bool {
        match &self.0 {
            None => true,
            Some(checks) => (checks.held)() || (checks.confirmed)().await,
        }
    }
}

impl fmt::Debug for LeadershipCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.0.as_ref().is_none_or(|checks| (checks.held)());
        f.debug_tuple("LeadershipCheck").field(&held).finish()
    }
}
