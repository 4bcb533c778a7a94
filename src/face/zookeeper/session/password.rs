//! `SessionPassword`: what proves that a session is a client's. Stores keep its hash.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};

use crate::wire::zookeeper::{ConnectResponse, Secret};

/// The password of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::face::zookeeper) struct SessionPassword(Secret);

impl SessionPassword {
    /// Of random bytes.
    pub(super) fn from_random(bytes: [u8; ConnectResponse::PASSWORD_BYTES]) -> Self {
        Self(Secret(bytes.to_vec()))
    }

    /// That a client sent.
    pub(super) fn of_client(secret: &Secret) -> Self {
        Self(secret.clone())
    }

    /// Its hash, as a store keeps it. The password is random, so that it needs no salt, and comparing hashes reveals nothing.
    pub(super) fn hash(&self) -> String {
        let mut text = String::new();
        for byte in digest(&SHA256, &self.0.0).as_ref() {
            // Writing to a string does not fail.
            let _written = write!(text, "{byte:02x}");
        }
        text
    }

    /// The bytes that the client keeps.
    pub(in crate::face::zookeeper) fn into_secret(self) -> Secret {
        self.0
    }
}
