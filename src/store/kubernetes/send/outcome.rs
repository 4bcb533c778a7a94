//! Outcome of a write that was sent: effective, refused, in conflict, or unknown.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::write_request::WriteRequest;
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::kubernetes::definition::resource::SpecWriteId;
use crate::store::kubernetes::namespace::Namespace;
use crate::store::shared::log::SendError;
use crate::store::shared::metrics::Reason;
use crate::store::shared::write_ids::WriteId;

/// How long a write that was refused waits for the change that refused it.
const CONFLICT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why no gateway leads on a definition of another version.
pub(crate) const DROPS_FIELDS: &str = "the definition of entries.kubekv.io is of another version and loses fields: \
    install it with: kubekv crd | kubectl apply -f -";

/// The outcome of a write that was accepted: the answer must contain its write id, which a definition of another version
/// drops.
pub(super) fn accepted(namespace: &Namespace, body: &[u8]) -> Result<(), SendError> {
    // A value's quotes are escaped: unescaped, this is a field.
    if std::str::from_utf8(body).is_ok_and(|body| body.contains("\"stamp\":{")) {
        return Ok(());
    }
    namespace.cache.drops_fields.store(true, Ordering::Release);
    Err(SendError::Unattributed(DROPS_FIELDS.to_owned()))
}

/// The outcome of a write that failed. A conflict is reported only after the watch has delivered the change that caused it.
pub(super) async fn failed(
    namespace: &Namespace,
    request: &WriteRequest,
    write_id: WriteId,
    error: ApiError,
) -> Result<(), SendError> {
    let conflict =
        error.status() == Some(409) || (error.status() == Some(404) && request.replaced.is_some());
    if !conflict {
        return Err(send_error(&error));
    }
    // A proxy on the way may have sent it twice: then it is in conflict with itself, and took effect.
    match namespace.api.get(&request.name).await {
        Ok(body) => {
            let object = EntryObject::read(&String::from_utf8_lossy(&body));
            let found = object.ok().and_then(|object| object.written_by());
            if found.map(SpecWriteId::name) == Some(write_id) {
                return Ok(());
            }
        }
        Err(missing) if missing.status() == Some(404) => {}
        Err(unread) => return Err(SendError::Unknown(unread.to_string())),
    }
    let objects = &namespace.cache.objects;
    if objects
        .wait_until(CONFLICT_TIMEOUT, |objects| request.is_outdated(objects))
        .await
    {
        return Err(SendError::Conflict(objects.lock().index()));
    }
    Err(SendError::Unavailable(error.to_string()))
}

/// The outcome that follows from an error alone.
pub(super) fn send_error(error: &ApiError) -> SendError {
    let text = error.to_string();
    match error {
        ApiError::Unknown(_) | ApiError::Failed(_) => SendError::Unknown(text),
        ApiError::NotSent(_) => SendError::Unavailable(text),
        ApiError::Refused(_) if error.status() == Some(409) => SendError::Conflict(0),
        ApiError::Refused(_) => match error.reason() {
            Some(Reason::Quota) => SendError::Refused(format!("no space left: {text}")),
            Some(Reason::TooLarge) => SendError::TooLarge(text),
            Some(Reason::Admission | Reason::Other) => SendError::Refused(text),
            _ => SendError::Unavailable(text),
        },
    }
}
