//! Routing table: the paths and methods of every endpoint of Consul 1.8.7.

use std::collections::HashMap;
use std::sync::LazyLock;

/// An endpoint of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `/v1/kv/KEY`
    Kv,
    /// `/v1/txn`
    Txn,
    /// `/v1/session/create`
    SessionCreate,
    /// `/v1/session/destroy/ID`
    SessionDestroy,
    /// `/v1/session/renew/ID`
    SessionRenew,
    /// `/v1/session/info/ID`
    SessionInfo,
    /// `/v1/session/node/NODE`
    SessionNode,
    /// `/v1/session/list`
    SessionList,
    /// `/v1/agent/self`
    AgentSelf,
    /// `/v1/agent/members`
    AgentMembers,
    /// `/v1/agent/checks`
    AgentChecks,
    /// `/v1/agent/services`
    AgentServices,
    /// `/v1/status/leader`
    StatusLeader,
    /// `/v1/status/peers`
    StatusPeers,
    /// `/v1/catalog/datacenters`
    CatalogDatacenters,
    /// `/v1/catalog/nodes`
    CatalogNodes,
    /// `/v1/catalog/node/NODE`
    CatalogNode,
    /// `/v1/catalog/services`
    CatalogServices,
    /// `/v1/catalog/service/SERVICE`
    CatalogService,
    /// `/v1/health/node/NODE`
    HealthNode,
    /// `/v1/health/state/STATE`
    HealthState,
    /// `/v1/health/checks/SERVICE`
    HealthChecks,
    /// `/v1/health/service/SERVICE`
    HealthService,
    /// `/v1/acl/...`, which Consul itself refuses where access control is off.
    Acl,
    /// An endpoint that Consul has and kubekv has not.
    Unsupported,
}

/// One row: pattern, methods, endpoint. A pattern that ends in a slash matches every path that begins with it; any
/// other matches that path alone. No methods means that Consul leaves the check of methods to the endpoint.
type Row = (&'static str, &'static [&'static str], Endpoint);

const GET: &[&str] = &["GET"];
const PUT: &[&str] = &["PUT"];
const POST: &[&str] = &["POST"];
const GET_PUT: &[&str] = &["GET", "PUT"];
const GET_POST: &[&str] = &["GET", "POST"];
const CRUD: &[&str] = &["GET", "PUT", "DELETE"];

const ROWS: &[Row] = {
    use Endpoint as E;
    &[
        ("/v1/kv/", CRUD, E::Kv),
        ("/v1/txn", PUT, E::Txn),
        ("/v1/session/create", PUT, E::SessionCreate),
        ("/v1/session/destroy/", PUT, E::SessionDestroy),
        ("/v1/session/renew/", PUT, E::SessionRenew),
        ("/v1/session/info/", GET, E::SessionInfo),
        ("/v1/session/node/", GET, E::SessionNode),
        ("/v1/session/list", GET, E::SessionList),
        ("/v1/agent/self", GET, E::AgentSelf),
        ("/v1/agent/members", GET, E::AgentMembers),
        ("/v1/agent/checks", GET, E::AgentChecks),
        ("/v1/agent/services", GET, E::AgentServices),
        ("/v1/status/leader", GET, E::StatusLeader),
        ("/v1/status/peers", GET, E::StatusPeers),
        ("/v1/catalog/datacenters", GET, E::CatalogDatacenters),
        ("/v1/catalog/nodes", GET, E::CatalogNodes),
        ("/v1/catalog/node/", GET, E::CatalogNode),
        ("/v1/catalog/services", GET, E::CatalogServices),
        ("/v1/catalog/service/", GET, E::CatalogService),
        ("/v1/health/node/", GET, E::HealthNode),
        ("/v1/health/state/", GET, E::HealthState),
        ("/v1/health/checks/", GET, E::HealthChecks),
        ("/v1/health/service/", GET, E::HealthService),
        ("/v1/acl/bootstrap", PUT, E::Acl),
        ("/v1/acl/create", PUT, E::Acl),
        ("/v1/acl/update", PUT, E::Acl),
        ("/v1/acl/destroy/", PUT, E::Acl),
        ("/v1/acl/info/", GET, E::Acl),
        ("/v1/acl/clone/", PUT, E::Acl),
        ("/v1/acl/list", GET, E::Acl),
        ("/v1/acl/login", POST, E::Acl),
        ("/v1/acl/logout", POST, E::Acl),
        ("/v1/acl/replication", GET, E::Acl),
        ("/v1/acl/policies", GET, E::Acl),
        ("/v1/acl/policy", PUT, E::Acl),
        ("/v1/acl/policy/", CRUD, E::Acl),
        ("/v1/acl/policy/name/", GET, E::Acl),
        ("/v1/acl/roles", GET, E::Acl),
        ("/v1/acl/role", PUT, E::Acl),
        ("/v1/acl/role/name/", GET, E::Acl),
        ("/v1/acl/role/", CRUD, E::Acl),
        ("/v1/acl/binding-rules", GET, E::Acl),
        ("/v1/acl/binding-rule", PUT, E::Acl),
        ("/v1/acl/binding-rule/", CRUD, E::Acl),
        ("/v1/acl/auth-methods", GET, E::Acl),
        ("/v1/acl/auth-method", PUT, E::Acl),
        ("/v1/acl/auth-method/", CRUD, E::Acl),
        ("/v1/acl/rules/translate", POST, E::Acl),
        ("/v1/acl/rules/translate/", GET, E::Acl),
        ("/v1/acl/tokens", GET, E::Acl),
        ("/v1/acl/token", PUT, E::Acl),
        ("/v1/acl/token/self", GET, E::Acl),
        ("/v1/acl/token/", CRUD, E::Acl),
        ("/v1/agent/token/", PUT, E::Unsupported),
        ("/v1/agent/host", GET, E::Unsupported),
        ("/v1/agent/maintenance", PUT, E::Unsupported),
        ("/v1/agent/reload", PUT, E::Unsupported),
        ("/v1/agent/monitor", GET, E::Unsupported),
        ("/v1/agent/metrics", GET, E::Unsupported),
        ("/v1/agent/service/", GET, E::Unsupported),
        ("/v1/agent/join/", PUT, E::Unsupported),
        ("/v1/agent/leave", PUT, E::Unsupported),
        ("/v1/agent/force-leave/", PUT, E::Unsupported),
        ("/v1/agent/health/service/id/", GET, E::Unsupported),
        ("/v1/agent/health/service/name/", GET, E::Unsupported),
        ("/v1/agent/check/register", PUT, E::Unsupported),
        ("/v1/agent/check/deregister/", PUT, E::Unsupported),
        ("/v1/agent/check/pass/", PUT, E::Unsupported),
        ("/v1/agent/check/warn/", PUT, E::Unsupported),
        ("/v1/agent/check/fail/", PUT, E::Unsupported),
        ("/v1/agent/check/update/", PUT, E::Unsupported),
        ("/v1/agent/connect/authorize", POST, E::Unsupported),
        ("/v1/agent/connect/ca/roots", GET, E::Unsupported),
        ("/v1/agent/connect/ca/leaf/", GET, E::Unsupported),
        ("/v1/agent/service/register", PUT, E::Unsupported),
        ("/v1/agent/service/deregister/", PUT, E::Unsupported),
        ("/v1/agent/service/maintenance/", PUT, E::Unsupported),
        ("/v1/catalog/register", PUT, E::Unsupported),
        ("/v1/catalog/connect/", GET, E::Unsupported),
        ("/v1/catalog/deregister", PUT, E::Unsupported),
        ("/v1/catalog/node-services/", GET, E::Unsupported),
        ("/v1/catalog/gateway-services/", GET, E::Unsupported),
        ("/v1/config/", &["GET", "DELETE"], E::Unsupported),
        ("/v1/config", PUT, E::Unsupported),
        ("/v1/connect/ca/configuration", GET_PUT, E::Unsupported),
        ("/v1/connect/ca/roots", GET, E::Unsupported),
        ("/v1/connect/intentions", GET_POST, E::Unsupported),
        ("/v1/connect/intentions/match", GET, E::Unsupported),
        ("/v1/connect/intentions/check", GET, E::Unsupported),
        ("/v1/connect/intentions/", CRUD, E::Unsupported),
        ("/v1/coordinate/datacenters", GET, E::Unsupported),
        ("/v1/coordinate/nodes", GET, E::Unsupported),
        ("/v1/coordinate/node/", GET, E::Unsupported),
        ("/v1/coordinate/update", PUT, E::Unsupported),
        ("/v1/internal/federation-states", GET, E::Unsupported),
        (
            "/v1/internal/federation-states/mesh-gateways",
            GET,
            E::Unsupported,
        ),
        ("/v1/internal/federation-state/", GET, E::Unsupported),
        ("/v1/discovery-chain/", GET_POST, E::Unsupported),
        ("/v1/event/fire/", PUT, E::Unsupported),
        ("/v1/event/list", GET, E::Unsupported),
        ("/v1/health/connect/", GET, E::Unsupported),
        ("/v1/health/ingress/", GET, E::Unsupported),
        ("/v1/internal/ui/nodes", GET, E::Unsupported),
        ("/v1/internal/ui/node/", GET, E::Unsupported),
        ("/v1/internal/ui/services", GET, E::Unsupported),
        (
            "/v1/internal/ui/gateway-services-nodes/",
            GET,
            E::Unsupported,
        ),
        ("/v1/internal/acl/authorize", POST, E::Acl),
        ("/v1/operator/raft/configuration", GET, E::Unsupported),
        ("/v1/operator/raft/peer", &["DELETE"], E::Unsupported),
        (
            "/v1/operator/keyring",
            &["GET", "POST", "PUT", "DELETE"],
            E::Unsupported,
        ),
        (
            "/v1/operator/autopilot/configuration",
            GET_PUT,
            E::Unsupported,
        ),
        ("/v1/operator/autopilot/health", GET, E::Unsupported),
        ("/v1/query", GET_POST, E::Unsupported),
        ("/v1/query/", &[], E::Unsupported),
        ("/v1/snapshot", GET_PUT, E::Unsupported),
    ]
};

/// The endpoint that a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route<'a> {
    /// Its pattern in the table.
    pub(super) pattern: &'static str,
    /// The methods it takes; empty where the endpoint checks them itself.
    pub(super) methods: &'static [&'static str],
    /// The endpoint.
    pub(super) endpoint: Endpoint,
    /// The path after the pattern.
    pub(super) rest: &'a [u8],
}

/// The longest pattern, in bytes: a lookup looks at no more of a path, however long it is.
const MAX_PATTERN: usize = 64;

/// The rows by their patterns.
static BY_PATTERN: LazyLock<HashMap<&'static [u8], &'static Row>> =
    LazyLock::new(|| ROWS.iter().map(|row| (row.0.as_bytes(), row)).collect());

impl<'a> Route<'a> {
    /// The route of a clean path: the longest pattern that matches, as in Go's multiplexer.
    pub(super) fn of(path: &'a [u8]) -> Option<Self> {
        if let Some(row) = BY_PATTERN.get(path) {
            return Some(Self::new(row, b""));
        }
        let within = path.get(..MAX_PATTERN.min(path.len())).unwrap_or(path);
        let slashes = within.iter().enumerate().rev();
        let mut ends = slashes.filter_map(|(at, byte)| (*byte == b'/').then_some(at + 1));
        ends.find_map(|end| {
            let (pattern, rest) = path.split_at_checked(end)?;
            Some(Self::new(BY_PATTERN.get(pattern)?, rest))
        })
    }

    /// The pattern that a clean path lacks only the slash at its end to match.
    pub(super) fn missing_slash(path: &[u8]) -> Option<&'static str> {
        if path.len() >= MAX_PATTERN {
            return None;
        }
        Some(BY_PATTERN.get(&[path, b"/"].concat()[..])?.0)
    }

    fn new((pattern, methods, endpoint): &'static Row, rest: &'a [u8]) -> Self {
        Self {
            pattern,
            methods,
            endpoint: *endpoint,
            rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(path: &str) -> Option<(&'static str, &[u8])> {
        Route::of(path.as_bytes()).map(|route| (route.pattern, route.rest))
    }

    #[test]
    fn longest_pattern_wins() {
        assert_eq!(pattern("/v1/kv/a/b"), Some(("/v1/kv/", &b"a/b"[..])));
        assert_eq!(pattern("/v1/kv/"), Some(("/v1/kv/", &b""[..])));
        assert_eq!(
            pattern("/v1/acl/policy"),
            Some(("/v1/acl/policy", &b""[..]))
        );
        assert_eq!(
            pattern("/v1/acl/policy/name/x"),
            Some(("/v1/acl/policy/name/", &b"x"[..]))
        );
        assert_eq!(pattern("/v1/session/list/"), None);
        assert_eq!(pattern("/v1/kvs"), None);
        let deep = format!("/v1/kv/{}", "a/".repeat(100_000));
        assert_eq!(pattern(&deep).unwrap().0, "/v1/kv/");
        assert_eq!(pattern("/"), None);
    }

    #[test]
    fn a_path_without_its_slash_is_no_endpoint() {
        for (path, missing) in [
            ("/v1/kv", Some("/v1/kv/")),
            ("/v1/session/info", Some("/v1/session/info/")),
            ("/v1/kvs", None),
            ("/v1/session/list", None),
            ("", None),
        ] {
            assert_eq!(Route::missing_slash(path.as_bytes()), missing, "{path}");
            assert!(missing.is_none() || pattern(path).is_none(), "{path}");
        }
        let long = "/a".repeat(500_000);
        assert_eq!(Route::missing_slash(long.as_bytes()), None);
    }

    /// What an endpoint asks of the rights of its caller.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Decision {
        /// For each key or prefix, by its verb.
        Keys,
        /// For sessions; lists show those that may be seen.
        Sessions,
        /// Nothing: it shows the gateway itself, and no key.
        Open,
        /// It does nothing.
        Refused,
    }

    /// A new endpoint needs a row here, and a test in `tests/policy` where it asks for something.
    fn decision(endpoint: Endpoint) -> Decision {
        match endpoint {
            Endpoint::Kv | Endpoint::Txn => Decision::Keys,
            Endpoint::SessionCreate
            | Endpoint::SessionDestroy
            | Endpoint::SessionRenew
            | Endpoint::SessionInfo
            | Endpoint::SessionNode
            | Endpoint::SessionList => Decision::Sessions,
            Endpoint::AgentSelf
            | Endpoint::AgentMembers
            | Endpoint::AgentChecks
            | Endpoint::AgentServices
            | Endpoint::StatusLeader
            | Endpoint::StatusPeers
            | Endpoint::CatalogDatacenters
            | Endpoint::CatalogNodes
            | Endpoint::CatalogNode
            | Endpoint::CatalogServices
            | Endpoint::CatalogService
            | Endpoint::HealthNode
            | Endpoint::HealthState
            | Endpoint::HealthChecks
            | Endpoint::HealthService => Decision::Open,
            Endpoint::Acl | Endpoint::Unsupported => Decision::Refused,
        }
    }

    #[test]
    fn every_endpoint_and_method_has_a_decision() {
        for (pattern, methods, endpoint) in ROWS {
            let writes = methods.iter().any(|method| *method != "GET");
            // What is open changes nothing.
            assert!(
                decision(*endpoint) != Decision::Open || !writes,
                "{pattern}"
            );
            assert!(
                !methods.is_empty() || decision(*endpoint) == Decision::Refused,
                "{pattern}"
            );
        }
    }

    #[test]
    fn patterns_are_unique_and_short() {
        let mut patterns: Vec<_> = ROWS.iter().map(|row| row.0).collect();
        patterns.sort_unstable();
        patterns.dedup();
        assert_eq!(patterns.len(), ROWS.len());
        assert!(patterns.iter().all(|pattern| pattern.len() <= MAX_PATTERN));
    }
}
