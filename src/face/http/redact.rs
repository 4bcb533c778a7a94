//! Redaction of request targets for the log: no stored values, no tokens.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::target::RequestTarget;
use crate::face::go;

/// Parameters whose values are options of a request, never stored data or credentials. All other values are hidden:
/// Consul takes `token` in the query, etcd v2 `value` and `prevValue`.
const SHOWN: [&str; 22] = [
    "cas",
    "consistent",
    "dc",
    "dir",
    "flags",
    "index",
    "keys",
    "pretty",
    "prevExist",
    "prevIndex",
    "quorum",
    "raw",
    "recurse",
    "recursive",
    "refresh",
    "separator",
    "sorted",
    "stale",
    "stream",
    "ttl",
    "wait",
    "waitIndex",
];

/// Beneath it, behind one more segment, Consul's clients write tokens: `/v1/acl/info/TOKEN`.
const TOKENS: &str = "/v1/acl/";

/// The longest part of a path or query that is logged, in characters.
const LONGEST: usize = 256;

/// The path and query of a request without values and secrets, and not too long.
pub(super) fn target(target: &RequestTarget) -> String {
    let RequestTarget { path, query } = target;
    let path = path.get(..path.len().min(4 * LONGEST)).unwrap_or_default();
    let mut text = without_token(path).into_owned();
    if let Some(query) = query {
        text.push('?');
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        // Consul's parameters end at a semicolon, too: what follows one is no part of a value that is shown.
        let parts = query.split(|byte| matches!(byte, b'&' | b';'));
        for (name, value) in parts.flat_map(form_urlencoded::parse) {
            if value.is_empty() || SHOWN.contains(&name.as_ref()) {
                pairs.append_pair(&name, &value);
            } else {
                pairs.append_pair(&name, "hidden");
            }
        }
        text.push_str(&pairs.finish());
    }
    shorten(text)
}

/// The path without the token in it, if there is one, however it is spelled: what a server takes for the same path is cleaned first.
fn without_token(path: &[u8]) -> Cow<'_, str> {
    let decoded: Vec<u8> = percent_decode(path).collect();
    let clean = go::clean_path(&decoded);
    let rest = clean.strip_prefix(TOKENS.as_bytes()).unwrap_or_default();
    match rest.iter().position(|byte| *byte == b'/') {
        Some(end) => {
            let operation = String::from_utf8_lossy(rest.get(..end).unwrap_or_default());
            format!("{TOKENS}{operation}/hidden").into()
        }
        None => String::from_utf8_lossy(path),
    }
}

fn shorten(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(at);
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(uri: &str) -> String {
        target(&RequestTarget::split(&uri.to_owned().into()))
    }

    #[test]
    fn values_and_secrets_are_hidden() {
        assert_eq!(
            shown("/v1/kv/a?token=secret&index=7&recurse="),
            "/v1/kv/a?token=hidden&index=7&recurse="
        );
        assert_eq!(shown("/v2/keys/a?value=secret"), "/v2/keys/a?value=hidden");
        // The name may be written in other ways.
        assert_eq!(shown("/?%74oken=secret"), "/?token=hidden");
        assert_eq!(shown("/?TOKEN=secret"), "/?TOKEN=hidden");
        // So they may be separated in.
        assert_eq!(shown("/?a;token=secret"), "/?a=&token=hidden");
        let shown = shown("/v1/kv/a?index=7;token=secret&dc=a;value=secret");
        assert_eq!(shown, "/v1/kv/a?index=7&token=hidden&dc=a&value=hidden");
    }

    #[test]
    fn a_token_in_the_path_is_hidden_in_every_spelling() {
        for operation in ["info", "destroy", "clone", "token"] {
            for spelling in [
                "/v1/acl/OP/SECRET",
                "/v1//acl/OP//SECRET",
                "//v1/acl/OP/SECRET/",
                "/v1/%61cl/OP/SECRET",
                "/v1%2facl%2FOP%2fSECRET",
                "/v1/acl/OP/SECRET/more",
                "/v1/./acl/x/../OP/SECRET",
                "/v1/acl/OP/SECRET%zz",
            ] {
                let path = spelling.replace("OP", operation);
                let expected = format!("/v1/acl/{operation}/hidden?dc=dc1");
                assert_eq!(shown(&format!("{path}?dc=dc1")), expected, "{path}");
            }
        }
        for path in [
            "/v1/acl/list",
            "/v1/kv/v1/acl/info/x",
            "/v2/keys/v1/acl/a/b",
        ] {
            assert_eq!(shown(path), path);
        }
    }

    #[test]
    fn a_long_target_is_truncated() {
        assert_eq!(shown(&format!("/{}", "a".repeat(9999))).len(), 259);
    }

    proptest! {
        #[test]
        fn no_token_is_ever_shown(
            before in "(index=)?[a-z0-9&=%+;]{0,20}",
            separator in "[&;]",
            after in "([&;][a-z0-9&=%+;]{0,20})?",
        ) {
            let shown = shown(&format!("/?{before}{separator}token=SECRET{after}"));
            prop_assert!(!shown.contains("SECRET"), "{shown}");
        }
    }
}
