//! `PUT /v1/session/destroy/ID`

use crate::face::consul::reply::{Answer, Reply};
use crate::face::consul::request::Ask;
use crate::face::consul::unsupported;

/// Ends a session: what it held is released or deleted. `true`, whether or not there was one.
pub(in crate::face::consul) async fn destroy(ask: &Ask<'_>) -> Answer {
    ask.no_namespace()?;
    let (_, id) = super::named(ask)?;
    let Some(id) = id else {
        return Ok(Reply::boolean(true));
    };
    match ask.face.space.end_lease(&ask.caller, id).await {
        Ok(_) => Ok(Reply::boolean(true)),
        Err(error) => Err(unsupported::commit(error, |never, _| match never {})),
    }
}
