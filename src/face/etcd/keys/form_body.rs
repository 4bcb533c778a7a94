//! Body of a form, read within the budget of request bodies.

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::face::etcd::overloaded;
use crate::face::etcd::reply::Reply;
use crate::face::go::MAX_BODY;
use crate::fairness::{Budget, Cost, Reservation};
use crate::model::Flow;

/// A body, and its place in the budget.
#[derive(Debug)]
pub(super) struct FormBody {
    pub(super) bytes: Bytes,
    /// Held until the request is decided; none where the body is short.
    pub(super) reservation: Option<Reservation>,
}

impl FormBody {
    /// That of a request without a form.
    pub(super) fn none() -> Self {
        Self {
            bytes: Bytes::new(),
            reservation: None,
        }
    }

    /// Reads a body, of which no more is in memory than the budget has room for.
    pub(super) async fn read(body: Body, budget: &Budget, flow: Flow) -> Result<Self, Reply> {
        let mut body = Limited::new(body, MAX_BODY);
        let mut first = Bytes::new();
        let mut rest = Vec::new();
        let mut reservation: Option<Reservation> = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| invalid(error.as_ref()))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if first.is_empty() {
                first = data;
            } else {
                if rest.is_empty() {
                    rest.extend_from_slice(&first);
                }
                rest.extend_from_slice(&data);
            }
            let len = first.len().max(rest.len());
            match &mut reservation {
                None if Cost::new(0, len).is_small() => {}
                None => {
                    let reserved = budget.reserve(flow, len);
                    reservation = Some(reserved.map_err(overloaded::reply)?);
                }
                Some(reservation) => {
                    let more = len.saturating_sub(reservation.bytes());
                    reservation.grow(more).map_err(overloaded::reply)?;
                }
            }
        }
        let bytes = if rest.is_empty() { first } else { rest.into() };
        Ok(Self { bytes, reservation })
    }
}

/// etcd answers such errors with index 0.
fn invalid(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Reply {
    let cause = if error.is::<LengthLimitError>() {
        "http: POST too large".to_owned()
    } else {
        error.to_string()
    };
    V2Error::new(V2ErrorCode::InvalidForm, cause).reply(0)
}
