//! Identification of clients: what the recognizers make of what they have proved.

use std::net::IpAddr;

use super::proofs::{Proofs, ShownProof};
use super::recognizer::{Recognized, even_spaces};
use super::{Identity, Policy, Variables, pattern};
use crate::model::{CertificateAuthority, Principal};

/// The name of a principal, and what was filled in.
type Named = (String, Variables);

impl Policy {
    /// Who a client is that proved this, and whose connection came from this address.
    pub fn identify(&self, proofs: &Proofs, peer: IpAddr) -> Identity {
        if proofs.is_empty() {
            return Identity {
                principal: Principal::Anonymous,
                variables: Variables::default(),
                proof: pattern::ANONYMOUS.to_owned(),
                refused: None,
            };
        }
        let proof = proofs.text();
        match self.named(proofs, peer) {
            Ok((name, variables)) => Identity {
                principal: Principal::named(&name),
                variables,
                proof,
                refused: None,
            },
            Err(why) => Identity {
                // No pattern has a space, so no rule is about it.
                principal: Principal::named(&proofs.refused_name()),
                variables: Variables::default(),
                proof,
                refused: Some(why),
            },
        }
    }

    /// The name and variables of who proved this, or why there are none: all proofs must agree.
    fn named(&self, proofs: &Proofs, peer: IpAddr) -> Result<Named, String> {
        if let Some(kind) = proofs.unknown {
            return Err(format!("its {kind} is not known, or not any more"));
        }
        let certificate = proofs.certificate.as_deref();
        let authority = certificate.map(|certificate| CertificateAuthority {
            subject: even_spaces(&certificate.authority.subject),
            fingerprint: certificate.authority.fingerprint.clone(),
        });
        let certificate = certificate.zip(authority.as_ref());
        let all = [
            certificate
                .map(|(certificate, authority)| ShownProof::Certificate(certificate, authority)),
            proofs
                .token
                .as_ref()
                .map(|token| ShownProof::Token(&token.name)),
            proofs.user.as_ref().map(|user| ShownProof::User(user)),
            proofs.account.as_deref().map(ShownProof::Account),
        ];
        let mut found: Option<(ShownProof<'_>, Named)> = None;
        for proof in all.into_iter().flatten() {
            let named = self.recognize(proof, peer)?;
            let named = match found {
                None => named,
                Some((other, before)) => agreed((other, before), (proof, named))?,
            };
            found = Some((proof, named));
        }
        found
            .map(|(_, named)| named)
            .ok_or_else(|| "it has proved nothing".to_owned())
    }

    /// The name and variables of who has one proof: all recognizers must agree.
    fn recognize(&self, proof: ShownProof<'_>, peer: IpAddr) -> Result<Named, String> {
        let mut found: Option<Named> = None;
        for recognizer in &self.recognizers {
            let named = match recognizer.recognize(proof, peer) {
                Recognized::Not => continue,
                Recognized::Refused(why) => return Err(why),
                Recognized::As(name, variables) => (name, variables),
            };
            match &found {
                Some(other) if *other != named => {
                    let (one, other) = (&other.0, &named.0);
                    return Err(format!("it names '{one}', and '{other}' otherwise"));
                }
                Some(_) => {}
                None => found = Some(named),
            }
        }
        found.ok_or_else(|| match proof {
            ShownProof::Certificate(..) => "no [[identity]] of its authority fits it".to_owned(),
            ShownProof::Token(name) => format!("no [[identity]] of tokens fits its name, '{name}'"),
            ShownProof::User(name) => format!("no [[identity]] of users fits its name, '{name}'"),
            ShownProof::Account(account) => {
                format!("no [[identity]] of ServiceAccounts fits its name, '{account}'")
            }
        })
    }
}

/// What two proofs say together: of the same principal each may fill in what the other does not.
fn agreed(
    (one, (name, variables)): (ShownProof<'_>, Named),
    (other, (other_name, others)): (ShownProof<'_>, Named),
) -> Result<Named, String> {
    let (one, other) = (one.kind(), other.kind());
    if name != other_name {
        return Err(format!(
            "its {one} names '{name}', and its {other} '{other_name}'"
        ));
    }
    let both = variables.clone().or(others.clone());
    if both != others.or(variables) {
        return Err(format!(
            "its {one} and its {other} fill in '{name}' differently"
        ));
    }
    Ok((name, both))
}

#[cfg(test)]
mod tests {
    use super::super::{ProvenAccount, ProvenToken};
    use super::*;
    use crate::model::ClientCertificate;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

    fn identity(authority: &str, rest: &str) -> String {
        format!("[[identity]]\nauthority = \"{authority}\"\n{rest}\n")
    }

    fn error(rest: &str) -> String {
        let text = identity("credentials", rest);
        Policy::parse(&text).unwrap_err().to_string()
    }

    #[test]
    fn tables_of_credentials_have_their_own_fields() {
        for (rest, says) in [
            (
                "field = \"cn\"\nname = \"a\"\nprincipal = \"a\"",
                "3:9: field 'cn': credentials have a token or a user",
            ),
            (
                "field = \"token\"\nname = \"a\"\nip = \"certificate\"\nprincipal = \"a\"",
                "5:6: ip 'certificate': there is no certificate",
            ),
            (
                "field = \"user\"\nname = \"{name}{ip}\"\nprincipal = \"a\"",
                "where one variable ends",
            ),
            (
                "field = \"user\"\nname = \"a\"\nprincipal = \"{name}\"",
                "nothing fills in {name}",
            ),
            ("name = \"a\"\nprincipal = \"a\"", "field is missing"),
        ] {
            let error = error(rest);
            assert!(error.contains(says), "{error}");
        }
        let of_certificate = identity("CN=a", "field = \"token\"\nname = \"a\"\nprincipal = \"a\"");
        let error = Policy::parse(&of_certificate).unwrap_err().to_string();
        assert!(
            error.contains("the authority of a token is \"credentials\""),
            "{error}"
        );
    }

    #[test]
    fn tables_of_kubernetes_have_their_own_fields() {
        let parsed = |rest: &str| {
            let parsed = Policy::parse(&identity("kubernetes", rest));
            parsed.map_err(|error| error.to_string())
        };
        for (rest, says) in [
            (
                "field = \"token\"\nname = \"a/b\"\nprincipal = \"a\"",
                "3:9: field 'token': of Kubernetes it is service-account or pod",
            ),
            (
                "field = \"service-account\"\nname = \"{name}\"\nprincipal = \"a\"",
                "such a name is NAMESPACE/NAME",
            ),
            (
                "field = \"service-account\"\nname = \"a/b/c\"\nprincipal = \"a\"",
                "such a name is NAMESPACE/NAME",
            ),
            (
                "field = \"service-account\"\nname = \"/b\"\nprincipal = \"a\"",
                "such a name is NAMESPACE/NAME",
            ),
            (
                "field = \"pod\"\nname = \"a/{name}\"\nprincipal = \"a\"",
                "such a name is NAMESPACE/NAME/POD",
            ),
            (
                "field = \"pod\"\nname = \"a/b/{name}\"\nip = \"certificate\"\nprincipal = \"a\"",
                "there is no certificate",
            ),
        ] {
            let error = parsed(rest).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let of_others = identity("CN=a", "field = \"pod\"\nname = \"a\"\nprincipal = \"a\"");
        let error = Policy::parse(&of_others).unwrap_err().to_string();
        assert!(
            error.contains("the authority of a pod is \"kubernetes\""),
            "{error}"
        );
    }

    /// What an account proves, in a pod unless its name is empty.
    fn of_account(namespace: &str, name: &str, pod: &str) -> Proofs {
        let account = ProvenAccount {
            namespace: namespace.into(),
            name: name.into(),
            pod: Some(pod).filter(|pod| !pod.is_empty()).map(Into::into),
            credential: Some("JTI=7".into()),
        };
        Proofs {
            account: Some(account.into()),
            ..Proofs::default()
        }
    }

    #[test]
    fn an_account_is_named_by_its_namespace_its_name_and_its_pod() {
        let table = |field: &str, name: &str, principal: &str| {
            let rest =
                format!("field = \"{field}\"\nname = \"{name}\"\nprincipal = \"{principal}\"");
            identity("kubernetes", &rest)
        };
        let text = [
            table(
                "service-account",
                "{namespace}/app-{name}",
                "{namespace}/{name}",
            ),
            table("pod", "data/db/{name}", "db/{name}"),
            table("service-account", "both/{name}", "account/{name}"),
            table("pod", "both/{name}/pod-0", "pod/{name}"),
        ];
        let policy = Policy::parse(&text.concat()).unwrap();
        let who = |namespace: &str, name: &str, pod: &str| {
            policy.identify(&of_account(namespace, name, pod), PEER)
        };
        for ((namespace, name, pod), expected) in [
            (
                ("shop", "app-cart", ""),
                "shop/cart, {name} = cart, {namespace} = shop",
            ),
            (
                ("shop", "app-cart", "x"),
                "shop/cart, {name} = cart, {namespace} = shop",
            ),
            (("data", "db", "db-0"), "db/db-0, {name} = db-0"),
            (
                ("data", "db", ""),
                "no: no [[identity]] of ServiceAccounts fits its name, 'data/db'",
            ),
            (
                ("data", "other", "db-0"),
                "no: no [[identity]] of ServiceAccounts fits its name, 'data/other'",
            ),
            (("both", "a", ""), "account/a, {name} = a"),
            (
                ("both", "a", "pod-0"),
                "no: it names 'account/a', and 'pod/a' otherwise",
            ),
        ] {
            assert_eq!(shown(&who(namespace, name, pod)), expected);
        }
        let proof = who("data", "db", "db-0").proof;
        assert_eq!(proof, "ServiceAccount data/db in pod db-0, JTI=7");
        let refused = who("data", "db", "").principal.to_string();
        assert_eq!(refused, "refused ServiceAccount data/db");
    }

    fn policy() -> Policy {
        let tables = [
            (
                "CN=a",
                "field = \"cn\"\nname = \"{name}\"\nip = \"certificate\"\nprincipal = \"p/{name}\"",
            ),
            (
                "credentials",
                "field = \"token\"\nname = \"node-{ip}\"\nprincipal = \"node/{ip}\"",
            ),
            (
                "credentials",
                "field = \"token\"\nname = \"t-{name}\"\nprincipal = \"p/{name}\"",
            ),
            (
                "credentials",
                "field = \"token\"\nname = \"at-{name}\"\nip = \"peer\"\nprincipal = \"p/{name}\"",
            ),
            (
                "credentials",
                "field = \"user\"\nname = \"{namespace}/{name}\"\nprincipal = \"p/{name}\"",
            ),
        ];
        let text: String = tables
            .map(|(authority, rest)| identity(authority, rest))
            .concat();
        Policy::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Who has proved this: the common name of a certificate, a token's name, a user's.
    fn who(certificate: &str, token: &str, user: &str) -> Identity {
        let shown = |name: &str| !name.is_empty();
        let proofs = Proofs {
            certificate: shown(certificate).then(|| {
                ClientCertificate {
                    common_names: vec![certificate.to_owned()],
                    ip_addresses: vec![[10, 0, 0, 1].into()],
                    authority: CertificateAuthority {
                        subject: "CN=a".to_owned(),
                        fingerprint: String::new(),
                    },
                    ..ClientCertificate::default()
                }
                .into()
            }),
            token: shown(token).then(|| ProvenToken {
                name: token.into(),
                accessor: "7".into(),
            }),
            user: shown(user).then(|| user.into()),
            account: None,
            unknown: None,
        };
        policy().identify(&proofs, PEER)
    }

    fn shown(identity: &Identity) -> String {
        let Identity {
            principal,
            variables,
            refused,
            ..
        } = identity;
        match refused {
            None => format!("{principal}{variables}"),
            Some(why) => format!("no: {why}"),
        }
    }

    #[test]
    fn a_name_is_taken_from_its_own_kind_of_proof_alone() {
        for (certificate, token, user, expected) in [
            ("", "node-10.0.0.1", "", "node/10.0.0.1, {ip} = 10.0.0.1"),
            ("", "node-x", "", "no: {ip}: not an IP address"),
            ("", "t-a", "", "p/a, {name} = a"),
            ("", "at-a", "", "p/a, {name} = a, {ip} = 192.0.2.9"),
            ("", "", "n/a", "p/a, {name} = a, {namespace} = n"),
            (
                "",
                "",
                "t-a",
                "no: no [[identity]] of users fits its name, 't-a'",
            ),
            (
                "",
                "n/a",
                "",
                "no: no [[identity]] of tokens fits its name, 'n/a'",
            ),
            ("", "", "", "anonymous"),
        ] {
            let found = shown(&who(certificate, token, user));
            let is_same = found == expected
                || (expected.starts_with("no: {ip}") && found.starts_with("no: {ip}"));
            assert!(is_same, "{found}, not {expected}");
        }
    }

    #[test]
    fn proofs_must_agree_and_each_may_say_more() {
        for (certificate, token, user, expected) in [
            ("a", "t-a", "", "p/a, {name} = a, {ip} = 10.0.0.1"),
            (
                "a",
                "",
                "n/a",
                "p/a, {name} = a, {ip} = 10.0.0.1, {namespace} = n",
            ),
            ("", "t-a", "n/a", "p/a, {name} = a, {namespace} = n"),
            (
                "a",
                "t-b",
                "",
                "no: its certificate names 'p/a', and its token 'p/b'",
            ),
            (
                "a",
                "t-a",
                "n/b",
                "no: its token names 'p/a', and its password 'p/b'",
            ),
            (
                "",
                "node-10.0.0.1",
                "n/a",
                "no: its token names 'node/10.0.0.1', and its password 'p/a'",
            ),
            // The address of the certificate, and that of the connection.
            (
                "a",
                "at-a",
                "",
                "no: its certificate and its token fill in 'p/a' differently",
            ),
            (
                "a",
                "x",
                "",
                "no: no [[identity]] of tokens fits its name, 'x'",
            ),
        ] {
            assert_eq!(shown(&who(certificate, token, user)), expected);
        }
    }

    #[test]
    fn what_is_not_known_names_nobody_and_no_rule_is_about_it() {
        let mut proofs = Proofs {
            unknown: Some("token"),
            ..Proofs::default()
        };
        let identity = policy().identify(&proofs, PEER);
        assert_eq!(identity.principal.to_string(), "refused unknown token");
        proofs.user = Some("n/a".into());
        let identity = policy().identify(&proofs, PEER);
        assert_eq!(identity.proof, "password of n/a, unknown token");
        assert!(identity.refused.is_some());
    }
}
