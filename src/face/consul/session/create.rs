//! `PUT /v1/session/create`: creates a session.

use std::convert::Infallible;

use axum::body::Body;

use super::definition::{self, SessionError};
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::JsonObject;
use crate::fairness::Cost;
use crate::model::LeaseId;
use crate::space::Draft;

/// The longest body, in bytes: little enough to be decoded at once, and far more than any name of a session. Consul has
/// no limit here.
const MAX_BODY_BYTES: usize = (16 << 10) - 1;

/// Answers with the id of the new session.
pub(in crate::face::consul) async fn serve(
    request: &ApiRequest<'_>,
    body: Body,
) -> Result<Reply, Reply> {
    request.refuse_namespace()?;
    let body = request.read_body(body, MAX_BODY_BYTES, "session").await?;
    let session = definition::parse(&body, &request.face.node).map_err(|error| match &error {
        SessionError::Decode(_) => Reply::bad_request(error.to_string()),
        SessionError::Invalid(_) => Reply::internal_error(error.to_string()),
    })?;
    request.check_datacenter()?;
    let lease = session.lease(LeaseId::random());
    let decide = |draft: &mut Draft<'_>| -> Result<(), Infallible> {
        draft.put_lease(&lease);
        Ok(())
    };
    let cost = Cost::new(1, body.len());
    request
        .commit(cost, decide, |never: Infallible, _| match never {})
        .await?;
    let mut body = Vec::new();
    JsonObject::new(&mut body)
        .text("ID", lease.id.to_string())
        .end();
    Ok(Reply::json(body))
}
