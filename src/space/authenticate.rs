//! `Authenticate`: who sends a request, by the secrets that it shows besides its connection.
//!
//! A secret that is not known refuses its request: nobody is taken for somebody else, or for nobody, instead.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::model::{Caller, HeldToken, ShownSecrets};

/// Finds out who sends a request. The guard does it.
pub trait Authenticate: Send + Sync {
    /// Checks the secrets that a request of this client shows: at once where they are known, since most requests have the same.
    fn check<'a>(&'a self, caller: &'a Caller, secrets: RequestSecrets<'_>) -> Authentication<'a>;
}

/// The secrets that a request shows, as it came.
#[derive(Default)]
pub struct RequestSecrets<'a> {
    /// A token.
    pub token: Option<&'a [u8]>,
    /// A token in a place where only one of a Kubernetes `ServiceAccount` can be.
    pub account_token: Option<&'a [u8]>,
    /// A user and a password.
    pub login: Option<Login>,
}

/// A user and a password.
pub enum Login {
    /// These.
    Password {
        /// The user's name.
        user: Vec<u8>,
        /// The password.
        password: Vec<u8>,
    },
    /// They are not written as their protocol says.
    Unreadable,
}

/// What a request has shown, as far as it is remembered.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The hashes of its secrets.
    pub secrets: ShownSecrets,
    /// Its token, where it is asked about again while the request waits.
    pub held_token: Option<HeldToken>,
}

/// What came of the secrets of a request.
pub enum Authentication<'a> {
    /// They are good.
    Known(Shown),
    /// What comes of them takes time: a password or a token is verified, or a refusal waits.
    Later(Pin<Box<dyn Future<Output = Result<Shown, NotAuthenticated>> + Send + 'a>>),
}

/// Why a request is refused, whatever it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthenticated {
    /// A secret of it is not known, or is not good any more.
    #[error("the token or the password is not known")]
    Unknown,
    /// As many secrets of clients at its address wait to be verified as may.
    #[error("too many passwords or tokens of this client wait to be verified: try again later")]
    TooMany,
    /// Who could say whose its token is does not answer.
    #[error("the token cannot be reviewed now: try again later")]
    Unavailable,
}

impl RequestSecrets<'_> {
    /// Whether the request shows none.
    pub fn is_empty(&self) -> bool {
        self.token.is_none() && self.account_token.is_none() && self.login.is_none()
    }
}

impl fmt::Debug for RequestSecrets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestSecrets")
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl fmt::Debug for Authentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Known(_) => "Known",
            Self::Later(_) => "Later",
        })
    }
}
