//! HTTP/1 connection: requests are read and answered one after another, from the first byte to the end.
//!
//! It is our own because what Consul and etcd answer is decided by Go's server, and no library lets a server see what
//! that one sees: a target byte for byte, of up to a megabyte; headers by spelling; a client that hangs up behind bytes
//! that nobody has read yet. How a request looks is in `head`, its body in `framing`, an answer in `answer`.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;

use super::answer::{self, Asked, Shape};
use super::body::RequestBody;
use super::broken::Broken;
use super::head::{Expectation, Found, Head, Reader};
use super::refusal::Refusal;
use super::settings::Settings;
use super::version::Version;
use super::wire::Wire;
use super::{http2, send, service};
use crate::face::server::{Arrival, Connection, HungUp, RequestInFlight, ServerContext, Stopping};

/// From which length on a head is a long one, in bytes.
const LONG_HEAD: usize = 64 << 10;

/// How long a request with such a head may take: longer than any write, and shorter than a poll.
const LONG_HELD: Duration = Duration::from_secs(10);

/// How much of a body that nobody read is read before the answer, in bytes, so that the connection can stay open; as
/// in Go.
const UNREAD: u64 = 256 << 10;

/// What comes next on a connection.
enum Next {
    Request(Box<Head>, Option<OwnedSemaphorePermit>),
    Refused(Refusal),
    Http2,
    Ended,
}

/// One connection.
struct Http1 {
    settings: Arc<Settings>,
    server: Arc<ServerContext>,
    router: Router,
    ends: Connection,
    stopping: Stopping,
    /// Shared with the body of the request that is being answered.
    wire: Arc<Mutex<Wire>>,
}

/// Serves a connection until the client ends it, or the gateway is stopping and nothing is in flight.
pub(super) async fn serve(
    settings: Arc<Settings>,
    server: Arc<ServerContext>,
    arrival: Arrival,
    router: Router,
    stopping: Stopping,
) {
    let Arrival { stream, ends } = arrival;
    let face = server.face;
    let wire = Arc::new(Mutex::new(Wire::new(stream, settings.limits.write_pause)));
    let connection = Http1 {
        settings,
        server,
        router,
        ends,
        stopping,
        wire,
    };
    if let Err(error) = connection.run().await {
        // Clients break off all the time: not worth a warning.
        tracing::debug!(face, peer = %ends.peer, %error, "connection broken");
    }
}

impl Http1 {
    async fn run(self) -> Result<(), Broken> {
        let stopping = self.stopping.clone();
        // Once for all its requests: it is a place in a list that all connections share.
        let mut stopped = pin!(stopping.wait());
        loop {
            match self.next(stopped.as_mut()).await? {
                Next::Request(head, long) => {
                    let keeps = match long {
                        None => self.exchange(*head).await?,
                        // Others wait for its place.
                        Some(_place) => tokio::time::timeout(LONG_HELD, self.exchange(*head))
                            .await
                            .map_err(|_| Broken::LongHeld)??,
                    };
                    if !keeps {
                        return send::close(&self.wire, &self.stopping).await;
                    }
                }
                Next::Refused(refusal) => {
                    self.wire.lock().push(&refusal.bytes());
                    return send::close(&self.wire, &self.stopping).await;
                }
                Next::Http2 => {
                    // No request was read, so no body shares the wire.
                    if let Some(wire) = Arc::into_inner(self.wire) {
                        let client = (self.server.face, self.ends.peer);
                        let wire = wire.into_inner();
                        http2::refuse(&self.settings, client, wire, &stopping).await;
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
            let so_far = match self.found(&mut reader, &mut long) {
                Ok(next) => return Ok(next),
                Err(so_far) => so_far,
            };
            let filled = poll_fn(|cx| self.wire.lock().poll_fill(cx));
            if so_far == 0 {
                tokio::select! {
                    biased;
                    filled = filled => drop(filled?),
                    () = stopped.as_mut() => return Ok(Next::Ended),
                }
                continue;
            }
            if late.is_none() {
                late.set(Some(tokio::time::sleep(self.settings.limits.head)));
            }
            let Some(late) = late.as_mut().as_pin_mut() else {
                continue;
            };
            let more = async {
                // Long ones are read a few at a time: together they could fill the memory.
                if so_far >= LONG_HEAD && long.is_none() {
                    long = Arc::clone(&self.settings.long_heads)
                        .acquire_owned()
                        .await
                        .ok();
                }
                filled.await
            };
            tokio::select! {
                filled = more => drop(filled?),
                () = late => return Err(Broken::LateHead),
            }
        }
    }

    /// What comes next; if too little has come to tell, how many bytes that is.
    fn found(
        &self,
        reader: &mut Reader,
        long: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<Next, usize> {
        let mut wire = self.wire.lock();
        wire.skip_breaks();
        match reader.read(&mut wire.input, self.settings.limits.head_bytes) {
            Ok(Found::Head(head)) => return Ok(Next::Request(head, long.take())),
            Ok(Found::Http2) => return Ok(Next::Http2),
            Ok(Found::More) => {}
            Err(refusal) => return Ok(Next::Refused(refusal)),
        }
        let so_far = wire.input.len();
        match (wire.ended, so_far) {
            (true, 0) => return Ok(Next::Ended),
            (true, _) => return Ok(Next::Refused(Refusal::MALFORMED)),
            (false, 0) => wire.rest(),
            (false, _) => {}
        }
        Err(so_far)
    }

    /// Answers a request; whether the connection stays open.
    async fn exchange(&self, head: Head) -> Result<bool, Broken> {
        let asked = Asked::new(&head.method, head.version, head.keep_alive);
        let awaits = {
            let mut wire = self.wire.lock();
            wire.framing = head.framing;
            wire.begin_answer();
            let awaits = head.expectation();
            wire.awaits_continue = awaits == Some(Expectation::Continue)
                && head.version == Version::Http11
                && !head.framing.is_done();
            // Old clients send a line break after a form, which counts for nothing.
            wire.breaks_follow = head.method == Method::POST;
            awaits
        };
        if awaits == Some(Expectation::Unknown) {
            return self.send_plain(StatusCode::EXPECTATION_FAILED, asked).await;
        }
        if head.target.path == "*" {
            // It is about the server, not about anything it serves.
            if head.method != Method::OPTIONS {
                return self.send_plain(StatusCode::BAD_REQUEST, asked).await;
            }
            let asked = self.after_rest(asked).await;
            return self.send_plain(StatusCode::OK, asked).await;
        }
        let method = service::method_label(&head.method);
        let in_flight = RequestInFlight::begin(&self.server, method);
        let body = RequestBody::new(&self.wire, self.settings.limits.body_pause);
        let mut request = Request::new(Body::new(body));
        *request.method_mut() = head.method;
        // For routers that match paths. A target that is no valid path matches none; a face reads the target itself.
        *request.uri_mut() = head.target.as_uri();
        *request.headers_mut() = head.headers;
        request.extensions_mut().insert(self.ends);
        request.extensions_mut().insert(head.target.clone());
        let origin = service::Origin {
            peer: self.ends.peer,
            target: head.target,
        };
        let answered = service::answer(
            &self.server,
            in_flight,
            self.router.clone(),
            origin,
            request,
        );
        let (answer, _in_flight) = self.while_connected(answered).await??;
        let asked = self.after_rest(asked).await;
        self.send(answer, asked).await
    }

    /// The same, with what is left of the request's body read: the connection stays open only where all of it was.
    async fn after_rest(&self, asked: Asked) -> Asked {
        Asked {
            keep_alive: self.read_rest(asked.keep_alive).await,
            ..asked
        }
    }

    /// Waits for an answer as long as the client does.
    async fn while_connected<T>(&self, answer: impl Future<Output = T>) -> Result<T, HungUp> {
        let mut answer = pin!(answer);
        let patience = self.settings.limits.half_closed;
        poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(Ok(answer));
            }
            self.wire.lock().poll_hung_up(cx, patience).map(Err)
        })
        .await
    }

    /// Reads what the face has left of the request's body, up to a bound; whether the next request can follow.
    async fn read_rest(&self, keep_alive: bool) -> bool {
        let mut left = UNREAD;
        loop {
            {
                let wire = self.wire.lock();
                if wire.framing.is_done() {
                    return keep_alive;
                }
                // A client that was never told to send its body may not send it.
                if !keep_alive || wire.awaits_continue || wire.framing.left() >= left {
                    return false;
                }
            }
            let piece = poll_fn(|cx| self.wire.lock().poll_body(cx));
            let piece = tokio::time::timeout(self.settings.limits.body_pause, piece).await;
            let Ok(Some(Ok(piece))) = piece else {
                return matches!(piece, Ok(None));
            };
            left = left.saturating_sub(u64::try_from(piece.len()).unwrap_or(left));
        }
    }

    /// Sends an answer without a body, after which the connection closes where it says that something is wrong.
    async fn send_plain(&self, status: StatusCode, asked: Asked) -> Result<bool, Broken> {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = status;
        if status != StatusCode::OK {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(header::CONNECTION, close);
        }
        self.send(answer, asked).await
    }

    /// Sends an answer; whether the connection stays open.
    async fn send(&self, answer: Response<Body>, mut asked: Asked) -> Result<bool, Broken> {
        asked.keep_alive &= !self.stopping.is_on();
        let (shape, keeps) = {
            let mut wire = self.wire.lock();
            answer::push_head(wire.output(), asked, &answer, &self.settings.date)
        };
        if shape != Shape::Nothing {
            send::send_body(&self.wire, answer.into_body(), shape).await?;
        }
        poll_fn(|cx| self.wire.lock().poll_flush(cx)).await?;
        // What is left of a body must never be taken for a request.
        Ok(keeps && self.wire.lock().framing.is_done())
    }
}
