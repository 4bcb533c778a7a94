//! Authentication of requests: the secrets in their headers, and the caller that they make.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Extensions, HeaderMap, header};

use super::server::Connection;
use crate::model::{Caller, SecretHash};
use crate::space::{
    AuditEvent, Authentication, Keyspace, Login, NotAuthenticated, RequestSecrets, Shown,
};

/// What an `Authorization` header holds, as Go's servers read it.
#[derive(Debug)]
pub(super) enum Authorization<'a> {
    /// There is none, or an empty one.
    None,
    /// `Basic`.
    Basic(Login),
    /// `Bearer`, and the token, which may be empty.
    Bearer(&'a [u8]),
    /// Another scheme.
    Other,
}

impl<'a> Authorization<'a> {
    /// Of several headers the first one counts.
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let value = headers.get(header::AUTHORIZATION);
        let value = value.map_or(&b""[..], |value| value.as_bytes());
        if value.is_empty() {
            return Self::None;
        }
        let Some(space) = value.iter().position(|byte| *byte == b' ') else {
            return Self::Other;
        };
        let (scheme, rest) = value.split_at(space);
        let rest = rest.get(1..).unwrap_or_default();
        if scheme.eq_ignore_ascii_case(b"basic") {
            return Self::Basic(basic(rest).unwrap_or(Login::Unreadable));
        }
        if scheme.eq_ignore_ascii_case(b"bearer") {
            let token = rest.trim_ascii().split(|byte| *byte == b' ').next();
            return Self::Bearer(token.unwrap_or_default());
        }
        Self::Other
    }
}

/// The user and the password: the first colon is between them.
fn basic(encoded: &[u8]) -> Option<Login> {
    let mut user = STANDARD.decode(encoded).ok()?;
    let colon = user.iter().position(|byte| *byte == b':')?;
    let password = user.split_off(colon + 1);
    user.truncate(colon);
    Some(Login::Password { user, password })
}

/// The caller of a request with what it shows; `beside` is what the server put beside the request. Nothing of that counts where the
/// guard knows no secrets.
pub(super) async fn authenticate(
    space: &Keyspace,
    (caller, beside): (Caller, &Extensions),
    secrets: RequestSecrets<'_>,
) -> Result<Caller, NotAuthenticated> {
    let authentication = space.authentication().filter(|_| !secrets.is_empty());
    let Some(authentication) = authentication else {
        return Ok(caller);
    };
    let shown = match authentication.check(&caller, secrets) {
        Authentication::Known(shown) => shown,
        Authentication::Later(later) => later.await?,
    };
    let caller = match &caller {
        Caller::Client {
            face,
            peer,
            credentials,
        } => {
            let mut credentials = credentials.clone();
            credentials.secrets = shown.secrets;
            credentials.held_token.clone_from(&shown.held_token);
            Caller::Client {
                face: *face,
                peer: *peer,
                credentials,
            }
        }
        Caller::Operator | Caller::System => caller,
    };
    record_logins(space, (&caller, beside), &shown);
    Ok(caller)
}

/// Records what a connection has shown for the first time. What was refused, the guard has recorded.
fn record_logins(space: &Keyspace, (caller, beside): (&Caller, &Extensions), shown: &Shown) {
    let Some(audit) = space.audit() else { return };
    let token = match &shown.held_token {
        Some(_) => "service-account",
        None => "token",
    };
    let secrets = [
        (token, shown.secrets.token),
        ("password", shown.secrets.password),
    ];
    for (how, secret) in secrets {
        let secret = secret.filter(|secret| *secret != SecretHash::NONE);
        let connection = beside.get::<Connection>();
        let is_first = |secret| connection.is_none_or(|one| one.logins.is_first(secret));
        if secret.is_some_and(is_first) {
            audit.record(caller, &AuditEvent::Secret { how });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        match Authorization::of(&headers) {
            Authorization::None => "none".to_owned(),
            Authorization::Basic(Login::Password { user, password }) => {
                let [user, password] = [user, password].map(|one| String::from_utf8(one).unwrap());
                format!("{user} and {password}")
            }
            Authorization::Basic(Login::Unreadable) => "unreadable".to_owned(),
            Authorization::Bearer(token) => format!("token {}", String::from_utf8_lossy(token)),
            Authorization::Other => "other".to_owned(),
        }
    }

    #[test]
    fn a_header_is_read_as_go_reads_it() {
        for (value, expected) in [
            ("", "none"),
            ("Basic cm9vdDphOmI=", "root and a:b"),
            ("bAsIc OnA=", " and p"),
            ("Basic cm9vdDo=", "root and "),
            // Without a colon, without the padding, with more spaces, of the other alphabet, and of no alphabet.
            ("Basic cm9vdA==", "unreadable"),
            ("Basic cm9vdDphOmI", "unreadable"),
            ("Basic  cm9vdDphOmI=", "unreadable"),
            ("Basic Og_-", "unreadable"),
            ("Basic ", "unreadable"),
            ("Basic", "other"),
            ("Bearer abc", "token abc"),
            ("bearer   abc def", "token abc"),
            ("BEARER ", "token "),
            ("Bearer", "other"),
            ("Digest username=\"a\"", "other"),
        ] {
            assert_eq!(read(value), expected, "{value:?}");
        }
    }
}
