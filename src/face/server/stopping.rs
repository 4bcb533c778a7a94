//! Stop signal of a gateway, for accept loops, idle connections and parked polls.

use tokio::sync::watch;

/// Whether the gateway is stopping: parked polls answer then.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Follows a switch that is turned on once.
    pub fn new(switch: watch::Receiver<bool>) -> Self {
        Self(switch)
    }

    /// Whether the gateway is stopping.
    pub fn is_on(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the gateway is stopping.
    pub async fn wait(&self) {
        let mut switch = self.0.clone();
        // A sender that was dropped means that the gateway has ended.
        let _ended = switch.wait_for(|on| *on).await;
    }
}
