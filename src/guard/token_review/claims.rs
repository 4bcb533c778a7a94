//! `TokenClaims`: what a token says of itself, before anybody vouches for it.
//!
//! Nothing is allowed by it: it keeps from the API server what it would refuse anyway, and ends what was accepted when the token ends.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::account_name;

/// What a projected token of a `ServiceAccount` says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenClaims {
    /// Whose it says it is, as the name of a user.
    pub(super) subject: String,
    audiences: Vec<String>,
    /// When it ends, in milliseconds since 1970.
    pub(super) expires_ms: i64,
}

#[derive(Deserialize)]
struct ClaimsBody {
    sub: String,
    aud: Audiences,
    exp: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Several(Vec<String>),
}

impl TokenClaims {
    /// What a token says, if it has the form of a `ServiceAccount`'s: a JWT with an audience and an end. The tokens of Secrets have
    /// neither.
    pub(crate) fn of(token: &[u8]) -> Option<Self> {
        let mut parts = token.split(|byte| *byte == b'.');
        let [head, body, signature] = [parts.next()?, parts.next()?, parts.next()?];
        if parts.next().is_some() || signature.is_empty() {
            return None;
        }
        URL_SAFE_NO_PAD.decode(signature).ok()?;
        let head = URL_SAFE_NO_PAD.decode(head).ok()?;
        let _is_object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(&head).ok()?;
        let body = URL_SAFE_NO_PAD.decode(body).ok()?;
        let ClaimsBody { sub, aud, exp } = serde_json::from_slice(&body).ok()?;
        account_name::split(&sub)?;
        Some(Self {
            subject: sub,
            audiences: match aud {
                Audiences::One(audience) => vec![audience],
                Audiences::Several(audiences) => audiences,
            },
            expires_ms: exp.checked_mul(1000)?,
        })
    }

    /// Whether it is for this audience.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        self.audiences.iter().any(|one| one == audience)
    }
}

#[cfg(test)]
pub(in crate::guard) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A token that says this, and that nobody signed.
    pub(in crate::guard) fn unsigned(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(claims))
    }

    const CART: &str = "system:serviceaccount:shop:cart";

    #[test]
    fn a_projected_token_says_whose_it_is_for_whom_and_until_when() {
        for aud in [json!("kubekv"), json!(["other", "kubekv"])] {
            let token = unsigned(&json!({"sub": CART, "aud": aud, "exp": 7, "iss": "x"}));
            let claims = TokenClaims::of(token.as_bytes()).unwrap();
            assert_eq!((claims.subject.as_str(), claims.expires_ms), (CART, 7_000));
            assert!(claims.is_for("kubekv") && !claims.is_for("kube"));
        }
    }

    #[test]
    fn other_tokens_are_none() {
        let good = json!({"sub": CART, "aud": ["kubekv"], "exp": 7});
        let token = unsigned(&good);
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            unsigned(&claims)
        };
        for other in [
            String::new(),
            "..".to_owned(),
            "a.b.c".to_owned(),
            "11111111-0000-4000-8000-000000000001".to_owned(),
            format!("{token}.x"),
            token.replace(".c2ln", "."),
            token.replace(".c2ln", ".c2ln="),
            token.replace(".c2ln", ""),
            with("sub", json!("admin")),
            with("sub", json!(7)),
            with("aud", Value::Null),
            with("aud", json!([7])),
            with("exp", Value::Null),
            with("exp", json!("7")),
            with("exp", json!(i64::MAX)),
            unsigned(&json!([])),
            unsigned(&json!({})),
        ] {
            assert_eq!(TokenClaims::of(other.as_bytes()), None, "{other}");
        }
        assert!(TokenClaims::of(token.as_bytes()).is_some());
    }
}
