//! Parsers of what anybody can send who reaches a port, and of policies, for `cargo fuzz` (`fuzz/`).

/// Files of credentials, and changes of them.
pub fn credentials(bytes: &[u8]) {
    crate::guard::credentials::fuzz::credentials(bytes);
}

/// Docker's records, and changes of them.
pub fn docker_record(bytes: &[u8]) {
    crate::guard::docker::fuzz::docker_record(bytes);
}

/// Requests of HTTP: heads, bodies, and the checks before a face sees them.
pub fn http(bytes: &[u8]) {
    crate::face::http::http_requests(bytes);
}

/// Whole connections to a face, the next client included.
pub fn connection(bytes: &[u8]) {
    crate::gateway::connection(bytes);
}

/// Policies, and what they allow.
pub fn policy(bytes: &[u8]) {
    crate::guard::policy::fuzz::policy(bytes);
}

/// The PROXY header of a relayed connection.
pub fn proxy_header(bytes: &[u8]) {
    crate::gateway::proxy_header(bytes);
}

/// Secrets of requests, before anybody is asked whose they are.
pub fn request_secrets(bytes: &[u8]) {
    crate::face::authorization(bytes);
    crate::guard::token_review::fuzz::token_claims(bytes);
}

/// Frames of ZooKeeper, the first of a connection included.
pub fn zookeeper(bytes: &[u8]) {
    crate::wire::zookeeper::fuzz::zookeeper_frame(bytes);
}
