//! Failures of handshakes, as clients and metrics get them.

use std::io;

use rustls::{CertificateError, Error};

/// Why a handshake ended without a connection.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeFailure<IO> {
    /// The client sent something else than TLS.
    #[error("the client does not speak TLS")]
    NotTls {
        /// The connection, on which nothing was answered.
        io: IO,
        /// Whether it seems to be HTTP.
        http: bool,
    },
    /// The client closed the connection.
    #[error("the client is gone")]
    Gone,
    /// The client sent too little for too long.
    #[error("the client did not finish its handshake in time")]
    Late,
    /// A newer handshake took its place.
    #[error("too many handshakes are unfinished")]
    TooMany,
    /// The client refused this gateway: it trusts another authority, or expects another name.
    #[error("the client refused: {0}")]
    RefusedByClient(String),
    /// The client offers no version, algorithm or protocol that this gateway has.
    #[error("nothing in common with the client: {0}")]
    Incompatible(String),
    /// The client's certificate was refused.
    #[error("the client's certificate was refused: {0}")]
    Certificate(#[from] CertificateRefusal),
    /// The bytes are no handshake.
    #[error("{0}")]
    Protocol(io::Error),
}

/// Why a client's certificate proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefusal {
    /// There is none.
    #[error("it shows none")]
    Missing,
    /// It, or one between it and its authority, or the authority itself, has expired.
    #[error("it has expired")]
    Expired,
    /// One of these is not valid yet.
    #[error("it is not valid yet: it was made for later, or a clock is wrong")]
    NotValidYet,
    /// A list names it, or one between it and its authority.
    #[error("it was revoked")]
    Revoked,
    /// No authority of the bundle vouches for it.
    #[error("no authority of --tls-client-ca vouches for it")]
    UnknownAuthority,
    /// It is not made for clients (extended key usage).
    #[error("it is not for clients (clientAuth)")]
    Purpose,
    /// It cannot be read, or breaks a rule for certificates.
    #[error("it is invalid")]
    Invalid,
}

impl<IO> HandshakeFailure<IO> {
    /// The failure of a handshake.
    pub(super) fn of(error: io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(Error::InvalidCertificate(why)) => Self::Certificate(CertificateRefusal::of(why)),
            Some(Error::NoCertificatesPresented) => Self::Certificate(CertificateRefusal::Missing),
            Some(Error::AlertReceived(alert)) => Self::RefusedByClient(format!("{alert:?}")),
            Some(why @ (Error::PeerIncompatible(_) | Error::NoApplicationProtocol)) => {
                Self::Incompatible(why.to_string())
            }
            Some(_) => Self::Protocol(error),
            None => Self::Gone,
        }
    }

    /// As a label of metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotTls { .. } => "not_tls",
            Self::Gone => "gone",
            Self::Late => "late",
            Self::TooMany => "too_many",
            Self::RefusedByClient(_) => "refused_by_client",
            Self::Incompatible(_) => "incompatible",
            Self::Certificate(why) => why.label(),
            Self::Protocol(_) => "protocol",
        }
    }
}

impl CertificateRefusal {
    pub(super) fn of(error: &CertificateError) -> Self {
        if matches!(error, CertificateError::Expired) {
            Self::Expired
        } else if matches!(error, CertificateError::NotValidYet) {
            Self::NotValidYet
        } else if matches!(error, CertificateError::Revoked) {
            Self::Revoked
        } else if matches!(
            error,
            CertificateError::UnknownIssuer | CertificateError::BadSignature
        ) {
            Self::UnknownAuthority
        } else if matches!(error, CertificateError::InvalidPurpose) {
            Self::Purpose
        } else {
            Self::Invalid
        }
    }

    /// As a label of metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Missing => "certificate_missing",
            Self::Expired => "certificate_expired",
            Self::NotValidYet => "certificate_not_valid_yet",
            Self::Revoked => "certificate_revoked",
            Self::UnknownAuthority => "certificate_unknown_authority",
            Self::Purpose => "certificate_purpose",
            Self::Invalid => "certificate_invalid",
        }
    }
}
