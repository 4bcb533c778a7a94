//! `kubekv policy explain`.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use kubekv::guard::policy::{
    BoundQuota, Identity, Policy, Proofs, ProvenAccount, ProvenToken, Rights, Shortfall, Variables,
    Verdict,
};
use kubekv::model::{ClientCertificate, Key, KeyRange, Verb};
use kubekv::space::Coverage;
use kubekv::tls::ClientFiles;

use super::checked_policy::read;
use crate::cli::exit::{CommandError, IO, NO, USAGE};
use crate::cli::kv::print;

/// The options of `kubekv policy explain`.
#[derive(Debug, Args)]
#[command(
    override_usage = "kubekv policy explain [OPTIONS] FILE IDENTITY VERB [KEY]\n       \
                      kubekv policy explain [OPTIONS] --certificate FILE --client-ca FILE FILE VERB [KEY]\n       \
                      kubekv policy explain [OPTIONS] --token NAME FILE VERB [KEY]\n       \
                      kubekv policy explain [OPTIONS] --user NAME FILE VERB [KEY]\n       \
                      kubekv policy explain [OPTIONS] --service-account NAMESPACE/NAME FILE VERB [KEY]",
    after_help = "IDENTITY is a principal of the policy, or anonymous. VERB is read, list, watch, create, write, cas, delete or lock, and \
session, which needs no key. KEY is as Consul's clients write it, without a leading slash."
)]
pub(super) struct Explain {
    /// The policy: in TOML, or a manifest of its objects, whose name ends in .yaml, .yml or .json; or kubernetes:[NAMESPACE], the
    /// objects in a cluster
    file: PathBuf,
    /// The identity, if no proof is given, the verb, and the key
    #[arg(required = true, num_args = 1..=3, value_name = "IDENTITY VERB KEY")]
    words: Vec<String>,
    /// Decide about everything that begins with KEY, as for a list or a recursive delete
    #[arg(long)]
    prefix: bool,
    /// The certificate of a client, in PEM, instead of its identity
    #[arg(long, value_name = "FILE", requires = "client_ca")]
    certificate: Option<PathBuf>,
    /// The authorities that may vouch for the certificate, as the gateway's --tls-client-ca
    #[arg(long, value_name = "FILE", requires = "certificate")]
    client_ca: Option<PathBuf>,
    /// The name of a token of the credentials file, instead of the identity
    #[arg(long, value_name = "NAME", conflicts_with_all = ["certificate", "name", "namespace"])]
    token: Option<String>,
    /// The name of a user of the credentials file, instead of the identity
    #[arg(long, value_name = "NAME", conflicts_with_all = ["certificate", "token", "name", "namespace"])]
    user: Option<String>,
    /// A service account of Kubernetes, as NAMESPACE/NAME, or NAMESPACE/NAME/POD of a token that was made for a pod, instead of the identity
    #[arg(long, value_name = "NAMESPACE/NAME[/POD]", conflicts_with_all = ["certificate", "token", "user", "name", "namespace"])]
    service_account: Option<String>,
    /// Lists of revoked certificates, as the gateway's --tls-crl
    #[arg(long, value_name = "FILE", requires = "certificate")]
    crl: Vec<PathBuf>,
    /// The address of the identity, {ip}; with a proof, the one that its connection comes from
    #[arg(long)]
    ip: Option<IpAddr>,
    /// The name of the identity, {name}, where the principal does not determine it
    #[arg(long, conflicts_with = "certificate")]
    name: Option<String>,
    /// The namespace of the identity, {namespace}, where the principal does not determine it
    #[arg(long, conflicts_with = "certificate")]
    namespace: Option<String>,
}

/// The operation to decide about.
struct Question {
    verb: Verb,
    key: Option<String>,
}

impl Explain {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let policy = read(&self.file)?.policy;
        let mut words = self.words.iter();
        let identity = if let Some(proofs) = self.proofs()? {
            self.bearer(&policy, &proofs)?
        } else {
            let name = words.next().map_or("", String::as_str);
            let variables = self.variables().map_err(usage)?;
            policy.identity_named(name, &variables).map_err(usage)?
        };
        let question = Question::of(&mut words)?;
        let rights = policy.rights(&identity);
        let (allowed, answer) = if self.prefix {
            question.answer_of_tree(&identity, &rights)?
        } else {
            let verdict = question.verdict(&rights);
            let answer = question.answer(&identity, &rights, verdict);
            (verdict.allowed, answer)
        };
        let mut said = who(&identity);
        // Writing to a string does not fail.
        let _never = writeln!(said, "{answer}");
        if !self.prefix {
            let verdict = question.verdict(&rights);
            for quota in question.quotas(&policy.quotas_of(&identity), verdict) {
                let _never = writeln!(said, "{quota}");
            }
        }
        print::bytes(said.as_bytes())?;
        if allowed {
            Ok(())
        } else {
            Err(CommandError {
                code: NO,
                message: None,
            })
        }
    }

    /// What the identity has proved, if that is given.
    fn proofs(&self) -> Result<Option<Proofs>, CommandError> {
        let mut proofs = Proofs::default();
        if let Some(account) = &self.service_account {
            proofs.account = Some(Arc::new(service_account(account)?));
            return Ok(Some(proofs));
        }
        match (&self.certificate, &self.token, &self.user) {
            (None, None, None) => return Ok(None),
            (Some(certificate), ..) => proofs.certificate = Some(self.verified(certificate)?),
            (None, Some(token), _) => {
                proofs.token = Some(ProvenToken {
                    name: token.as_str().into(),
                    accessor: "given".into(),
                });
            }
            (None, None, Some(user)) => proofs.user = Some(user.as_str().into()),
        }
        Ok(Some(proofs))
    }

    fn verified(&self, certificate: &Path) -> Result<Arc<ClientCertificate>, CommandError> {
        let files = ClientFiles {
            authorities: self.client_ca.clone().unwrap_or_default(),
            revoked: self.crl.clone(),
            required: true,
        };
        let certificate = files.verify(certificate);
        certificate.map_err(|error| CommandError::new(IO, error.to_string()))
    }

    fn bearer(&self, policy: &Policy, proofs: &Proofs) -> Result<Identity, CommandError> {
        if self.ip.is_none() && policy.uses_peer() {
            return Err(usage(
                "the policy takes addresses of connections (ip = \"peer\"): give it with --ip"
                    .to_owned(),
            ));
        }
        let peer = self.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Ok(policy.identify(proofs, peer))
    }

    fn variables(&self) -> Result<Variables, String> {
        let mut variables = Variables::default();
        if let Some(name) = &self.name {
            variables = variables.with_name(name)?;
        }
        if let Some(namespace) = &self.namespace {
            variables = variables.with_namespace(namespace)?;
        }
        Ok(match self.ip {
            Some(ip) => variables.with_ip(ip),
            None => variables,
        })
    }
}

impl Question {
    fn of<'a>(words: &mut impl Iterator<Item = &'a String>) -> Result<Self, CommandError> {
        let wrong = |what: &str| usage(format!("{what}: see kubekv policy explain --help"));
        let verb = words.next().ok_or_else(|| wrong("the verb is missing"))?;
        let verb: Verb = verb
            .parse()
            .map_err(|error| usage(format!("'{verb}': {error}")))?;
        let key = words.next().cloned();
        if words.next().is_some() {
            return Err(wrong("a word too many"));
        }
        match (&key, verb == Verb::Session) {
            (Some(_), true) => Err(wrong("session is about no key")),
            (None, false) => Err(wrong("the key is missing")),
            (Some(_), false) | (None, true) => Ok(Self { verb, key }),
        }
    }

    fn bytes(&self) -> &[u8] {
        self.key.as_deref().unwrap_or_default().as_bytes()
    }

    fn verdict<'a>(&self, rights: &'a Rights) -> Verdict<'a> {
        rights.decide(self.verb, self.bytes())
    }

    /// The quotas that may refuse what is allowed: which that is, depends on what is there.
    fn quotas<'q>(&self, bound: &'q [BoundQuota], verdict: Verdict<'_>) -> Vec<&'q BoundQuota> {
        let adds = match self.verb {
            Verb::Create | Verb::Write | Verb::Cas | Verb::Lock => verdict.allowed,
            Verb::Read | Verb::List | Verb::Watch | Verb::Delete | Verb::Session => false,
        };
        let bound = bound.iter().filter(|quota| quota.counts(self.bytes()));
        bound.filter(|_| adds).collect()
    }

    fn answer(&self, identity: &Identity, rights: &Rights, verdict: Verdict<'_>) -> String {
        match (verdict.allowed, verdict.rule) {
            (true, Some(rule)) => format!("allowed by rule '{rule}'"),
            (true, None) => "allowed".to_owned(),
            (false, Some(rule)) => format!("refused: rule '{rule}' denies it"),
            (false, None) if identity.refused.is_some() => {
                "refused: who is not recognized may do nothing".to_owned()
            }
            (false, None) if rights.lacks_read(self.verb, self.bytes()) => {
                let verb = self.verb;
                format!(
                    "refused: a rule allows to {verb} it, but none to read it, which everything needs"
                )
            }
            (false, None) => "refused: no rule allows it".to_owned(),
        }
    }

    /// Of everything that begins with the key: whether it is answered, and how. Of what is listed or watched a part may be.
    fn answer_of_tree(
        &self,
        identity: &Identity,
        rights: &Rights,
    ) -> Result<(bool, String), CommandError> {
        if self.key.is_none() {
            return Err(usage("session is about no key".to_owned()));
        }
        let range = KeyRange::Prefix(Key::user(self.bytes()));
        let Some(Shortfall { at, rule }) = rights.shortfall(self.verb, &range) else {
            return Ok((true, "allowed for all of it".to_owned()));
        };
        if identity.refused.is_some() {
            let nobody = "refused: who is not recognized may do nothing";
            return Ok((false, nobody.to_owned()));
        }
        let at = Key::user(at);
        let why = match rule {
            Some(rule) => format!("rule '{rule}' denies it with '{at}'"),
            None => format!("no rule allows it with '{at}'"),
        };
        let is_shown_in_part = matches!(self.verb, Verb::List | Verb::Watch)
            && rights.covers(self.verb, &range) == Coverage::Part;
        let verdict = if is_shown_in_part {
            "allowed for a part of it"
        } else {
            "refused"
        };
        Ok((is_shown_in_part, format!("{verdict}: {why}")))
    }
}

/// The `ServiceAccount` of this name.
fn service_account(text: &str) -> Result<ProvenAccount, CommandError> {
    let mut parts = text.split('/').map(Arc::from);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(namespace), Some(name), pod, None) => Ok(ProvenAccount {
            namespace,
            name,
            pod,
            credential: None,
        }),
        _ => Err(usage(format!(
            "'{text}' is neither NAMESPACE/NAME nor NAMESPACE/NAME/POD"
        ))),
    }
}

fn who(identity: &Identity) -> String {
    let Identity {
        principal,
        variables,
        proof,
        refused,
    } = identity;
    match refused {
        Some(why) => format!("{proof}: not recognized: {why}\n"),
        None => format!("{principal}{variables}\n"),
    }
}

fn usage(what: String) -> CommandError {
    CommandError::new(USAGE, what)
}
