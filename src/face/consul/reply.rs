//! Answer of an operation: status, headers and body, and how they become a response.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::long_answer::{self, BodyForm, LongAnswer, MAX_BYTES, NotMade};
use super::weight::Weight;
use crate::face::list_cache::Encoded;
use crate::fairness::{Fairness, Overloaded, Reservation};
use crate::model::Flow;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const RAW: &str = "text/plain";
const INDEX: HeaderName = HeaderName::from_static("x-consul-index");
const LAST_CONTACT: HeaderName = HeaderName::from_static("x-consul-lastcontact");
const KNOWN_LEADER: HeaderName = HeaderName::from_static("x-consul-knownleader");
const CONSISTENCY: HeaderName = HeaderName::from_static("x-consul-effective-consistency");

/// The answer of an operation; an operation that fails returns one as its error.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: ReplyBody,
}

enum ReplyBody {
    /// No body at all: never compressed, no content type.
    Empty,
    Json(Vec<u8>),
    /// JSON that is made when it is sent.
    Long(Box<dyn LongAnswer>),
    /// The same, of a change that has been made: its bytes were reserved before.
    AfterChange(Box<dyn LongAnswer>, Reservation),
    /// A list in JSON, from the list cache, indented already where that was asked for.
    List(Arc<Encoded>),
    Text(Cow<'static, str>),
    /// A value as the client stored it.
    Raw(Bytes),
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Json(_) => "Json",
            Self::Long(_) => "Long",
            Self::AfterChange(..) => "AfterChange",
            Self::List(_) => "List",
            Self::Text(_) => "Text",
            Self::Raw(_) => "Raw",
        })
    }
}

/// 429 with the sentence that names the limit, as Consul answers where a rate limit is reached. Nothing was done.
impl From<Overloaded> for Reply {
    fn from(overloaded: Overloaded) -> Self {
        let seconds = overloaded.retry_after().as_secs().max(1);
        Self::text(StatusCode::TOO_MANY_REQUESTS, overloaded.to_string())
            .header(header::RETRY_AFTER, seconds.into())
    }
}

impl Reply {
    /// Its status, unless it becomes too long.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<NotMade> for Reply {
    fn from(refused: NotMade) -> Self {
        match refused {
            NotMade::Overloaded(overloaded) => overloaded.into(),
            NotMade::TooLong => Self::text(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the answer would have more than the limit of {MAX_BYTES} bytes"),
            ),
        }
    }
}

impl Reply {
    fn new(status: StatusCode, body: ReplyBody) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }

    /// A status without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self::new(status, ReplyBody::Empty)
    }

    /// 200 with JSON.
    pub(super) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(StatusCode::OK, ReplyBody::Json(body.into()))
    }

    /// 200 with JSON that is weighed, and made, when it is sent.
    pub(super) fn long(answer: impl LongAnswer) -> Self {
        Self::new(StatusCode::OK, ReplyBody::Long(Box::new(answer)))
    }

    /// 200 with JSON: made at once where it is little, else when it is sent.
    pub(super) fn json_of(answer: impl LongAnswer) -> Self {
        match made_if_small(&answer) {
            Some(json) => Self::json(json),
            None => Self::long(answer),
        }
    }

    /// The same, after a change before which its bytes were reserved.
    pub(super) fn json_after_change(answer: impl LongAnswer, reservation: Reservation) -> Self {
        if let Some(json) = made_if_small(&answer) {
            return Self::json(json);
        }
        let body = ReplyBody::AfterChange(Box::new(answer), reservation);
        Self::new(StatusCode::OK, body)
    }

    /// 200 with a list.
    pub(super) fn list(list: Arc<Encoded>) -> Self {
        Self::new(StatusCode::OK, ReplyBody::List(list))
    }

    /// 200 with `true` or `false`.
    pub(super) fn boolean(value: bool) -> Self {
        Self::json(value.to_string())
    }

    /// A status with plain text.
    pub(super) fn text(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, ReplyBody::Text(text.into()))
    }

    /// 400 with plain text.
    pub(super) fn bad_request(text: impl Into<Cow<'static, str>>) -> Self {
        Self::text(StatusCode::BAD_REQUEST, text)
    }

    /// 500 with plain text: Consul's answer to whatever its servers refuse.
    pub(super) fn internal_error(text: impl Into<Cow<'static, str>>) -> Self {
        Self::text(StatusCode::INTERNAL_SERVER_ERROR, text)
    }

    /// 200 with a value as it was stored. Browsers never render it as a page, whatever it holds.
    pub(super) fn raw(value: Bytes) -> Self {
        Self::new(StatusCode::OK, ReplyBody::Raw(value))
            .header(
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            )
            .header(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("sandbox"),
            )
    }

    /// The same with another status.
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same with one more header.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with Consul's headers of every read: the index, and that the leader answered.
    pub(super) fn index(self, index: u64) -> Self {
        self.header(INDEX, index.max(1).into()).known_leader()
    }

    /// The same with Consul's headers of an answer from the leader.
    pub(super) fn known_leader(self) -> Self {
        self.header(LAST_CONTACT, HeaderValue::from_static("0"))
            .header(KNOWN_LEADER, HeaderValue::from_static("true"))
    }

    /// The same with Consul's headers of a read that failed before it reached a leader: index 1, no known leader.
    pub(super) fn no_known_leader(self) -> Self {
        self.header(INDEX, HeaderValue::from_static("1"))
            .header(LAST_CONTACT, HeaderValue::from_static("0"))
            .header(KNOWN_LEADER, HeaderValue::from_static("false"))
    }

    /// The same with the consistency of the read, which Consul sends for the catalog alone.
    pub(super) fn consistency(self, name: &'static str) -> Self {
        self.header(CONSISTENCY, HeaderValue::from_static(name))
    }

    /// The response to a client of this flow, its body in this form. A long body is made now, and where there is no room for
    /// it, the response says so instead.
    pub(super) async fn into_response(
        self,
        form: BodyForm,
        fairness: &Fairness,
        flow: Flow,
    ) -> Response {
        let content_type = self.body.content_type();
        match self.body.made(form, fairness, flow).await {
            Ok(body) => response(self.status, self.headers, content_type, body, form),
            Err(refused) => Self::from(refused).into_response_at_once(form),
        }
    }

    /// The response, whose body is made here: for a few words.
    pub(super) fn into_response_at_once(self, form: BodyForm) -> Response {
        let content_type = self.body.content_type();
        let body = self.body.made_at_once(form);
        response(self.status, self.headers, content_type, body, form)
    }
}

impl ReplyBody {
    /// `None` where there is no body.
    fn content_type(&self) -> Option<&'static str> {
        match self {
            Self::Empty => None,
            Self::Json(_) | Self::Long(_) | Self::AfterChange(..) | Self::List(_) => Some(JSON),
            Self::Text(_) => Some(TEXT),
            Self::Raw(_) => Some(RAW),
        }
    }

    /// The bytes to send.
    async fn made(self, form: BodyForm, fairness: &Fairness, flow: Flow) -> Result<Bytes, NotMade> {
        let only_compressed = BodyForm {
            pretty: false,
            ..form
        };
        let (plain, form) = match self {
            Self::Empty => return Ok(Bytes::new()),
            Self::Long(answer) => return long_answer::make(answer, form, fairness, flow).await,
            Self::AfterChange(answer, reservation) => {
                let made =
                    long_answer::make_after_change(answer, form, fairness, flow, reservation);
                return made.await;
            }
            Self::List(list) if form.compressed => return Ok(list.compressed(flow).await?),
            Self::List(list) => return Ok(list.body()),
            Self::Json(json) => (json.into(), form),
            Self::Text(text) => (text.into_owned().into(), only_compressed),
            Self::Raw(value) => (value, only_compressed),
        };
        Ok(long_answer::reshape(plain, form, fairness, flow).await?)
    }

    fn made_at_once(self, form: BodyForm) -> Bytes {
        let only_compressed = BodyForm {
            pretty: false,
            ..form
        };
        match self {
            Self::Empty => Bytes::new(),
            Self::Json(json) => form.apply(json.into()),
            Self::Long(answer) | Self::AfterChange(answer, _) => {
                let mut json = Vec::new();
                answer.encode(&mut json);
                form.apply(json.into())
            }
            Self::List(list) => only_compressed.apply(list.body()),
            Self::Text(text) => only_compressed.apply(text.into_owned().into()),
            Self::Raw(value) => only_compressed.apply(value),
        }
    }
}

fn made_if_small(answer: &impl LongAnswer) -> Option<Vec<u8>> {
    let weight = answer.weigh(Weight::is_small);
    if !weight.is_small() {
        return None;
    }
    let mut json = Vec::with_capacity(weight.bytes);
    answer.encode(&mut json);
    Some(json)
}

fn response(
    status: StatusCode,
    own_headers: Vec<(HeaderName, HeaderValue)>,
    content_type: Option<&'static str>,
    body: Bytes,
    form: BodyForm,
) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(own_headers);
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if form.compressed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    response
}
