//! `PUT /v1/kv/KEY`: write, swap, lock or unlock.

use axum::body::Body;

use super::super::ask::Ask;
use super::super::refused;
use super::super::reply::{Answer, Reply};
use super::write::{self, Content, Locked};
use crate::model::Key;
use crate::space::Draft;

/// What is to be done with the value.
enum Verb {
    Set,
    Cas(u64),
    Lock(Vec<u8>),
    Unlock(Vec<u8>),
}

/// `true` where it was written, `false` where the index was another or somebody else holds the lock.
pub(super) async fn handle(ask: &Ask<'_>, body: Body) -> Answer {
    let key = super::key(ask)?;
    super::check_conflicts(ask, &["cas", "acquire", "release"])?;
    let flags = super::number(ask, "flags")?.unwrap_or(0);
    let verb = verb(ask)?;
    let limit = ask.face.space.limits().value_bytes;
    let value = ask
        .read(body, limit)
        .await?
        .map_err(|long| refused::too_long(long.said, limit, "kv_max_value_size"))?;
    ask.this_datacenter()?;
    write(ask, &key, &verb, Content { value, flags }).await
}

fn verb(ask: &Ask<'_>) -> Result<Verb, Reply> {
    if let Some(index) = super::number(ask, "cas")? {
        return Ok(Verb::Cas(index));
    }
    if ask.query.has("acquire") {
        return Ok(Verb::Lock(ask.query.get("acquire").to_vec()));
    }
    if ask.query.has("release") {
        return Ok(Verb::Unlock(ask.query.get("release").to_vec()));
    }
    Ok(Verb::Set)
}

async fn write(ask: &Ask<'_>, key: &Key, verb: &Verb, content: Content) -> Answer {
    let decide = |draft: &mut Draft<'_>| -> Result<bool, String> {
        // Before all that may be wrong with a session.
        draft.asks_for(key);
        Ok(match verb {
            Verb::Set => {
                write::set(draft, key, &content);
                true
            }
            Verb::Cas(index) => write::cas(draft, key, *index, &content),
            Verb::Lock(session) => write::lock(draft, key, session, &content)? == Locked::Yes,
            Verb::Unlock(session) => write::unlock(draft, key, session, &content)?,
        })
    };
    match ask.face.space.commit(&ask.caller, decide).await {
        Ok(done) => Ok(Reply::boolean(done.reply)),
        Err(error) => Err(refused::commit(error, |words, _| Reply::failed(words))),
    }
}
