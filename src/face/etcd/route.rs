//! Routing: the endpoint that a path leads to.

/// An endpoint of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `/v2/keys` and all beneath
    Keys,
    /// `/v2/members` and all beneath
    Members,
    /// `/v2/machines`
    Machines,
    /// `/v2/stats/self`
    StatsSelf,
    /// `/v2/stats/store`
    StatsStore,
    /// `/v2/stats/leader`
    StatsLeader,
    /// Beneath `/v2/auth/`
    Auth,
    /// `/version`
    Version,
    /// `/health`
    Health,
    /// The JSON gateway of the v3 API.
    V3,
}

/// The endpoint that a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route<'a> {
    /// The endpoint.
    pub(super) endpoint: Endpoint,
    /// The path after the endpoint's own, without the slash between; of a key also without the slash at its end.
    pub(super) rest: &'a [u8],
}

impl<'a> Route<'a> {
    /// The route of a clean path.
    pub(super) fn of(path: &'a [u8]) -> Option<Self> {
        let exact = match path {
            b"/v2/machines" => Some(Endpoint::Machines),
            b"/v2/stats/self" => Some(Endpoint::StatsSelf),
            b"/v2/stats/store" => Some(Endpoint::StatsStore),
            b"/v2/stats/leader" => Some(Endpoint::StatsLeader),
            b"/version" => Some(Endpoint::Version),
            b"/health" => Some(Endpoint::Health),
            _ => None,
        };
        if let Some(endpoint) = exact {
            return Some(Self::new(endpoint, b""));
        }
        if let Some(key) = beneath(path, b"/v2/keys") {
            let key = key.strip_suffix(b"/").unwrap_or(key);
            return Some(Self::new(Endpoint::Keys, key));
        }
        if let Some(member) = beneath(path, b"/v2/members") {
            return Some(Self::new(Endpoint::Members, member));
        }
        if let Some(rest) = path.strip_prefix(b"/v2/auth/") {
            return Some(Self::new(Endpoint::Auth, rest));
        }
        let v3 = [&b"/v3"[..], b"/v3beta", b"/v3alpha"];
        v3.iter()
            .find_map(|prefix| beneath(path, prefix))
            .map(|rest| Self::new(Endpoint::V3, rest))
    }

    fn new(endpoint: Endpoint, rest: &'a [u8]) -> Self {
        Self { endpoint, rest }
    }
}

/// The path after `prefix` and a slash; empty where the path is `prefix` itself.
fn beneath<'a>(path: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(prefix)?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix(b"/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str) -> Option<(Endpoint, &[u8])> {
        Route::of(path.as_bytes()).map(|route| (route.endpoint, route.rest))
    }

    /// Whether an endpoint asks for rights: by key, `Some(true)`; it shows no key and changes nothing, `Some(false)`; it
    /// refuses whatever would change something, `None`. A new endpoint needs a row here, and a test in `tests/policy` where it
    /// asks for something.
    fn asks(endpoint: Endpoint) -> Option<bool> {
        match endpoint {
            Endpoint::Keys => Some(true),
            Endpoint::Machines
            | Endpoint::StatsSelf
            | Endpoint::StatsStore
            | Endpoint::StatsLeader
            | Endpoint::Version
            | Endpoint::Health => Some(false),
            Endpoint::Members | Endpoint::Auth | Endpoint::V3 => None,
        }
    }

    #[test]
    fn every_endpoint_has_a_decision() {
        let of = |path: &str| asks(Route::of(path.as_bytes()).unwrap().endpoint);
        for path in ["/v2/keys", "/v2/keys/", "/v2/keys/a//b", "/v2/keys/../a"] {
            assert_eq!(of(path), Some(true), "{path}");
        }
        assert_eq!(of("/v2/stats/store"), Some(false));
        assert_eq!(of("/v2/auth/enable"), None);
    }

    #[test]
    fn only_whole_segments_match() {
        assert_eq!(route("/v2/keys"), Some((Endpoint::Keys, &b""[..])));
        assert_eq!(route("/v2/keys/a/b/"), Some((Endpoint::Keys, &b"a/b"[..])));
        assert_eq!(route("/v2/keysa"), None);
        assert_eq!(route("/v2/machines/"), None);
        assert_eq!(
            route("/v2/members/leader"),
            Some((Endpoint::Members, &b"leader"[..]))
        );
        assert_eq!(route("/v2/auth"), None);
        assert_eq!(
            route("/v3/kv/range"),
            Some((Endpoint::V3, &b"kv/range"[..]))
        );
        assert_eq!(route("/"), None);
    }
}
