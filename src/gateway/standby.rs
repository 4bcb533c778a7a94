//! The time in which this gateway does not lead: connections are relayed to the one that does.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Error;
use super::faces::{self, FaceOptions};
use super::lifecycle::{Gateway, listener_failed};
use super::listeners::SharedListeners;
use super::relay::{Forwarder, NoLeader, Order};
use crate::face::server::{Arrival, LeadershipCheck};
use crate::model::FaceName;
use crate::store::shared::Members;

/// Servers that relay.
#[derive(Debug)]
pub(super) struct Standby {
    order: watch::Sender<Order>,
    relays: Vec<(FaceName, JoinHandle<Vec<Arrival>>)>,
}

impl Standby {
    /// Accepts connections from now on, where others use the store as well, and relays them if this gateway does that.
    pub(super) fn begin(
        gateway: &Gateway,
        roll: Option<&Members>,
        listeners: Option<&SharedListeners>,
    ) -> Result<Self, Error> {
        let (order, told) = watch::channel(Order::Relay);
        let mut relays = Vec::new();
        let (Some(roll), Some(listeners)) = (roll, listeners) else {
            return Ok(Self { order, relays });
        };
        let common = &gateway.common;
        let options = FaceOptions::of(&gateway.config);
        let no_leader = faces::all().map(|face| {
            let server = common.server(face.name, LeadershipCheck::default());
            (face.name, (server, (face.no_leader)(&options)))
        });
        let forwarder = Forwarder {
            identity: Arc::clone(&gateway.identity),
            roll: roll.clone(),
            relays: gateway.relay().is_some(),
            no_leader: NoLeader(no_leader.collect()),
            places: Arc::clone(&common.permits),
            metrics: gateway.relays.clone(),
        };
        let listeners = listeners.listeners();
        let listeners = listeners.map_err(|error| listener_failed(&error))?;
        for (face, listener) in listeners.faces {
            let run = forwarder.clone().run(face, listener, told.clone());
            relays.push((face, tokio::spawn(run)));
        }
        Ok(Self { order, relays })
    }

    /// Relays no more; gives back the connections that nobody has read from.
    pub(super) async fn end(self, order: Order) -> Vec<(FaceName, Vec<Arrival>)> {
        let Self {
            order: sender,
            relays,
        } = self;
        sender.send_replace(order);
        let mut waiting = Vec::new();
        for (face, relay) in relays {
            waiting.push((face, relay.await.unwrap_or_default()));
        }
        waiting
    }
}
