//! `PUT /v1/kv/KEY`: sets, checks and sets (`?cas`), locks (`?acquire`) or unlocks (`?release`) an entry.

use axum::body::Body;

use super::parameters;
use super::verbs::{self, LockOutcome, ValueAndFlags};
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::fairness::Cost;
use crate::model::Key;
use crate::space::Draft;

/// The verb of the write.
enum PutKind {
    Set,
    Cas(u64),
    Lock(Vec<u8>),
    Unlock(Vec<u8>),
}

/// Answers `true` where the value was written, `false` where the index differs or another session holds the lock.
pub(super) async fn serve(request: &ApiRequest<'_>, body: Body) -> Result<Reply, Reply> {
    let key = parameters::key(request)?;
    parameters::check_conflicts(request, &["cas", "acquire", "release"])?;
    let flags = parameters::number(request, "flags")?.unwrap_or(0);
    let kind = kind_of(request)?;
    let limit = request.face.space.limits().value_bytes;
    let value = request.read_body(body, limit, "kv_max_value_size").await?;
    request.check_datacenter()?;
    commit(request, &key, &kind, ValueAndFlags { value, flags }).await
}

fn kind_of(request: &ApiRequest<'_>) -> Result<PutKind, Reply> {
    if let Some(index) = parameters::number(request, "cas")? {
        return Ok(PutKind::Cas(index));
    }
    if request.query.has("acquire") {
        return Ok(PutKind::Lock(request.query.get("acquire").to_vec()));
    }
    if request.query.has("release") {
        return Ok(PutKind::Unlock(request.query.get("release").to_vec()));
    }
    Ok(PutKind::Set)
}

async fn commit(
    request: &ApiRequest<'_>,
    key: &Key,
    kind: &PutKind,
    content: ValueAndFlags,
) -> Result<Reply, Reply> {
    let decide = |draft: &mut Draft<'_>| -> Result<bool, String> {
        // Before any error about the session.
        draft.asks_for(key);
        Ok(match kind {
            PutKind::Set => {
                verbs::set(draft, key, &content);
                // An equal value of an entry that its host's session keeps.
                draft.renews();
                true
            }
            PutKind::Cas(index) => verbs::cas(draft, key, *index, &content),
            PutKind::Lock(session) => {
                verbs::lock(draft, key, session, &content)? == LockOutcome::Acquired
            }
            PutKind::Unlock(session) => verbs::unlock(draft, key, session, &content)?,
        })
    };
    let cost = Cost::new(1, content.value.len());
    let refused = |text, _| Reply::internal_error(text);
    let done = request.commit(cost, decide, refused).await?;
    Ok(Reply::boolean(done.reply))
}
