//! `Proofs`: what a client has proved, as a policy looks at it.

use std::fmt;
use std::sync::Arc;

use crate::model::{CertificateAuthority, ClientCertificate};

/// What a client has proved. The default has proved nothing.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// The certificate of its connection.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// The token of its request, of the credentials file.
    pub token: Option<ProvenToken>,
    /// The name of the user whose password its request had, of the credentials file.
    pub user: Option<Arc<str>>,
    /// The Kubernetes `ServiceAccount` whose token its request had, as the cluster says.
    pub account: Option<Arc<ProvenAccount>>,
    /// A secret of its request that is not known, or not any more: `token` or `password`.
    pub unknown: Option<&'static str>,
}

/// A token that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenToken {
    /// Its name, by which the policy knows its bearer.
    pub name: Arc<str>,
    /// Its own name, which no other token has.
    pub accessor: Arc<str>,
}

/// A `ServiceAccount`, as the API server of its cluster vouches for a token of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProvenAccount {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The pod that the token was made for, if for one.
    pub pod: Option<Arc<str>>,
    /// The token's own name, which is no secret, where the API server tells it.
    pub credential: Option<Arc<str>>,
}

/// Whose the secrets of a request are, as far as others say so.
///
/// Their word ends or begins while the same policy and the same file are in force. So it is found out each time that somebody asks:
/// nothing that is known outlives it, and nothing is known for want of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VouchedFor {
    /// The `ServiceAccount` that the cluster says.
    pub account: Option<Arc<ProvenAccount>>,
    /// The user whose password was verified.
    pub user: Option<Arc<str>>,
}

impl fmt::Display for ProvenAccount {
    /// `NAMESPACE/NAME`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// One proof, as recognizers look at it.
#[derive(Clone, Copy, Debug)]
pub(super) enum ShownProof<'a> {
    Certificate(&'a ClientCertificate, &'a CertificateAuthority),
    Token(&'a str),
    User(&'a str),
    Account(&'a ProvenAccount),
}

impl ShownProof<'_> {
    /// What it is.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Certificate(..) => "certificate",
            Self::Token(_) => "token",
            Self::User(_) => "password",
            Self::Account(_) => "ServiceAccount's token",
        }
    }
}

impl Proofs {
    /// That of a certificate, or of nothing.
    pub fn of_certificate(certificate: Option<Arc<ClientCertificate>>) -> Self {
        Self {
            certificate,
            ..Self::default()
        }
    }

    /// Whether it has neither proved anything nor tried to.
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            certificate,
            token,
            user,
            account,
            unknown,
        } = self;
        certificate.is_none()
            && token.is_none()
            && user.is_none()
            && account.is_none()
            && unknown.is_none()
    }

    /// What proves who it is, for the audit log.
    pub(super) fn text(&self) -> String {
        let certificate = self.certificate.as_ref().map(|certificate| {
            let ClientCertificate {
                fingerprint,
                authority,
                ..
            } = certificate.as_ref();
            format!("certificate sha256:{fingerprint} of {}", authority.subject)
        });
        let token = self.token.as_ref().map(|token| {
            let ProvenToken { name, accessor } = token;
            format!("token {accessor} of {name}")
        });
        let user = self.user.as_ref().map(|user| format!("password of {user}"));
        let account = self.account.as_ref().map(|account| {
            let pod = account.pod.as_ref().map(|pod| format!(" in pod {pod}"));
            let credential = account.credential.as_ref();
            let credential = credential.map(|credential| format!(", {credential}"));
            let [pod, credential] = [pod, credential].map(Option::unwrap_or_default);
            format!("ServiceAccount {account}{pod}{credential}")
        });
        let unknown = self.unknown.map(|kind| format!("unknown {kind}"));
        let all = [certificate, token, user, account, unknown];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// The name of a principal that no pattern has: it has a space.
    pub(super) fn refused_name(&self) -> String {
        let certificate = self.certificate.as_ref();
        let certificate = certificate.map(|one| format!("sha256:{}", one.fingerprint));
        let token = self.token.as_ref();
        let token = token.map(|token| format!("token {}", token.accessor));
        let user = self.user.as_ref().map(|user| format!("user {user}"));
        let account = self.account.as_ref();
        let account = account.map(|account| format!("ServiceAccount {account}"));
        let unknown = self.unknown.map(|kind| format!("unknown {kind}"));
        let all = [certificate, token, user, account, unknown];
        let all = all.into_iter().flatten();
        format!("refused {}", all.collect::<Vec<_>>().join(", "))
    }
}
