//! `ServedConnection`: a connection that has a session, while it is served.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout};

use super::endings::{EndCause, EndSources, Endings};
use super::events::Events;
use super::gathered::GatheredCreates;
use super::labels::label;
use super::lane::{Lane, RequestTicket};
use super::opening::{Opening, frame};
use super::output::{FrameOutput, KEPT_BYTES};
use super::setting_stage::SettingWatches;
use super::transfer::{poll_transfer, transfer};
use crate::face::server::{Connection, RequestInFlight, ServerContext, Stream};
use crate::face::zookeeper::acl::ConnectionIdentities;
use crate::face::zookeeper::audit;
use crate::face::zookeeper::connections::SessionHold;
use crate::face::zookeeper::counters::ConnectionCounters;
use crate::face::zookeeper::docker_client::DockerClient;
use crate::face::zookeeper::face::Face;
use crate::face::zookeeper::session::{ClientSession, SessionTimeout};
use crate::face::zookeeper::znode::zxid;
use crate::fairness::{Cost, Reservation};
use crate::model::{Caller, Flow, KeyRange};
use crate::space::Interrupted;
use crate::wire::zookeeper::{
    ClientRequest, ConnectRequest, ConnectResponse, LONGEST_REQUEST, OpCode, append_ping,
    decode_request, take_frame,
};

/// How long a client has to take the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// The memory of what is kept is reserved in steps of so many bytes.
const KEPT_STEP: usize = 64 << 10;

/// The shortest request: its header.
const SHORTEST_REQUEST: usize = 8;

/// A connection that has a session.
#[derive(Debug)]
pub(super) struct ServedConnection {
    pub(super) face: Arc<Face>,
    pub(super) session: Arc<ClientSession>,
    pub(super) caller: Caller,
    pub(super) identities: Arc<ConnectionIdentities>,
    pub(super) lane: Lane,
    pub(super) gathered: GatheredCreates,
    pub(super) docker: DockerClient,
    pub(super) events: Events,
    pub(super) output: FrameOutput,
    /// Watches that are being set again, in slices.
    pub(super) setting: Option<SettingWatches>,
    pub(super) counters: Arc<ConnectionCounters>,
    /// The last revision that an answer showed, and all of whose events are sent.
    pub(super) revision: u64,
    pub(super) phase: ConnectionPhase,
    /// The client hung up: nothing more is read or sent, but what it asked for is done.
    is_gone: bool,
    /// The client asked for the end of its session: what comes after that is not looked at.
    is_leaving: bool,
    stream: Stream,
    input: BytesMut,
    server: Arc<ServerContext>,
    endings: Endings,
    /// Until its watches end here.
    _hold: SessionHold,
    /// Of what is kept of what the client sent, where that is much.
    kept: Option<Reservation>,
    renewed: Instant,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionPhase {
    /// Requests are read and answered.
    Open,
    /// Nodes are read on another thread, or watches are set again in slices: these are not set yet, and events must wait.
    Reading,
    /// The session is being closed: what comes after that is not answered.
    Closing,
    /// What is in the output is the last.
    Ending,
}

/// The connection broke, or must be closed.
#[derive(Debug)]
pub(super) struct Ended;

impl From<Interrupted> for Ended {
    fn from(_: Interrupted) -> Self {
        Self
    }
}

impl ServedConnection {
    /// The connection of an opening that got a session; its answer is sent first.
    pub(super) fn new(
        opening: Opening,
        session: ClientSession,
        (request, response): (&ConnectRequest, &ConnectResponse),
    ) -> io::Result<Self> {
        let Opening {
            face,
            stream,
            input,
            ends: Connection { peer, .. },
            caller,
            server,
            stopping,
        } = opening;
        let step = face.space.indexes_per_state();
        let docker = DockerClient::new(face.docker, request, &session, step);
        let mut output = FrameOutput::default();
        output.frames().extend(frame(response)?);
        let counters = Arc::new(ConnectionCounters::new(peer, &session));
        // From here on another connection that takes the session up ends this one.
        let (hold, moved) = face.connections.hold(session.id, &counters);
        let record = KeyRange::Exact(session.record.clone());
        let lease = face.space.watch(&Caller::System, vec![record]);
        let endings = Endings::new(EndSources {
            moved,
            lease: Some(lease),
            record: session.record.clone(),
            stopping: Some(stopping),
        });
        Ok(Self {
            identities: Arc::new(ConnectionIdentities::new(peer.ip())),
            lane: Lane::default(),
            gathered: GatheredCreates::default(),
            docker,
            events: Events::new(&face, caller.clone()),
            revision: face.space.read(&caller).revision(),
            phase: ConnectionPhase::Open,
            is_gone: false,
            is_leaving: false,
            renewed: Instant::now(),
            session: Arc::new(session),
            face,
            caller,
            output,
            setting: None,
            counters,
            stream,
            input,
            server,
            endings,
            _hold: hold,
            kept: None,
        })
    }

    /// Records that it has its session.
    pub(super) fn record_session(&self, is_new: bool) {
        audit::record_session(&self.face.space, &self.caller, &self.session, is_new);
    }

    /// Serves it to its end.
    pub(super) async fn run(mut self: Box<Self>) -> io::Result<()> {
        // The session may have ended between the handshake and the watch.
        let mut is_served = self.has_session();
        while is_served {
            is_served = self.step().await.is_ok();
        }
        let is_answered = self.phase == ConnectionPhase::Ending && !self.is_gone;
        // Its watches and its hold of the session end here, before the client sees the end.
        let mut stream = self.into_stream();
        if is_answered {
            stream.shutdown().await?;
            // What the client has sent since must not make the kernel drop the last answer.
            let _patience = timeout(LINGER, read_to_end(&mut stream)).await;
        }
        Ok(())
    }

    fn into_stream(self: Box<Self>) -> Stream {
        self.stream
    }

    fn has_session(&self) -> bool {
        let view = self.face.space.read(&Caller::System);
        view.lease(self.session.lease).is_some()
    }

    /// Begins what can be begun, sends what there is, and waits for what is next.
    async fn step(&mut self) -> Result<(), Ended> {
        self.read_frames()?;
        self.take_turns()?;
        let (went_on, was_full) = (self.go_on()?, self.output.is_full());
        self.reserve_kept()?;
        self.note();
        if !self.output.is_empty() && !self.is_gone {
            let checked = self.server.check_leadership().await;
            checked.map_err(|_lost| Ended)?;
            self.send_now();
        }
        if self.is_gone {
            self.output = FrameOutput::default();
        }
        let ends = self.phase == ConnectionPhase::Ending || self.is_gone && self.lane.is_idle();
        if ends && self.output.is_empty() {
            return Err(Ended);
        }
        // What was received and had no room in the lane, or in the output, may have some now: nothing else would say so.
        if !self.output.is_full() && (was_full || went_on && !self.input.is_empty()) {
            return Ok(());
        }
        if self.set_some_watches()? {
            // Others have their turn between two slices.
            yield_now().await;
            return Ok(());
        }
        let is_open = self.phase == ConnectionPhase::Open;
        let reads = self.lane.has_room() && !self.output.is_full() && self.reads_requests();
        let wants_answers = !self.output.is_full();
        let ends_when_idle = self.endings.is_stopping();
        let is_idle = self.lane.is_idle() && self.output.is_empty();
        tokio::select! {
            biased;
            cause = self.endings.next() => self.follow_ending(cause),
            progress = self.lane.progress(wants_answers) => self.follow(progress),
            moved = transfer(&mut self.stream, &mut self.input, &mut self.output, reads), if !self.is_gone => {
                self.is_gone = moved.is_err();
                Ok(())
            }
            () = self.events.filled(), if is_open && wants_answers => self.send_events(),
            () = std::future::ready(()), if is_idle && ends_when_idle => Err(Ended),
        }
    }

    /// Goes on with what need not be waited for: a change is accepted at once, as a rule, and so are those behind it. Says
    /// whether there was something.
    fn go_on(&mut self) -> Result<bool, Ended> {
        // Whoever waits afterwards asks again, and is woken.
        let cx = &mut Context::from_waker(Waker::noop());
        let mut went_on = false;
        while let Poll::Ready(progress) = self.lane.poll_progress(cx, !self.output.is_full()) {
            self.follow(progress)?;
            self.take_turns()?;
            went_on = true;
        }
        Ok(went_on)
    }

    /// Sends what the client takes at once.
    fn send_now(&mut self) {
        let cx = &mut Context::from_waker(Waker::noop());
        let Self {
            stream,
            input,
            output,
            ..
        } = self;
        if let Poll::Ready(Err(_)) = poll_transfer(cx, stream, (input, output), false) {
            self.is_gone = true;
        }
    }

    fn reads_requests(&self) -> bool {
        match self.phase {
            ConnectionPhase::Open | ConnectionPhase::Reading => !self.is_leaving,
            // A client that hangs up is noticed; what it sends is not looked at.
            ConnectionPhase::Closing | ConnectionPhase::Ending => false,
        }
    }

    fn follow_ending(&self, cause: EndCause) -> Result<(), Ended> {
        let is_closed = match self.phase {
            ConnectionPhase::Open | ConnectionPhase::Reading => false,
            // Its client closed the session, and gets the answer.
            ConnectionPhase::Closing | ConnectionPhase::Ending => true,
        };
        match cause {
            EndCause::Moved => Err(Ended),
            EndCause::SessionEnded if !is_closed => Err(Ended),
            // It ends when nothing of its client is on the way.
            EndCause::SessionEnded | EndCause::Stopping => Ok(()),
        }
    }

    /// Sends the events that a view shows now.
    fn send_events(&mut self) -> Result<(), Ended> {
        let revision = self.face.space.read(&self.caller).revision();
        self.catch_up(revision)
    }

    /// Sends all events up to a revision, which answers may show then.
    pub(super) fn catch_up(&mut self, revision: u64) -> Result<(), Ended> {
        let Self {
            events,
            identities,
            output,
            ..
        } = self;
        events.send_up_to(revision, identities, output)?;
        self.revision = self.revision.max(revision);
        Ok(())
    }

    /// Takes the requests out of the input; pings are answered at once.
    fn read_frames(&mut self) -> Result<(), Ended> {
        let mut received = 0;
        let now = Instant::now();
        while self.reads_requests() && self.lane.has_room() && !self.output.is_full() {
            let frame = take_frame(&mut self.input, LONGEST_REQUEST);
            let frame = frame.map_err(|_| Ended)?;
            let Some(frame) = frame else { break };
            if frame.len() < SHORTEST_REQUEST {
                return Err(Ended);
            }
            received += 1;
            let (header, request) = decode_request(&frame).map_err(|_| Ended)?;
            if header.op == OpCode::Ping.number() {
                let mut metric = RequestInFlight::begin(&self.server, label(header.op));
                metric.set_status(0);
                let number = zxid(self.revision);
                append_ping(self.output.frames(), number);
                self.counters
                    .answer((header.op, header.xid), number, now.elapsed());
                continue;
            }
            let ticket = RequestTicket {
                xid: header.xid,
                op: header.op,
                came: now,
                docker: None,
                metric: RequestInFlight::begin(&self.server, label(header.op)),
                bytes: frame.len(),
                _body: self.reserve(frame.len())?,
            };
            self.is_leaving = matches!(request, Ok(ClientRequest::CloseSession));
            self.lane.push(ticket, request);
        }
        if self.input.is_empty() && self.input.capacity() > KEPT_BYTES {
            self.input = BytesMut::new();
        }
        if received > 0 {
            self.counters.totals().receive(received);
            self.renew(now)?;
        }
        Ok(())
    }

    /// Reserves the memory of what is kept of what the client sent: its watches, and a request that is not there as a whole. A client
    /// with more of that than there is room for is closed.
    fn reserve_kept(&mut self) -> Result<(), Ended> {
        let bytes = self.events.table.bytes().saturating_add(self.input.len());
        if Cost::new(0, bytes).is_small() {
            self.kept = None;
            return Ok(());
        }
        if self.kept.is_none() {
            let nothing = self.face.fairness.bodies().reserve(self.flow(), 0);
            self.kept = nothing.ok();
        }
        let kept = self.kept.as_mut().ok_or(Ended)?;
        let held = kept.bytes();
        if bytes > held {
            let more = bytes.saturating_sub(held).max(KEPT_STEP);
            return kept.grow(more).map_err(|_overloaded| Ended);
        }
        if bytes < held / 2 {
            kept.shrink_to(bytes);
        }
        Ok(())
    }

    /// Reserves the memory of a long request. A client with more of them than there is room for is closed.
    fn reserve(&self, bytes: usize) -> Result<Option<Reservation>, Ended> {
        if Cost::new(1, bytes.saturating_add(self.lane.waiting_bytes())).is_small() {
            return Ok(None);
        }
        let reserved = self.face.fairness.bodies().reserve(self.flow(), bytes);
        reserved.map(Some).map_err(|_overloaded| Ended)
    }

    pub(super) fn flow(&self) -> Flow {
        Flow::of(&self.caller)
    }

    /// Renews the session, if that was not done a moment ago.
    fn renew(&mut self, now: Instant) -> Result<(), Ended> {
        if self.phase != ConnectionPhase::Open && self.phase != ConnectionPhase::Reading
            || now.saturating_duration_since(self.renewed) < SessionTimeout::RENEWAL_DELAY
        {
            return Ok(());
        }
        // Whose rights to its session are gone can no longer keep it.
        match self.face.space.renew(&self.caller, self.session.lease) {
            Ok(true) => {
                self.renewed = now;
                Ok(())
            }
            Ok(false) | Err(_) => Err(Ended),
        }
    }

    fn note(&mut self) {
        let sent = self.events.take_sent();
        if sent > 0 {
            self.counters.totals().send(sent);
        }
        let watched = self.events.table.paths_of_data();
        self.counters.note(self.lane.len(), watched);
    }
}

async fn read_to_end(stream: &mut Stream) -> io::Result<()> {
    let mut ignored = BytesMut::new();
    while stream.read_buf(&mut ignored).await? > 0 {
        ignored.clear();
    }
    Ok(())
}
