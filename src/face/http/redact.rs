//! Redaction of request targets for the log: no stored values, no tokens.

use super::target::RequestTarget;

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

/// The longest part of a path or query that is logged, in characters.
const LONGEST: usize = 256;

/// The path and query of a request without values and secrets, and not too long.
pub(super) fn target(target: &RequestTarget) -> String {
    let RequestTarget { path, query } = target;
    let path = path.get(..path.len().min(4 * LONGEST)).unwrap_or_default();
    let mut text = String::from_utf8_lossy(path).into_owned();
    if let Some(query) = query {
        text.push('?');
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(query) {
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
        assert_eq!(shown("/?a;token=secret"), "/?a%3Btoken=hidden");
    }

    #[test]
    fn a_long_target_is_truncated() {
        assert_eq!(shown(&format!("/{}", "a".repeat(9999))).len(), 259);
    }

    proptest! {
        #[test]
        fn no_token_is_ever_shown(before in "[a-z0-9&=%+;]{0,20}", after in "(&[a-z0-9&=%+;]{0,20})?") {
            let shown = shown(&format!("/?{before}&token=SECRET{after}"));
            prop_assert!(!shown.contains("SECRET"), "{shown}");
        }
    }
}
