//! Fuzz target of the header with a client's secret: any bytes are read without a panic, and nothing is added to them.

use http::{HeaderMap, HeaderValue, header};

use super::Authorization;
use crate::space::Login;

/// Reads an `Authorization` header.
pub(crate) fn authorization(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    headers.insert(header::AUTHORIZATION, value);
    match Authorization::of(&headers) {
        Authorization::None => assert!(bytes.is_empty()),
        Authorization::Basic(Login::Password { user, password }) => {
            assert!(!user.contains(&b':'));
            assert!(user.len() + password.len() < bytes.len());
        }
        Authorization::Bearer(token) => {
            assert!(!token.contains(&b' '));
            assert!(token.is_empty() || bytes.windows(token.len()).any(|part| part == token));
        }
        Authorization::Basic(Login::Unreadable) | Authorization::Other => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn any_header_is_read() {
        fuzz::run(&fuzz::seeds("request_secrets"), 20_000, authorization);
    }
}
