//! The time in which a gateway does not lead: it accepts connections and relays them to the leader.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::context::GatewayContext;
use super::error::Error;
use super::faces::{self, FaceOptions};
use super::listeners::SharedListeners;
use super::relay::{self, Forwarder, NoLeaderAnswers, StandbyMode};
use crate::face::server::{Arrival, LeadershipCheck};
use crate::model::FaceName;
use crate::store::shared::Members;

/// The forwarders that run, one for each face.
#[derive(Debug)]
pub(super) struct Standby {
    mode: watch::Sender<StandbyMode>,
    forwarders: Vec<(FaceName, JoinHandle<Vec<Arrival>>)>,
}

impl Standby {
    /// Accepts connections from now on, if the store is shared, and relays them, if this gateway takes part in relaying.
    pub(super) fn begin(
        context: &GatewayContext,
        members: Option<&Members>,
        listeners: Option<&SharedListeners>,
    ) -> Result<Self, Error> {
        let (mode, changes) = watch::channel(StandbyMode::Relay);
        let mut forwarders = Vec::new();
        let (Some(members), Some(listeners)) = (members, listeners) else {
            return Ok(Self { mode, forwarders });
        };
        let options = FaceOptions::of(&context.config, &context.fairness);
        let no_leader = faces::all().map(|face| {
            let server = context
                .servers
                .server(face.name, LeadershipCheck::default());
            (face.name, (server, (face.no_leader)(&options)))
        });
        let forwarder = Forwarder {
            certificate: Arc::clone(&context.certificate),
            members: members.clone(),
            relays: context.relay().is_some(),
            no_leader: NoLeaderAnswers(no_leader.collect()),
            permits: context.servers.permits.clone(),
            per_address: context.servers.per_address,
            connecting: Arc::new(Semaphore::new(relay::CONNECTING)),
            metrics: context.relay_metrics.clone(),
        };
        let listeners = listeners.listeners();
        let listeners = listeners.map_err(|error| Error::listener(&error))?;
        for (face, listener) in listeners.faces {
            let run = forwarder.clone().run(face, listener, changes.clone());
            forwarders.push((face, tokio::spawn(run)));
        }
        Ok(Self { mode, forwarders })
    }

    /// Relays no more; gives back the connections that nothing was read from.
    pub(super) async fn end(self, mode: StandbyMode) -> Vec<(FaceName, Vec<Arrival>)> {
        self.mode.send_replace(mode);
        let mut waiting = Vec::new();
        for (face, forwarder) in self.forwarders {
            waiting.push((face, forwarder.await.unwrap_or_default()));
        }
        waiting
    }
}
