//! Secrets of a request: its token, where Consul looks for it, and its user.

use http::request::Parts;

use crate::face::authentication::Authorization;
use crate::face::go::Query;
use crate::space::RequestSecrets;

/// The header with a token, as `CONSUL_HTTP_TOKEN` has clients send it.
const TOKEN: &str = "x-consul-token";

/// The secrets of a request. Of several tokens the first one counts that is not empty, in Consul's order: the parameter
/// `token`, the header `X-Consul-Token`, `Authorization: Bearer`.
pub(super) fn of<'a>(parts: &'a Parts, query: &'a Query) -> RequestSecrets<'a> {
    let mut secrets = RequestSecrets::default();
    let in_header = parts.headers.get(TOKEN).map(http::HeaderValue::as_bytes);
    let tokens = [Some(query.get("token")), in_header];
    secrets.token = tokens.into_iter().flatten().find(|token| !token.is_empty());
    match Authorization::of(&parts.headers) {
        Authorization::None | Authorization::Other => {}
        Authorization::Basic(login) => secrets.login = Some(login),
        Authorization::Bearer(token) => {
            let token = Some(token).filter(|token| !token.is_empty());
            secrets.token = secrets.token.or(token);
        }
    }
    secrets
}
