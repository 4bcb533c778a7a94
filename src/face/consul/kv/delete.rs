//! `DELETE /v1/kv/KEY`: one entry, or with `?recurse` all whose keys begin with some bytes.

use std::convert::Infallible;

use super::verbs;
use crate::face::consul::reply::{Answer, Reply};
use crate::face::consul::request::Ask;
use crate::face::consul::unsupported;
use crate::model::Key;
use crate::space::Draft;

/// `true`, whether or not there was anything; with `?cas`, `false` where the index was another.
pub(super) async fn handle(ask: &Ask<'_>) -> Answer {
    super::check_conflicts(ask, &["recurse", "cas"])?;
    let recurse = ask.query.has("recurse");
    let key = if recurse {
        Key::user(ask.rest)
    } else {
        super::key(ask)?
    };
    let cas = super::number(ask, "cas")?;
    ask.this_datacenter()?;
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
    match ask.face.space.commit(&ask.caller, decide).await {
        Ok(done) => Ok(Reply::boolean(done.reply)),
        Err(error) => Err(unsupported::commit(error, |never, _| match never {})),
    }
}
