//! `PolicyStart`: whether clients may be served by the policy yet.

use tokio::sync::watch;

use crate::gateway::error::Error;

/// How far the policy is when a gateway starts.
#[derive(Debug)]
pub(super) struct PolicyStart(watch::Receiver<StartState>);

/// Says how far the policy is.
#[derive(Debug)]
pub(super) struct PolicyStarter(watch::Sender<StartState>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum StartState {
    /// What is in force is not known yet.
    Waiting,
    /// Clients may be served.
    InForce,
    /// It cannot be read, and will not be before somebody changes something.
    Failed(String),
}

impl PolicyStart {
    /// That of a policy that is in force.
    pub(super) fn complete() -> Self {
        Self(watch::channel(StartState::InForce).1)
    }

    /// One that waits, and what ends that.
    pub(super) fn waiting() -> (PolicyStarter, Self) {
        let (sender, receiver) = watch::channel(StartState::Waiting);
        (PolicyStarter(sender), Self(receiver))
    }

    /// Waits until clients may be served.
    pub(super) async fn wait(&mut self) -> Result<(), Error> {
        let ended = self.0.wait_for(|state| *state != StartState::Waiting).await;
        match ended.as_deref() {
            Ok(StartState::InForce) => Ok(()),
            Ok(StartState::Failed(why)) => Err(Error::Fatal(why.clone())),
            // Whoever follows the policy has failed by a bug.
            Ok(StartState::Waiting) | Err(_) => {
                Err(Error::Fatal("the policy is not followed".to_owned()))
            }
        }
    }
}

impl PolicyStarter {
    /// Whether clients may not be served yet.
    pub(super) fn is_waiting(&self) -> bool {
        *self.0.borrow() == StartState::Waiting
    }

    /// Clients may be served from now on.
    pub(super) fn complete(&self) {
        self.0.send_replace(StartState::InForce);
    }

    /// The gateway cannot start.
    pub(super) fn fail(&self, why: String) {
        self.0.send_replace(StartState::Failed(why));
    }
}
