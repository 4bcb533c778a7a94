//! `DELETE /v1/kv/KEY`: deletes one entry, or every entry under a prefix (`?recurse`).

use std::convert::Infallible;

use super::parameters;
use super::verbs;
use crate::face::consul::commit_error;
use crate::face::consul::deletion_weight::DeletionWeight;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::fairness::Cost;
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
    let cost = if cas.is_none() && recurse {
        cost_of_tree(request, &key).await?
    } else {
        Cost::SMALL
    };
    let decide = move |draft: &mut Draft<'_>| -> Result<bool, Infallible> {
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
    let refused = |never: Infallible, _| match never {};
    let done = request.commit_wide(cost, decide, refused).await?;
    Ok(Reply::boolean(done.reply))
}

/// The cost of deleting every entry under a prefix; refused here where there are more than one request may delete.
async fn cost_of_tree(request: &ApiRequest<'_>, prefix: &Key) -> Result<Cost, Reply> {
    let limits = request.face.space.limits();
    let weight = DeletionWeight::of_trees(request, vec![prefix.clone()], limits.writes).await?;
    weight
        .check(limits)
        .map_err(|denied| commit_error::denied(&denied))?;
    Ok(weight.cost())
}
