//! `DELETE /v1/kv/KEY`: deletes one entry, or every entry under a prefix (`?recurse`).

use std::convert::Infallible;

use super::parameters;
use super::verbs;
use crate::face::consul::commit_error;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::model::Key;
use crate::space::Draft;

/// Answers `true`, whether or not an entry was there; with `?cas`, `false` where the index differs.
pub(super) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    parameters::check_conflicts(request, &["recurse", "cas"])?;
    let recurse = request.query.has("recurse");
    let key = if recurse {
        Key::user(request.rest)
    } else {
        parameters::key(request)?
    };
    let cas = parameters::number(request, "cas")?;
    request.check_datacenter()?;
    let decide = |draft: &mut Draft<'_>| -> Result<bool, Infallible> {
        Ok(match cas {
            Some(index) => verbs::delete_cas(draft, &key, index),
            None if recurse => {
                verbs::delete_tree(draft, &key);
                true
            }
            None => {
                verbs::delete(draft, &key);
                true
            }
        })
    };
    match request.face.space.commit(&request.caller, decide).await {
        Ok(done) => Ok(Reply::boolean(done.reply)),
        Err(error) => Err(commit_error::reply(error, |never, _| match never {})),
    }
}
