//! Turns: what is done when it is a request's turn.

use std::sync::Arc;

use super::lane::{Beginning, Begun, Flying, RequestTicket, Waiting};
use super::served::{ConnectionPhase, Ended, ServedConnection};
use crate::face::zookeeper::audit::{self, ReadRecord};
use crate::face::zookeeper::docker_client::{DockerList, DockerRequest};
use crate::face::zookeeper::operations::{
    ChangeRefusal, ChangeRequest, Changer, ReadOutcome, ReadRequest, Reading, Reply,
    demand_of_children, get_all_children_number, get_ephemerals,
};
use crate::face::zookeeper::path::ZnodePath;
use crate::fairness::Cost;
use crate::model::{LeaseProtocol, Verb};
use crate::space::{Decision, Draft};
use crate::wire::zookeeper::{
    AuthPacket, ClientRequest, EphemeralPrefix, ErrorCode, Malformed, NodePath, OpCode,
    append_error,
};

/// So many ephemeral nodes are counted before the work of listing them is weighed.
const MANY: usize = 4_096;

/// The reply to `Auth` has no zxid.
const NO_ZXID: i64 = 0;

impl ServedConnection {
    /// Begins the requests whose turn has come.
    pub(super) fn take_turns(&mut self) -> Result<(), Ended> {
        self.lane.redo();
        while matches!(self.phase, ConnectionPhase::Open) && !self.output.is_full() {
            let goes_with_gathered = self.gathered.has_room() && self.lane.is_change_next();
            if !(self.gathered.is_empty() || goes_with_gathered) {
                break;
            }
            let Some(waiting) = self.lane.take_turn() else {
                break;
            };
            match waiting {
                Waiting::Read(ticket, request) => self.take_turn(ticket, request)?,
                Waiting::Change(ticket, change) => self.propose(ticket, change),
                Waiting::Known(ticket, reply) => self.lane.fly(Flying::Known(ticket, reply)),
            }
        }
        self.make_gathered();
        Ok(())
    }

    fn take_turn(
        &mut self,
        mut ticket: RequestTicket,
        request: Result<ClientRequest, Malformed>,
    ) -> Result<(), Ended> {
        let Ok(mut request) = request else {
            let error = Err(ErrorCode::MarshallingError);
            self.lane.fly(Flying::Known(ticket, error));
            return Ok(());
        };
        ticket.docker = self.take_for_docker(&mut request);
        let ClientRequest::Change(request) = request else {
            return self.take_turn_alone(ticket, request);
        };
        match ChangeRequest::of_client(request) {
            Some(change) => self.propose(ticket, Arc::new(change)),
            None => self.know(ticket, Err(ErrorCode::MarshallingError)),
        }
        Ok(())
    }

    /// Reads a request as dockerd means it, if the connection is dockerd's.
    fn take_for_docker(&mut self, request: &mut ClientRequest) -> Option<DockerList> {
        let view = || self.face.space.read(&self.caller);
        let DockerRequest {
            list,
            is_recognized,
        } = self.docker.take(request, view);
        if is_recognized {
            // The answer does not wait: until this is kept, what dockerd gets now makes it known again.
            let (space, session) = (self.face.space.clone(), Arc::clone(&self.session));
            tokio::spawn(async move { session.keep_as_dockerd(&space).await });
        }
        list
    }

    /// Of a request for which nothing is in flight.
    fn take_turn_alone(
        &mut self,
        ticket: RequestTicket,
        request: ClientRequest,
    ) -> Result<(), Ended> {
        match request {
            ClientRequest::Exists(request) => self.read(ticket, ReadRequest::Exists(request)),
            ClientRequest::GetData(request) => self.read(ticket, ReadRequest::Data(request)),
            ClientRequest::GetAcl(request) => self.read(ticket, ReadRequest::Acl(request)),
            ClientRequest::GetChildren(request) => {
                self.read(ticket, ReadRequest::Children(request))
            }
            ClientRequest::GetChildren2(request) => {
                self.read(ticket, ReadRequest::Children2(request))
            }
            ClientRequest::MultiRead(request) => self.read(ticket, ReadRequest::Multi(request)),
            ClientRequest::GetAllChildrenNumber(NodePath(path)) => {
                self.count_beneath(ticket, path);
                Ok(())
            }
            ClientRequest::GetEphemerals(prefix) => self.list_ephemerals(ticket, prefix),
            ClientRequest::Sync(NodePath(path)) => self.reply_now(ticket, Ok(Reply::Path(path))),
            ClientRequest::WhoAmI => {
                let identities = self.identities.who_am_i();
                self.reply_now(ticket, Ok(Reply::Identities(identities)))
            }
            ClientRequest::CheckWatches(request) => self.check_watches(ticket, &request),
            ClientRequest::RemoveWatches(request) => self.remove_watches(ticket, &request),
            ClientRequest::AddWatch(request) => self.add_watch(ticket, &request),
            ClientRequest::SetWatches(request) => self.set_watches(ticket, request),
            ClientRequest::Auth(packet) => self.authenticate(ticket, packet),
            ClientRequest::CloseSession => {
                self.close_session(ticket);
                Ok(())
            }
            ClientRequest::Refused(op) => self.refuse(ticket, op),
            ClientRequest::Unknown(_) => {
                self.refuse_unknown(ticket);
                Ok(())
            }
            // It was answered when it came, or has begun with those before it.
            ClientRequest::Ping | ClientRequest::Change(_) => {
                self.know(ticket, Err(ErrorCode::SystemError));
                Ok(())
            }
        }
    }

    /// Answers a request in its turn.
    fn know(&mut self, ticket: RequestTicket, reply: Result<Reply, ErrorCode>) {
        if self.gathered.is_empty() {
            self.lane.fly(Flying::Known(ticket, reply));
        } else {
            self.begin_gathered_before(Waiting::Known(ticket, reply));
        }
    }

    /// Begins what is gathered, and this after it.
    fn begin_gathered_before(&mut self, waiting: Waiting) {
        self.gathered.close();
        self.lane.put_back_first(waiting);
    }

    /// Adds an identity; all later requests have it.
    fn authenticate(&mut self, mut ticket: RequestTicket, packet: AuthPacket) -> Result<(), Ended> {
        let AuthPacket {
            scheme,
            credentials,
            ..
        } = packet;
        let credentials = credentials.as_ref().map(|secret| secret.0.as_slice());
        let super_digest = self.face.super_digest.as_deref();
        let identities = Arc::make_mut(&mut self.identities);
        let proved = identities.authenticate(&scheme, credentials, super_digest);
        let (space, asked) = (&self.face.space, (scheme.as_str(), credentials));
        audit::record_identity(space, &self.caller, asked, proved.is_ok());
        if proved.is_ok() {
            ticket.metric.set_status(0);
            return self.append(&ticket, NO_ZXID, &Reply::Empty);
        }
        let error = ErrorCode::AuthFailed;
        append_error(self.output.frames(), ticket.xid, NO_ZXID, error);
        ticket.metric.set_status(error.number());
        self.phase = ConnectionPhase::Ending;
        Ok(())
    }

    pub(super) fn propose(&mut self, ticket: RequestTicket, change: Arc<ChangeRequest>) {
        let counter = if self.face.space.accepts_in_order() {
            None
        } else {
            change.counter()
        };
        match counter {
            Some(counter) if self.gathered.takes(&counter) => {
                return self.gathered.push(counter, ticket, change);
            }
            Some(_) | None if !self.gathered.is_empty() => {
                return self.begin_gathered_before(Waiting::Change(ticket, change));
            }
            Some(_) | None => {}
        }
        let (space, fairness) = (self.face.space.clone(), self.face.fairness.clone());
        let (caller, flow) = (self.caller.clone(), self.flow());
        let changer = Changer {
            session: Arc::clone(&self.session),
            identities: Arc::clone(&self.identities),
        };
        let (place, cost) = (self.lane.place(), change.cost(ticket.bytes));
        self.lane.begin(Box::pin(async move {
            let Ok(seat) = fairness.seat(flow, cost).await else {
                return Begun::Overloaded(ticket);
            };
            let decide = |draft: &mut Draft<'_>| change.decide(draft, &changer);
            let proposed = space.propose(&caller, place, decide).await;
            Begun::Proposed(ticket, change, seat, proposed)
        }));
    }

    /// Begins the creates that were gathered.
    pub(super) fn make_gathered(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        let gathered = std::mem::take(&mut self.gathered);
        let (space, fairness) = (self.face.space.clone(), self.face.fairness.clone());
        let (caller, flow) = (self.caller.clone(), self.flow());
        let changer = Changer {
            session: Arc::clone(&self.session),
            identities: Arc::clone(&self.identities),
        };
        let cost = gathered.cost();
        self.lane.begin(Box::pin(async move {
            let Ok(_seat) = fairness.seat(flow, cost).await else {
                return Begun::AllOverloaded(gathered.changes);
            };
            let changes = gathered.changes.iter();
            let decisions = changes.map(|(_, change)| decision(change, &changer));
            let made = space.commit_together(&caller, gathered.counter, decisions.collect());
            let answers = made.await.into_iter();
            let changes = gathered.changes.into_iter().zip(answers);
            Begun::Made(
                changes
                    .map(|((ticket, change), answer)| (ticket, change, answer))
                    .collect(),
            )
        }));
    }

    fn read(&mut self, ticket: RequestTicket, request: ReadRequest) -> Result<(), Ended> {
        self.face.space.note(&self.caller, || request.demands());
        // Before the view is read: the watches must get the events of what changes after it.
        for (path, mode) in request.watches() {
            self.events.expect(&path, mode);
        }
        let view = self.face.space.read(&self.caller);
        self.catch_up(view.revision())?;
        let cost = Cost::new(request.nodes(&view), 0);
        let identities = Arc::clone(&self.identities);
        let record = ReadRecord::new(&self.face.space, &self.caller, || request.targets());
        let read = move || {
            let revision = view.revision();
            let identities = &identities;
            let outcome = request.read(&mut Reading { view, identities });
            if let Some(record) = record {
                record.record(&outcome.reply, revision);
            }
            (outcome, revision)
        };
        if cost.is_small() {
            let (outcome, revision) = read();
            return self.answer_read(ticket, outcome, revision);
        }
        self.read_on_heavy_thread(ticket, cost, read);
        Ok(())
    }

    fn list_ephemerals(
        &mut self,
        ticket: RequestTicket,
        prefix: EphemeralPrefix,
    ) -> Result<(), Ended> {
        let view = self.face.space.read(&self.caller);
        self.catch_up(view.revision())?;
        let session = self.session.lease;
        // All are looked at, whatever the prefix is; of many it is enough to know that.
        let cost = Cost::new(view.bound_to(session).take(MANY).count(), 0);
        let list = move || {
            let reply = get_ephemerals(&view, session, &prefix);
            (ReadOutcome::without_watches(Ok(reply)), view.revision())
        };
        if cost.is_small() {
            let (outcome, revision) = list();
            return self.answer_read(ticket, outcome, revision);
        }
        self.read_on_heavy_thread(ticket, cost, list);
        Ok(())
    }

    fn count_beneath(&mut self, ticket: RequestTicket, path: String) {
        let asked = ZnodePath::of_read(&path);
        let demands = || asked.iter().map(demand_of_children).collect();
        self.face.space.note(&self.caller, demands);
        let view = self.face.space.read(&self.caller);
        let identities = Arc::clone(&self.identities);
        let entries = usize::try_from(view.keyspace_bytes() >> 9).unwrap_or(usize::MAX);
        let target = || vec![(Verb::List, path.clone())];
        let record = ReadRecord::new(&self.face.space, &self.caller, target);
        let read = move || {
            let revision = view.revision();
            let identities = &identities;
            let reply = get_all_children_number(&mut Reading { view, identities }, &path);
            if let Some(record) = record {
                record.record(&reply, revision);
            }
            (ReadOutcome::without_watches(reply), revision)
        };
        self.read_on_heavy_thread(ticket, Cost::new(entries.max(64), 0), read);
    }

    fn read_on_heavy_thread(
        &mut self,
        ticket: RequestTicket,
        cost: Cost,
        read: impl FnOnce() -> (ReadOutcome, u64) + Send + 'static,
    ) {
        let (fairness, flow) = (self.face.fairness.clone(), self.flow());
        self.phase = ConnectionPhase::Reading;
        let reading: Beginning = Box::pin(async move {
            match fairness.run(flow, cost, read).await {
                Ok((outcome, revision)) => Begun::Read(ticket, outcome, revision),
                Err(_overloaded) => Begun::Overloaded(ticket),
            }
        });
        self.lane.begin(reading);
    }

    fn close_session(&mut self, ticket: RequestTicket) {
        let (space, lease) = (self.face.space.clone(), self.session.lease);
        let caller = self.caller.clone();
        self.phase = ConnectionPhase::Closing;
        self.lane.begin(Box::pin(async move {
            let protocol = LeaseProtocol::ZooKeeper;
            let ended = space
                .end_lease(&caller, protocol, &mut None::<()>, lease)
                .await;
            let revision = ended.map(|ended| ended.revision).map_err(|_failed| ());
            Begun::Closed(ticket, revision)
        }));
    }

    /// Refuses an operation that ZooKeeper knows: `Check` outside of a multi and `DeleteContainer` as one that it does not know.
    fn refuse(&mut self, ticket: RequestTicket, op: OpCode) -> Result<(), Ended> {
        if op == OpCode::Reconfig {
            return self.reply_now(ticket, Err(ErrorCode::ReconfigDisabled));
        }
        if op == OpCode::Sasl {
            self.phase = ConnectionPhase::Ending;
        } else {
            self.refuse_unknown(ticket);
        }
        Ok(())
    }
}

fn decision(change: &Arc<ChangeRequest>, changer: &Changer) -> Decision<Reply, ChangeRefusal> {
    let (change, changer) = (Arc::clone(change), changer.clone());
    Box::new(move |draft: &mut Draft<'_>| change.decide(draft, &changer))
}
