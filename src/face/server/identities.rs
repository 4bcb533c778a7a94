//! `ClientIdentities`: in whose share a connection counts once its client has proved who it is, and how many an identity may
//! have open.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::connection::Connection;
use super::permits::TooMany;
use crate::guard::PolicyInForce;
use crate::model::FlowIdentity;

/// What servers do about the identities of their clients. A clone shares it.
#[derive(Clone, Debug, Default)]
pub struct ClientIdentities {
    policy: Option<Arc<PolicyInForce>>,
    /// How many connections one identity may have open, over all faces; `None` for no limit.
    most: Option<usize>,
    open: Arc<Mutex<HashMap<FlowIdentity, usize>>>,
}

impl ClientIdentities {
    /// The identities of a policy. Without one there are none.
    pub fn new(policy: Option<Arc<PolicyInForce>>, most: Option<usize>) -> Self {
        Self {
            policy,
            most,
            open: Arc::default(),
        }
    }

    /// Says in whose share a connection counts, by what its client has proved, and takes a place for it.
    ///
    /// # Errors
    ///
    /// Where its client's identity has as many connections open as it may.
    pub(super) fn identify(&self, ends: &mut Connection) -> Result<IdentityPermit, TooMany> {
        if let (Some(policy), Some(certificate)) = (&self.policy, ends.client_certificate()) {
            ends.flow = policy.flow_of(certificate, ends.peer.ip());
        }
        self.permit(ends.flow.identity())
    }

    fn permit(&self, identity: Option<FlowIdentity>) -> Result<IdentityPermit, TooMany> {
        let open = Arc::clone(&self.open);
        let Some((identity, most)) = identity.zip(self.most) else {
            return Ok(IdentityPermit {
                identity: None,
                open,
            });
        };
        {
            let mut held = open.lock();
            let own = held.get(&identity).copied().unwrap_or_default();
            if own >= most {
                return Err(TooMany::OfIdentity);
            }
            held.insert(identity, own + 1);
        }
        Ok(IdentityPermit {
            identity: Some(identity),
            open,
        })
    }
}

/// The place of a connection among those of its identity, until dropped. It stays that of the identity that it began with.
#[derive(Debug)]
pub(super) struct IdentityPermit {
    identity: Option<FlowIdentity>,
    open: Arc<Mutex<HashMap<FlowIdentity, usize>>>,
}

impl Drop for IdentityPermit {
    fn drop(&mut self) {
        let Some(identity) = self.identity else {
            return;
        };
        let mut held = self.open.lock();
        match held.get_mut(&identity) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => drop(held.remove(&identity)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_identity_has_its_own_places_and_gets_them_back() {
        let identities = ClientIdentities::new(None, Some(2));
        let [one, other] = [1, 2].map(|number| Some(FlowIdentity::numbered(number)));
        let held = [one, one].map(|one| identities.permit(one).unwrap());
        assert_eq!(identities.permit(one).unwrap_err(), TooMany::OfIdentity);
        let _others = [other, None, None, None].map(|other| identities.permit(other).unwrap());
        drop(held);
        drop(identities.permit(one).unwrap());
        let open = identities.open.lock();
        assert_eq!(open.len(), 1, "who has none open takes no memory");
    }
}
