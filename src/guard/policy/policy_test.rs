//! Policies: what is refused, who is recognized, and whom rules are about.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Identity, Policy, Proofs, Variables};
use crate::model::{
    CertificateAuthority, ClientCertificate, Key, KeyRange, LeaseId, Principal, Verb,
};
use crate::space::LeaseRight;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

fn error(text: &str) -> String {
    Policy::parse(text).unwrap_err().to_string()
}

fn policy(text: &str) -> Policy {
    Policy::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A recognizer of the authority `CN=a`, from what follows `field =`.
fn recognizer(rest: &str) -> String {
    format!("[[identity]]\nauthority = \"CN=a\"\nfield = {rest}\n")
}

/// A certificate of the authority `CN=a`, from names such as `cn=a` and `dns=b`.
fn certificate(names: &[&str]) -> ClientCertificate {
    let mut certificate = ClientCertificate {
        authority: CertificateAuthority {
            subject: "CN=a".to_owned(),
            fingerprint: "ab".repeat(32),
        },
        fingerprint: "cd".repeat(32),
        ..ClientCertificate::default()
    };
    for name in names {
        let (kind, value) = name.split_once('=').unwrap();
        match kind {
            "cn" => certificate.common_names.push(value.to_owned()),
            "dns" => certificate.dns_names.push(value.to_owned()),
            "ip" => certificate.ip_addresses.push(value.parse().unwrap()),
            "uri" => certificate.uris.push(value.to_owned()),
            other => panic!("{other}"),
        }
    }
    certificate
}

fn identify(policy: &Policy, certificate: ClientCertificate) -> Identity {
    let proofs = Proofs::of_certificate(Some(Arc::new(certificate)));
    policy.identify(&proofs, PEER)
}

/// The principal and its variables, or `refused`.
fn named(text: &str, names: &[&str]) -> String {
    let Identity {
        principal,
        variables,
        refused,
        ..
    } = identify(&policy(text), certificate(names));
    match refused {
        Some(_) => "refused".to_owned(),
        None => format!("{principal}{variables}"),
    }
}

#[test]
fn errors_say_where_and_what() {
    let rule = "[[rule]]\nname = \"r\"\nidentities = [\"a\"]\n";
    let with = |rest: &str| error(&format!("{rule}{rest}"));
    assert_eq!(error("[[rules]]"), "1:3: rules: no such field; is it rule?");
    assert_eq!(
        error("rule = 1"),
        "1:8: rule: not an array of tables: write [[rule]]"
    );
    assert_eq!(error("[[rule]]"), "1:1: name is missing");
    assert!(error("\n[[rule]").starts_with("2:"));
    assert_eq!(
        with(""),
        "1:1: the rule says nothing: role, allow, deny or sessions is missing"
    );
    assert_eq!(
        with("alow = [\"read\"]"),
        "4:1: alow: no such field; is it allow?"
    );
    assert_eq!(
        with("allow = \"read\""),
        "4:9: allow: not an array of strings, such as [\"a\", \"b\"]"
    );
    assert_eq!(with("allow = []"), "4:9: allow: an empty array");
    assert_eq!(
        with("allow = [\"reed\"]\nkey = [\"a\"]"),
        "4:10: allow 'reed': no such verb; is it read?"
    );
    assert!(with("allow = [\"session\"]\nkey = [\"a\"]").contains("write sessions"));
    assert_eq!(
        with("allow = [\"read\"]"),
        "1:1: beneath or key is missing: beneath = [\"\"] is everything"
    );
    assert!(with("beneath = [\"a\"]").ends_with("allow or deny is missing"));
    assert!(
        with("allow = [\"read\"]\ndeny = [\"read\"]\nkey = [\"a\"]").starts_with("5:8: either")
    );
    assert_eq!(
        with("allow = [\"read\"]\nbeneath = [\"a\", \"nodes/*\"]"),
        "5:17: beneath 'nodes/*': there are no patterns such as * and ? in subjects"
    );
    assert_eq!(
        with("role = \"amdin\""),
        "4:8: role 'amdin': no such role; is it admin?"
    );
    assert!(
        with("role = \"admin\"\nallow = [\"read\"]\nkey = [\"a\"]")
            .starts_with("4:8: either a role")
    );
    assert!(with("sessions = \"own\"\nprefix = \"a\"").contains("goes with a role"));
    assert_eq!(
        with("sessions = \"mine\""),
        "4:12: sessions 'mine': not own, all or none"
    );
    assert!(
        with(&format!("sessions = \"own\"\n{rule}sessions = \"own\""))
            .starts_with("5:1: there is a rule 'r'")
    );
    assert!(
        error("[[role]]\nname = \"admin\"\nsessions = \"own\"")
            .starts_with("2:8: there is a role 'admin'")
    );
    assert!(error("[[rule]]\nname = \"a b\"").starts_with("2:8: name 'a b': "));
    assert!(
        error("[[rule]]\nname = \"a\"\nidentities = [\"a b\"]")
            .starts_with("3:15: identities 'a b': ")
    );
}

#[test]
fn recognizers_that_are_not_clear_are_refused() {
    let bad = |rest: &str| error(&recognizer(rest));
    assert_eq!(
        bad("\"cnn\"\nname = \"a\"\nprincipal = \"a\""),
        "3:9: field 'cnn': not cn, dns, ip or spiffe"
    );
    assert!(error("[[identity]]\nfield = \"cn\"").contains("authority is missing"));
    assert!(
        error("[[identity]]\nauthority = \"nodes\"")
            .starts_with("2:13: authority 'nodes': an authority is")
    );
    assert!(error("[[identity]]\nauthority = \"sha256:abc\"").contains("64 hexadecimal digits"));
    for rest in [
        // Where one variable ends is not clear.
        "\"cn\"\nname = \"{name}-{namespace}\"\nprincipal = \"a\"",
        "\"cn\"\nname = \"{name}{namespace}\"\nprincipal = \"a\"",
        "\"dns\"\nname = \"{name}-{namespace}\"\nprincipal = \"a\"",
        "\"cn\"\nname = \"{name}\"\nprincipal = \"{ip}\"",
        "\"cn\"\nname = \"{name}\"\nprincipal = \"anonymous\"",
        "\"cn\"\nname = \"{name}\"\nprincipal = \"*\"",
        "\"cn\"\nname = \"{ip}\"\nprincipal = \"{ip}\"\nip = \"peer\"",
        "\"cn\"\nname = \"a\"\nprincipal = \"a\"\nip = \"proxy\"",
        "\"ip\"\nname = \"{name}\"\nprincipal = \"a\"",
        "\"dns\"\nname = \"A.example\"\nprincipal = \"a\"",
        "\"spiffe\"\nname = \"{name}\"\nprincipal = \"a\"",
        "\"spiffe\"\nname = \"spiffe://{name}/a\"\nprincipal = \"a\"",
    ] {
        assert!(Policy::parse(&recognizer(rest)).is_err(), "{rest}");
    }
    // No DNS name has a variable across its labels.
    policy(&recognizer(
        "\"dns\"\nname = \"{name}.{namespace}.svc\"\nprincipal = \"{namespace}/{name}\"",
    ));
}

#[test]
fn certificates_name_somebody_by_one_field() {
    let by = |rest: &str, names: &[&str]| named(&recognizer(rest), names);
    let cn = "\"cn\"\nname = \"node-{name}\"\nprincipal = \"node/{name}\"";
    assert_eq!(by(cn, &["cn=node-a"]), "node/a, {name} = a");
    for refused in [
        &["cn=a"][..],
        &["cn=node-"],
        &["cn=node-a/b"],
        &["cn=node-.."],
        &["cn=node-*"],
        &["cn=node-a", "cn=node-b"],
        &["cn=node-a", "cn=other"],
        &["dns=node-a"],
        &[],
    ] {
        assert_eq!(by(cn, refused), "refused", "{refused:?}");
    }
    let dns = "\"dns\"\nname = \"{name}.{namespace}.svc\"\nprincipal = \"{namespace}/{name}\"";
    assert_eq!(
        by(dns, &["dns=A.b.svc", "cn=x"]),
        "b/a, {name} = a, {namespace} = b"
    );
    assert_eq!(by(dns, &["dns=a.b.c.svc"]), "refused");
    let ip = "\"ip\"\nname = \"{ip}\"\nprincipal = \"node/{ip}\"";
    assert_eq!(by(ip, &["ip=10.0.0.1"]), "node/10.0.0.1, {ip} = 10.0.0.1");
    assert_eq!(
        by(ip, &["ip=::ffff:10.0.0.1"]),
        "node/10.0.0.1, {ip} = 10.0.0.1"
    );
    assert_eq!(by(ip, &["ip=10.0.0.1", "ip=10.0.0.2"]), "refused");
    let spiffe = "\"spiffe\"\nname = \"spiffe://example.org/ns/{namespace}/sa/{name}\"\nprincipal = \"{namespace}/{name}\"";
    let uri = "uri=spiffe://example.org/ns/a/sa/b";
    assert_eq!(by(spiffe, &[uri]), "a/b, {name} = b, {namespace} = a");
    for other in [
        "example.com/ns/a/sa/b",
        "example.org/ns/a/sa/b/c",
        "example.org/ns/a/sa/",
        "example.org/ns//sa/b",
    ] {
        assert_eq!(
            by(spiffe, &[&format!("uri=spiffe://{other}")]),
            "refused",
            "{other}"
        );
    }
    assert_eq!(by(spiffe, &[uri, "uri=https://example.org"]), "refused");
}

#[test]
fn an_address_comes_from_the_certificate_unless_the_policy_says_otherwise() {
    let by = |ip: &str, names: &[&str]| {
        named(
            &recognizer(&format!(
                "\"cn\"\nname = \"{{name}}\"\nprincipal = \"{{name}}\"\n{ip}"
            )),
            names,
        )
    };
    assert_eq!(by("", &["cn=a", "ip=10.0.0.1"]), "a, {name} = a");
    assert_eq!(
        by("ip = \"certificate\"", &["cn=a", "ip=10.0.0.1"]),
        "a, {name} = a, {ip} = 10.0.0.1"
    );
    assert_eq!(by("ip = \"certificate\"", &["cn=a"]), "refused");
    assert_eq!(
        by(
            "ip = \"certificate\"",
            &["cn=a", "ip=10.0.0.1", "ip=10.0.0.2"]
        ),
        "refused"
    );
    assert_eq!(
        by("ip = \"peer\"", &["cn=a", "ip=10.0.0.1"]),
        "a, {name} = a, {ip} = 192.0.2.9"
    );
}

#[test]
fn each_authority_vouches_for_its_own_names_only() {
    let text = "[[identity]]\nauthority = \"CN=a,O=x\"\nfield = \"cn\"\nname = \"{name}\"\nprincipal = \"{name}\"\n";
    let by = |subject: &str, fingerprint: &str, text: &str| {
        let mut certificate = certificate(&["cn=n"]);
        certificate.authority = CertificateAuthority {
            subject: subject.to_owned(),
            fingerprint: fingerprint.repeat(32),
        };
        identify(&policy(text), certificate).refused.is_none()
    };
    assert!(by("CN=a, O=x", "00", text));
    assert!(!by("CN=a", "00", text) && !by("CN=a, O=x, O=y", "00", text));
    let pinned = text.replace(
        "CN=a,O=x",
        &format!("sha256:{}", "AB:".repeat(32).trim_end_matches(':')),
    );
    assert!(by("CN=other", "ab", &pinned) && !by("CN=other", "ac", &pinned));
}

#[test]
fn recognizers_that_disagree_refuse() {
    let cn = recognizer("\"cn\"\nname = \"{name}\"\nprincipal = \"cn/{name}\"");
    let dns = recognizer("\"dns\"\nname = \"{name}\"\nprincipal = \"dns/{name}\"");
    let both = format!("{cn}{dns}");
    assert_eq!(named(&both, &["cn=a"]), "cn/a, {name} = a");
    assert_eq!(named(&both, &["cn=a", "dns=a"]), "refused");
    assert_eq!(named(&format!("{cn}{cn}"), &["cn=a"]), "cn/a, {name} = a");
    // A name that would be taken for clients without a certificate.
    let any = recognizer("\"cn\"\nname = \"{name}\"\nprincipal = \"{name}\"");
    assert_eq!(named(&any, &["cn=anonymous"]), "refused");
}

#[test]
fn rules_are_about_whom_they_name() {
    let text = recognizer("\"cn\"\nname = \"{name}\"\nprincipal = \"user/{name}\"")
        + "[[rule]]\nname = \"one\"\nidentities = [\"user/a\"]\nallow = [\"read\"]\nbeneath = [\"one\"]
        [[rule]]\nname = \"each\"\nidentities = [\"user/{name}\"]\nallow = [\"read\"]\nbeneath = [\"own/{name}\"]
        [[rule]]\nname = \"recognized\"\nidentities = [\"*\"]\nallow = [\"read\"]\nbeneath = [\"all\"]
        [[rule]]\nname = \"open\"\nidentities = [\"anonymous\"]\nallow = [\"read\"]\nbeneath = [\"open\"]";
    let policy = policy(&text);
    let may = |identity: &Identity| {
        let rights = policy.rights(identity);
        let keys = ["one", "own/a", "own/b", "own", "all", "open"];
        keys.into_iter()
            .filter(|key| rights.decide(Verb::Read, key.as_bytes()).allowed)
            .collect::<Vec<_>>()
    };
    let by = |name: &str| identify(&policy, certificate(&[&format!("cn={name}")]));
    assert_eq!(may(&by("a")), ["one", "own/a", "all"]);
    assert_eq!(may(&by("b")), ["own/b", "all"]);
    assert_eq!(may(&policy.identify(&Proofs::default(), PEER)), ["open"]);
    let refused = by("..");
    assert!(refused.refused.is_some() && may(&refused).is_empty());
    // Who is refused shares a name with nobody, and can be granted nothing by name.
    let pattern = format!(
        "[[rule]]\nname = \"r\"\nidentities = [\"{}\"]\nrole = \"admin\"",
        refused.principal
    );
    assert!(Policy::parse(&pattern).is_err());
    let rule = policy
        .rights(&by("a"))
        .decide(Verb::Read, b"one/x")
        .rule
        .unwrap()
        .to_string();
    assert_eq!(rule, "one");
}

#[test]
fn a_subject_without_its_variable_is_about_nothing() {
    let text = recognizer("\"cn\"\nname = \"{name}\"\nprincipal = \"{name}\"")
        + "[[rule]]\nname = \"r\"\nidentities = [\"*\"]\nallow = [\"read\"]\nbeneath = [\"a/{ip}\", \"b/{name}\"]";
    let policy = policy(&text);
    let rights = policy.rights(&identify(&policy, certificate(&["cn=n", "ip=10.0.0.1"])));
    let may = |key: &[u8]| rights.decide(Verb::Read, key).allowed;
    assert!(may(b"b/n") && !may(b"a/10.0.0.1") && !may(b"a/") && !may(b"a"));
    let messages: Vec<_> = policy
        .warnings()
        .into_iter()
        .map(|warning| warning.message)
        .collect();
    assert_eq!(
        messages,
        ["rule 'r': {ip} in a subject is not filled in for sample-name"]
    );
}

#[test]
fn sessions_belong_to_who_made_them() {
    let text = recognizer("\"cn\"\nname = \"{name}\"\nprincipal = \"{name}\"")
        + "[[rule]]\nname = \"own\"\nidentities = [\"a\", \"c\"]\nsessions = \"own\"
        [[rule]]\nname = \"admin\"\nidentities = [\"b\", \"c\"]\nrole = \"admin\"
        [[rule]]\nname = \"none\"\nidentities = [\"c\"]\nsessions = \"none\"";
    let policy = policy(&text);
    let rights =
        |name: &str| policy.rights(&identify(&policy, certificate(&[&format!("cn={name}")])));
    let [a, b, c, d] = ["a", "b", "c", "d"].map(rights);
    let may = |rights: &super::Rights, owner: &str| {
        rights
            .sessions(&Principal::named(owner), LeaseRight::End)
            .allowed
    };
    assert!(a.creates_sessions().allowed && may(&a, "a") && !may(&a, "b") && !may(&a, ""));
    assert!(b.creates_sessions().allowed && may(&b, "a") && may(&b, ""));
    assert!(!c.creates_sessions().allowed && !may(&c, "c"));
    assert_eq!(c.decide(Verb::Session, b"").rule.unwrap().as_str(), "none");
    assert!(!d.creates_sessions().allowed && !may(&d, "d") && !may(&d, ""));
    let records = KeyRange::Prefix(LeaseId::records());
    let class = |rights: &super::Rights| rights.class(Verb::List, &records);
    assert_ne!(class(&a), class(&b));
    assert_eq!(class(&c), class(&d));
}

#[test]
fn principals_are_found_by_name() {
    let text =
        recognizer("\"cn\"\nname = \"{name}\"\nprincipal = \"node/{name}\"\nip = \"certificate\"");
    let policy = policy(&text);
    let ip = Variables::default().with_ip([10, 0, 0, 1].into());
    let found = policy.identity_named("node/a", &ip).unwrap();
    assert_eq!(found.variables.to_string(), ", {name} = a, {ip} = 10.0.0.1");
    assert!(policy.identity_named("nodes/a", &ip).is_err());
    assert!(
        policy
            .identity_named("anonymous", &ip)
            .unwrap()
            .principal
            .is_anonymous()
    );
}

/// What a fleet has: the rules of one identity are found and compiled without a look at those of all others.
#[test]
fn a_thousand_rules_for_a_thousand_identities() {
    let mut text = recognizer("\"cn\"\nname = \"{name}\"\nprincipal = \"node/{name}\"");
    for number in 0..1_000 {
        let rule = format!(
            "[[rule]]\nname = \"r{number}\"\nidentities = [\"node/n{number}\"]\nallow = [\"all\"]\nbeneath = [\"k/{number}\"]\n"
        );
        text.push_str(&rule);
    }
    let policy = policy(&text);
    assert_eq!(policy.rule_count(), 1_000);
    assert_eq!(policy.warnings(), []);
    let class = |number: usize, range: &str| {
        let rights = policy.rights(&identify(&policy, certificate(&[&format!("cn=n{number}")])));
        for other in [0, number, 999] {
            let key = format!("k/{other}/x");
            assert_eq!(
                rights.decide(Verb::Write, key.as_bytes()).allowed,
                other == number
            );
        }
        rights.class(Verb::List, &KeyRange::Prefix(Key::user(range)))
    };
    let classes: std::collections::HashSet<_> =
        (0..1_000).map(|number| class(number, "k/")).collect();
    assert_eq!(classes.len(), 1_000);
    // Two of them see the same of what is neither's.
    assert_eq!(class(1, "k/5"), class(2, "k/5"));
}

#[test]
fn warnings_tell_of_what_is_hardly_meant() {
    let all = recognizer("\"cn\"\nname = \"{name}\"\nprincipal = \"user/{name}\"")
        + "[[role]]\nname = \"spare\"\nsessions = \"own\"
[[rule]]\nname = \"blind\"\nidentities = [\"user/{name}\"]\nallow = [\"write\"]\nbeneath = [\"a\"]
[[rule]]\nname = \"nobody\"\nidentities = [\"users/a\"]\nallow = [\"read\"]\nbeneath = [\"a\"]
[[rule]]\nname = \"denied\"\nidentities = [\"user/b\"]\nallow = [\"read\"]\nbeneath = [\"b/c\"]
[[rule]]\nname = \"deny\"\nidentities = [\"*\"]\ndeny = [\"read\"]\nbeneath = [\"b\"]";
    let warnings = policy(&all).warnings();
    let lines: Vec<_> = warnings
        .iter()
        .map(|warning| format!("{} {}", warning.place, warning.message))
        .collect();
    assert_eq!(
        lines,
        [
            "6:1 no rule grants the role 'spare'",
            "9:1 rule 'blind' allows user/sample-name to write 'a' and beneath, which it may not read: without read nothing \
             else is allowed",
            "14:1 rule 'nobody': no [[identity]] gives a principal 'users/a'",
            "19:1 rule 'denied' allows user/b nothing with 'b/c' and beneath: it is denied by rule 'deny'",
        ]
    );
    let empty = policy("").warnings();
    assert_eq!(
        empty[0].message,
        "there is no [[rule]]: everything is refused"
    );
    let idle = policy(&recognizer(
        "\"cn\"\nname = \"{name}\"\nprincipal = \"{name}\"",
    ))
    .warnings();
    assert_eq!(idle.len(), 2);
}

#[test]
fn a_policy_is_bounded() {
    let long = format!("# {}", "x".repeat(Policy::MAX_BYTES));
    assert!(error(&long).starts_with("1:1: a policy of "));
    let rule =
        |number: usize| format!("[[rule]]\nname='{number}'\nidentities=['a']\nsessions='own'\n");
    let many: String = (0..=10_000).map(rule).collect();
    assert!(error(&many).ends_with("more than 10000 tables [[rule]]"));
}
