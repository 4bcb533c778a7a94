//! Recognizers: how a proof names somebody.

use std::net::IpAddr;

use super::error::PolicyPlace;
use super::proofs::{ProvenAccount, ShownProof};
use super::template::{Captured, Template};
use super::variables::{Variable, Variables};
use crate::model::{CertificateAuthority, ClientCertificate};

/// Says who the bearer of a proof is, if who vouches for it may.
#[derive(Clone, Debug)]
pub(super) struct Recognizer {
    pub(super) place: PolicyPlace,
    pub(super) source: ProofSource,
    /// The form of the one name in the proof.
    pub(super) name: Template,
    pub(super) principal: Template,
    pub(super) address: Option<AddressSource>,
}

/// The proofs that a recognizer looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProofSource {
    /// Certificates of an authority, by one of their fields.
    Certificate(AuthorityName, CertificateField),
    /// Tokens of the credentials file.
    Token,
    /// Users of the credentials file.
    User,
    /// `ServiceAccount`s of a Kubernetes cluster.
    Account(AccountField),
}

/// What of a `ServiceAccount` names its bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccountField {
    /// `NAMESPACE/NAME`.
    ServiceAccount,
    /// `NAMESPACE/NAME/POD`, of tokens that were made for a pod.
    Pod,
}

/// How a policy names an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AuthorityName {
    /// By its subject, as RFC 4514 writes it.
    Subject(String),
    /// By the SHA-256 of its certificate, in small hexadecimal digits.
    Fingerprint(String),
}

/// The field of a certificate that names its bearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CertificateField {
    CommonName,
    Dns,
    Ip,
    Spiffe,
}

/// Where `{ip}` comes from, if not from the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressSource {
    /// The one address in the certificate.
    Certificate,
    /// The address the connection came from.
    Peer,
}

/// Who the bearer of a proof is, by one recognizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Recognized {
    /// The proof does not concern it.
    Not,
    /// It does, but the proof does not say clearly who its bearer is; why.
    Refused(String),
    /// The name of the principal, and what was filled in.
    As(String, Variables),
}

impl AuthorityName {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(digits) = text.strip_prefix("sha256:") {
            let digits = digits.replace(':', "").to_ascii_lowercase();
            let good = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            return good
                .then_some(Self::Fingerprint(digits))
                .ok_or_else(|| "sha256: has 64 hexadecimal digits, as openssl x509 -fingerprint -sha256 prints them".to_owned());
        }
        if !text.contains('=') {
            return Err("an authority is its subject, such as \"CN=nodes, O=example\", or sha256: and its fingerprint".to_owned());
        }
        Ok(Self::Subject(even_spaces(text)))
    }

    /// Whether it names an authority, whose subject has even spaces.
    fn is(&self, authority: &CertificateAuthority) -> bool {
        match self {
            Self::Subject(subject) => *subject == authority.subject,
            Self::Fingerprint(digits) => *digits == authority.fingerprint,
        }
    }
}

/// A subject whose parts have one space between them, as the certificate's own may not have.
pub(super) fn even_spaces(subject: &str) -> String {
    let parts: Vec<&str> = subject.split(',').map(str::trim).collect();
    parts.join(", ")
}

impl CertificateField {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "cn" => Some(Self::CommonName),
            "dns" => Some(Self::Dns),
            "ip" => Some(Self::Ip),
            "spiffe" => Some(Self::Spiffe),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::CommonName => "common name",
            Self::Dns => "DNS name",
            Self::Ip => "IP address",
            Self::Spiffe => "URI",
        }
    }

    /// What no variable in such a field holds.
    pub(super) fn separator(self) -> Option<char> {
        match self {
            Self::CommonName | Self::Ip => None,
            Self::Dns => Some('.'),
            Self::Spiffe => Some('/'),
        }
    }

    fn values(self, certificate: &ClientCertificate) -> Vec<String> {
        match self {
            Self::CommonName => certificate.common_names.clone(),
            // Case means nothing in DNS, and would make two names of one.
            Self::Dns => certificate
                .dns_names
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
            Self::Ip => addresses(certificate)
                .iter()
                .map(ToString::to_string)
                .collect(),
            Self::Spiffe => certificate.uris.clone(),
        }
    }
}

fn addresses(certificate: &ClientCertificate) -> Vec<IpAddr> {
    certificate
        .ip_addresses
        .iter()
        .map(IpAddr::to_canonical)
        .collect()
}

impl AccountField {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "service-account" => Some(Self::ServiceAccount),
            "pod" => Some(Self::Pod),
            _ => None,
        }
    }

    /// The parts of such a name.
    pub(super) fn parts(self) -> &'static [&'static str] {
        match self {
            Self::ServiceAccount => &["NAMESPACE", "NAME"],
            Self::Pod => &["NAMESPACE", "NAME", "POD"],
        }
    }

    fn values(self, account: &ProvenAccount) -> Vec<String> {
        match (self, &account.pod) {
            (Self::ServiceAccount, _) => vec![account.to_string()],
            (Self::Pod, Some(pod)) => vec![format!("{account}/{pod}")],
            (Self::Pod, None) => Vec::new(),
        }
    }
}

impl ProofSource {
    /// What no variable in such a name holds.
    pub(super) fn separator(&self) -> Option<char> {
        match self {
            Self::Certificate(_, field) => field.separator(),
            Self::Token | Self::User => None,
            Self::Account(_) => Some('/'),
        }
    }

    /// What such a name is called.
    fn name(&self) -> &'static str {
        match self {
            Self::Certificate(_, field) => field.name(),
            Self::Token | Self::User | Self::Account(_) => "name",
        }
    }

    /// The names in a proof that concern this source; `None` of another's.
    fn values(&self, proof: ShownProof<'_>) -> Option<Vec<String>> {
        match (self, proof) {
            (Self::Certificate(name, field), ShownProof::Certificate(certificate, authority)) => {
                name.is(authority).then(|| field.values(certificate))
            }
            (Self::Token, ShownProof::Token(name)) | (Self::User, ShownProof::User(name)) => {
                Some(vec![name.to_owned()])
            }
            (Self::Account(field), ShownProof::Account(account)) => Some(field.values(account)),
            (Self::Certificate(..) | Self::Token | Self::User | Self::Account(_), _) => None,
        }
    }
}

impl Recognizer {
    /// Who has this proof.
    pub(super) fn recognize(&self, proof: ShownProof<'_>, peer: IpAddr) -> Recognized {
        let Some(values) = self.source.values(proof) else {
            return Recognized::Not;
        };
        let captured = |value: &String| self.name.capture(value, self.source.separator());
        let mut captured = values
            .iter()
            .map(captured)
            .filter(|captured| *captured != Captured::Different);
        let Some(first) = captured.next() else {
            return Recognized::Not;
        };
        if values.len() > 1 {
            let (count, field) = (values.len(), self.source.name());
            return Recognized::Refused(format!("it has {count} {field}s, and one is wanted"));
        }
        match first {
            Captured::Different => Recognized::Not,
            Captured::Bad(why) => Recognized::Refused(why),
            Captured::Fits(variables) => self.named(variables, proof, peer),
        }
    }

    fn named(&self, variables: Variables, proof: ShownProof<'_>, peer: IpAddr) -> Recognized {
        let in_certificate = match proof {
            ShownProof::Certificate(certificate, _) => addresses(certificate),
            ShownProof::Token(_) | ShownProof::User(_) | ShownProof::Account(_) => Vec::new(),
        };
        let variables = match self.address {
            None => variables,
            Some(AddressSource::Peer) => variables.with_ip(peer),
            Some(AddressSource::Certificate) => match in_certificate.as_slice() {
                [address] => variables.with_ip(*address),
                all => {
                    let count = all.len();
                    return Recognized::Refused(format!(
                        "it has {count} IP addresses, and one is wanted"
                    ));
                }
            },
        };
        match self.principal.fill(&variables) {
            Some(name) if name == super::pattern::ANONYMOUS => {
                Recognized::Refused(format!("nobody is called '{name}'"))
            }
            Some(name) => Recognized::As(name, variables),
            None => Recognized::Refused("the name of its principal cannot be filled in".to_owned()),
        }
    }

    /// The variables of the principal of this name, if a proof can give it; `given` are those that the name does not tell.
    pub(super) fn bearer(&self, name: &str, given: &Variables) -> Option<Variables> {
        let Captured::Fits(told) = self.principal.capture(name, None) else {
            return None;
        };
        let mut variables = told.or(given.clone());
        // It has no others than those that it fills in.
        for variable in Variable::ALL {
            if !self.variables().contains(&variable) {
                variables.clear(variable);
            }
        }
        (self.principal.fill(&variables)? == name).then_some(variables)
    }

    /// What it fills in.
    pub(super) fn variables(&self) -> Vec<Variable> {
        let address = self.address.map(|_| Variable::Ip);
        self.name.variables().chain(address).collect()
    }
}
