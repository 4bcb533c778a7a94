//! `PUT /v1/session/create`

use std::convert::Infallible;

use axum::body::Body;

use super::super::ask::Ask;
use super::super::refused;
use super::super::reply::{Answer, Reply};
use super::request::{self, Refusal};
use crate::face::go::json_write::Object;
use crate::model::LeaseId;
use crate::space::Draft;

/// The longest description of a session, in bytes. Consul has no limit of its own.
const LONGEST: usize = 256 << 10;

/// Makes a session and tells its id.
pub(in crate::face::consul) async fn create(ask: &Ask<'_>, body: Body) -> Answer {
    ask.no_namespace()?;
    let body = ask
        .read(body, LONGEST)
        .await?
        .map_err(|long| refused::too_long(long.said, LONGEST, "session"))?;
    let session = request::parse(&body, &ask.face.node).map_err(|refusal| match &refusal {
        Refusal::Decode(_) => Reply::bad_request(refusal.to_string()),
        Refusal::Invalid(_) => Reply::failed(refusal.to_string()),
    })?;
    ask.this_datacenter()?;
    let lease = session.lease(LeaseId::random());
    let decide = |draft: &mut Draft<'_>| -> Result<(), Infallible> {
        draft.put_lease(&lease);
        Ok(())
    };
    match ask.face.space.commit(&ask.caller, decide).await {
        Ok(_) => {
            let mut body = Vec::new();
            Object::new(&mut body)
                .text("ID", lease.id.to_string())
                .end();
            Ok(Reply::json(body))
        }
        Err(error) => Err(refused::commit(error, |never, _| match never {})),
    }
}
