//! HTTP/1 connection: requests are read and answered one after another, from the first byte to the end.
//!
//! Go's server decides what Consul and etcd answer, and no HTTP library for Rust shows a server what Go's sees: a target byte
//! for byte, up to a megabyte long; headers by spelling; a client that hangs up behind unread bytes. `head` parses request
//! heads, `framing` bodies, and `answer` writes answers.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use parking_lot::Mutex;

use super::answer::{self, RequestFacts, Shape};
use super::body::RequestBody;
use super::body_budget::BodyBudget;
use super::broken::Broken;
use super::buffers::ConnectionBuffers;
use super::framing::Framing;
use super::head::{Expectation, Found, Head, Reader};
use super::long_heads::LongHeadPermit;
use super::no_fault::last_answer;
use super::refusal::RequestRefusal;
use super::shared_state::{OverloadAnswer, SharedState};
use super::version::Version;
use super::web_pages::{self, WebRefusal};
use super::{http2, send, service};
use crate::face::server::{Arrival, Connection, HungUp, RequestInFlight, ServerContext, Stopping};
use crate::fairness::Overloaded;

/// Heads from this length on, in bytes, need a permit.
const LONG_HEAD: usize = 64 << 10;

/// How long a request with such a head may take: longer than any write, and shorter than a poll.
const LONG_HELD: Duration = Duration::from_secs(10);

/// How much of a body that the face left unread is read before the answer, in bytes, so that the connection can stay open;
/// as in Go.
const UNREAD: u64 = 256 << 10;

/// The next event on a connection.
enum Next {
    Request(Box<Head>, Option<LongHeadPermit>),
    Refused(RequestRefusal),
    Http2,
    Ended,
}

/// One connection.
struct Http1 {
    shared: Arc<SharedState>,
    server: Arc<ServerContext>,
    router: Router,
    ends: Connection,
    stopping: Stopping,
    /// Shared with the body of the request that is being answered.
    buffers: Arc<Mutex<ConnectionBuffers>>,
}

/// Serves a connection until the client ends it, or the gateway is stopping and nothing is in flight.
pub(super) async fn serve(
    shared: Arc<SharedState>,
    server: Arc<ServerContext>,
    arrival: Arrival,
    router: Router,
    stopping: Stopping,
) {
    let Arrival { stream, ends } = arrival;
    let (face, peer) = (server.face, ends.peer);
    let buffers = Arc::new(Mutex::new(ConnectionBuffers::new(
        stream,
        shared.limits.write_pause,
    )));
    let connection = Http1 {
        shared,
        server,
        router,
        ends,
        stopping,
        buffers,
    };
    if let Err(error) = connection.run().await {
        // Clients break off all the time: not worth a warning.
        tracing::debug!(face, %peer, %error, "connection broken");
    }
}

impl Http1 {
    async fn run(self) -> Result<(), Broken> {
        let stopping = self.stopping.clone();
        // One future for all requests: each is an entry in a list that all connections share.
        let mut stopped = pin!(stopping.wait());
        loop {
            match self.next(stopped.as_mut()).await? {
                Next::Request(head, long) => {
                    let keeps = match long {
                        None => self.exchange(*head).await?,
                        // Other long heads wait for its permit.
                        Some(_permit) => tokio::time::timeout(LONG_HELD, self.exchange(*head))
                            .await
                            .map_err(|_| Broken::LongHeld)??,
                    };
                    if !keeps {
                        return send::close(&self.buffers, &self.shared.lingering, &self.stopping)
                            .await;
                    }
                }
                Next::Refused(refusal) => {
                    self.buffers.lock().push(&refusal.bytes());
                    return send::close(&self.buffers, &self.shared.lingering, &self.stopping)
                        .await;
                }
                Next::Http2 => {
                    // No request was read, so no body shares the buffers.
                    if let Some(buffers) = Arc::into_inner(self.buffers) {
                        let client = (self.server.face, self.ends.peer);
                        let buffers = buffers.into_inner();
                        http2::refuse(&self.shared, client, buffers, &stopping).await;
                    }
                    return Ok(());
                }
                Next::Ended => return Ok(()),
            }
        }
    }

    /// Waits for the next request and reads its head.
    async fn next(&self, mut stopped: Pin<&mut impl Future<Output = ()>>) -> Result<Next, Broken> {
        let mut reader = Reader::default();
        let mut late = pin!(None);
        let mut long = None;
        loop {
            let received = match self.take_next(&mut reader, &mut long) {
                Ok(next) => return Ok(next),
                Err(received) => received,
            };
            let filled = poll_fn(|cx| self.buffers.lock().poll_fill(cx));
            if received == 0 {
                tokio::select! {
                    biased;
                    filled = filled => drop(filled?),
                    () = stopped.as_mut() => return Ok(Next::Ended),
                }
                continue;
            }
            if late.is_none() {
                late.set(Some(tokio::time::sleep(self.shared.limits.head)));
            }
            let Some(late) = late.as_mut().as_pin_mut() else {
                continue;
            };
            let more = async {
                // A few long heads are read at a time: all together they could fill the memory.
                if received >= LONG_HEAD && long.is_none() {
                    let flow = self.ends.current_flow();
                    long = Some(self.shared.long_heads.acquire(flow).await);
                }
                filled.await
            };
            tokio::select! {
                filled = more => drop(filled?),
                () = late => return Err(Broken::LateHead),
            }
        }
    }

    /// Takes the next event from the bytes received; an error with their count where more bytes are needed.
    fn take_next(
        &self,
        reader: &mut Reader,
        long: &mut Option<LongHeadPermit>,
    ) -> Result<Next, usize> {
        let mut buffers = self.buffers.lock();
        buffers.skip_breaks();
        match reader.read(&mut buffers.input, self.shared.limits.head_bytes) {
            Ok(Found::Head(head)) => return Ok(Next::Request(head, long.take())),
            Ok(Found::Http2) => return Ok(Next::Http2),
            Ok(Found::More) => {}
            Err(refusal) => return Ok(Next::Refused(refusal)),
        }
        let received = buffers.input.len();
        match (buffers.ended, received) {
            (true, 0) => return Ok(Next::Ended),
            (true, _) => return Ok(Next::Refused(RequestRefusal::MALFORMED)),
            (false, 0) => buffers.free_buffers(),
            (false, _) => {}
        }
        Err(received)
    }

    /// Answers a request; returns whether the connection stays open.
    async fn exchange(&self, head: Head) -> Result<bool, Broken> {
        let facts = RequestFacts::new(&head.method, head.version, head.keep_alive);
        let awaits = self.begin_request(&head);
        if let Err(refusal) = web_pages::check(&head.headers, &self.shared.hosts) {
            let method = service::method_label(&head.method);
            return self.refuse_web_page(&refusal, method, facts).await;
        }
        if awaits == Some(Expectation::Unknown) {
            return self.send_plain(StatusCode::EXPECTATION_FAILED, facts).await;
        }
        if head.target.path == "*" {
            // `OPTIONS *` asks about the server itself.
            if head.method != Method::OPTIONS {
                return self.send_plain(StatusCode::BAD_REQUEST, facts).await;
            }
            let facts = self.after_rest(facts).await;
            return self.send_plain(StatusCode::OK, facts).await;
        }
        let (answer, _in_flight) = self.call_face(head).await?;
        let facts = self.after_rest(facts).await;
        self.send(answer, facts).await
    }

    /// Prepares the buffers for the body of a request, and for its answer; returns what the client expects first.
    fn begin_request(&self, head: &Head) -> Option<Expectation> {
        let mut buffers = self.buffers.lock();
        buffers.framing = head.framing;
        buffers.begin_answer();
        let awaits = head.expectation();
        buffers.awaits_continue = awaits == Some(Expectation::Continue)
            && head.version == Version::Http11
            && !head.framing.is_done();
        // Old clients send a line break after a form; it is ignored.
        buffers.breaks_follow = head.method == Method::POST;
        awaits
    }

    /// Has the face answer a request. The request is in flight until its answer was sent.
    async fn call_face(&self, head: Head) -> Result<(Response<Body>, RequestInFlight), Broken> {
        let method = service::method_label(&head.method);
        let mut in_flight = RequestInFlight::begin(&self.server, method);
        let has_body = !head.framing.is_done();
        if let Err((overloaded, answer)) = self.begin_body(head.framing) {
            return Ok((
                overload_answer(answer, overloaded, &mut in_flight),
                in_flight,
            ));
        }
        let body = RequestBody::new(&self.buffers, self.shared.limits.body_pause);
        let mut request = Request::new(Body::new(body));
        *request.method_mut() = head.method;
        // For routers that match paths. A target that is no valid path matches none; a face reads the target itself.
        *request.uri_mut() = head.target.as_uri();
        *request.headers_mut() = head.headers;
        request.extensions_mut().insert(self.ends.clone());
        request.extensions_mut().insert(head.target.clone());
        let origin = service::LogFields {
            peer: self.ends.peer,
            flow: self.ends.current_flow(),
            target: head.target,
        };
        // Pinned where it is made: a connection that waits for a change has it once, not twice.
        let answered = pin!(service::answer(
            &self.server,
            in_flight,
            self.router.clone(),
            origin,
            request,
        ));
        let (answer, mut in_flight) = self.while_connected(answered).await??;
        // The face is done with the body, which counts no longer.
        let bodies = self.shared.bodies.as_ref().filter(|_| has_body);
        let budget = bodies.and_then(|(_, answer)| {
            let budget = self.buffers.lock().budget.take()?;
            Some((budget.refused()?, *answer))
        });
        Ok(match budget {
            // Whatever the face made of a body that broke off.
            Some((overloaded, answer)) => {
                let answer = overload_answer(answer, overloaded, &mut in_flight);
                (answer, in_flight)
            }
            None => (answer, in_flight),
        })
    }

    /// Bounds the body of a request that may be long by the budget of bodies.
    fn begin_body(&self, framing: Framing) -> Result<(), (Overloaded, OverloadAnswer)> {
        let Some((fairness, answer)) = &self.shared.bodies else {
            return Ok(());
        };
        if let Some(budget) = BodyBudget::begin(fairness, self.ends.current_flow(), framing)
            .map_err(|overloaded| (overloaded, *answer))?
        {
            self.buffers.lock().budget = Some(budget);
        }
        Ok(())
    }

    /// The same after the rest of the request's body was read: the connection stays open only where all of it was read.
    async fn after_rest(&self, facts: RequestFacts) -> RequestFacts {
        RequestFacts {
            keep_alive: self.read_rest(facts.keep_alive).await,
            ..facts
        }
    }

    /// Waits for an answer as long as the client does.
    async fn while_connected<T>(
        &self,
        mut answer: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, HungUp> {
        let patience = self.shared.limits.half_closed;
        poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(Ok(answer));
            }
            self.buffers.lock().poll_hung_up(cx, patience).map(Err)
        })
        .await
    }

    /// Reads the part of the request's body that the face left, up to a limit; returns whether another request can follow.
    async fn read_rest(&self, keep_alive: bool) -> bool {
        let mut left = UNREAD;
        loop {
            {
                let buffers = self.buffers.lock();
                if buffers.framing.is_done() {
                    return keep_alive;
                }
                // A client that got no `100 Continue` may not send its body.
                if !keep_alive || buffers.awaits_continue || buffers.framing.left() >= left {
                    return false;
                }
            }
            let piece = poll_fn(|cx| self.buffers.lock().poll_body(cx));
            let piece = tokio::time::timeout(self.shared.limits.body_pause, piece).await;
            let Ok(Some(Ok(piece))) = piece else {
                return matches!(piece, Ok(None));
            };
            left = left.saturating_sub(u64::try_from(piece.len()).unwrap_or(left));
        }
    }

    /// Refuses a request that a web page of another site may have made; the connection closes.
    async fn refuse_web_page(
        &self,
        refusal: &WebRefusal,
        method: &'static str,
        facts: RequestFacts,
    ) -> Result<bool, Broken> {
        let mut in_flight = RequestInFlight::begin(&self.server, method);
        let mut answer = Response::new(Body::from(format!("{refusal}\n")));
        *answer.status_mut() = StatusCode::FORBIDDEN;
        in_flight.set_status(answer.status().as_u16());
        for (name, value) in [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONNECTION, "close"),
        ] {
            let value = HeaderValue::from_static(value);
            answer.headers_mut().insert(name, value);
        }
        tracing::debug!(face = self.server.face, peer = %self.ends.peer, %refusal, "request refused");
        self.send(answer, facts).await
    }

    /// Sends an answer without a body; the connection closes after an error.
    async fn send_plain(&self, status: StatusCode, facts: RequestFacts) -> Result<bool, Broken> {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = status;
        if status != StatusCode::OK {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(header::CONNECTION, close);
        }
        self.send(answer, facts).await
    }

    /// Sends an answer; returns whether the connection stays open.
    async fn send(&self, answer: Response<Body>, mut facts: RequestFacts) -> Result<bool, Broken> {
        facts.keep_alive &= !self.stopping.is_on();
        let (shape, keeps) = {
            let mut buffers = self.buffers.lock();
            answer::push_head(buffers.output(), facts, &answer, &self.shared.date)
        };
        if shape != Shape::Nothing {
            send::send_body(&self.buffers, answer.into_body(), shape).await?;
        }
        poll_fn(|cx| self.buffers.lock().poll_flush(cx)).await?;
        // The rest of a body must never be read as a request.
        Ok(keeps && self.buffers.lock().framing.is_done())
    }
}

/// The face's answer to a request whose body the budget of bodies has no room for; the connection closes after it.
fn overload_answer(
    answer: OverloadAnswer,
    overloaded: Overloaded,
    in_flight: &mut RequestInFlight,
) -> Response<Body> {
    let answer = last_answer(answer(overloaded));
    in_flight.set_status(answer.status().as_u16());
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::server::future_bytes;

    #[test]
    fn a_connection_that_waits_for_a_change_has_it_once() {
        let bytes = future_bytes::of(|(shared, server, arrival, router, stopping)| {
            serve(shared, server, arrival, router, stopping)
        });
        assert!(bytes <= 4_608, "{bytes}");
    }
}
