//! Fuzz target of what is read of a token before anybody vouches for it: any bytes have the form of one, or have not.

use super::account_name;
use super::claims::TokenClaims;

/// Reads what a token says of itself.
pub(crate) fn token_claims(bytes: &[u8]) {
    let Some(claims) = TokenClaims::of(bytes) else {
        return;
    };
    assert!(account_name::split(&claims.subject).is_some(), "{claims:?}");
    assert_eq!(claims.expires_ms % 1000, 0);
    let is_of_jwt = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    assert!(
        bytes.iter().all(is_of_jwt),
        "it is shown to the API server as it is"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn any_token_says_whose_it_is_or_is_none() {
        let seeds = fuzz::seeds("request_secrets");
        assert!(seeds.iter().any(|seed| TokenClaims::of(seed).is_some()));
        fuzz::run(&seeds, 20_000, token_claims);
    }
}
