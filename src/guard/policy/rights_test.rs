//! Rights, compared to rules that are asked one by one.

use proptest::prelude::*;

use super::{Policy, Proofs, Rights, Shortfall};
use crate::model::{ClientCertificate, Key, KeyRange, Verb};
use crate::space::Coverage;

/// One rule about a subject.
#[derive(Clone, Debug)]
struct PlainRule {
    verbs: Vec<Verb>,
    denies: bool,
    beneath: bool,
    path: String,
    port: bool,
}

const KEY_VERBS: usize = 8;

fn plain_rule() -> impl Strategy<Value = PlainRule> {
    let segment = || prop::sample::select(vec!["a", "b", "a:1", "a:23"]);
    let path = prop::collection::vec(segment(), 0..3);
    let port = prop::bool::weighted(0.3);
    let verbs = prop::sample::subsequence(&Verb::ALL[..KEY_VERBS], 1..=KEY_VERBS);
    let denies = prop::bool::weighted(0.3);
    (verbs, denies, any::<bool>(), path, port).prop_map(|(verbs, denies, beneath, path, port)| {
        let mut path = path.join("/");
        if port {
            path += if path.is_empty() { "a:" } else { "/a:" };
        }
        let beneath = beneath || path.is_empty();
        PlainRule {
            verbs,
            denies,
            beneath,
            path,
            port,
        }
    })
}

/// Most rules allow to read, or little would be allowed.
fn plain_rules() -> impl Strategy<Value = Vec<PlainRule>> {
    let readable = plain_rule().prop_map(|rule| PlainRule {
        verbs: vec![Verb::Read, Verb::List, Verb::Cas],
        denies: false,
        ..rule
    });
    prop::collection::vec(prop_oneof![readable, plain_rule()], 0..6)
}

impl PlainRule {
    fn is_about(&self, key: &[u8]) -> bool {
        let Some(mut rest) = key.strip_prefix(self.path.as_bytes()) else {
            return false;
        };
        if self.port {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            rest = &rest[digits..];
        }
        let everything = self.path.is_empty();
        matches!(rest, b"" | b"/") || (self.beneath && (everything || rest.starts_with(b"/")))
    }

    fn names(&self, verb: Verb) -> bool {
        self.verbs.contains(&verb)
    }
}

fn allows(rules: &[PlainRule], verb: Verb, key: &[u8]) -> bool {
    let about: Vec<_> = rules.iter().filter(|rule| rule.is_about(key)).collect();
    let by = |verb: Verb, denies: bool| {
        about
            .iter()
            .any(|rule| rule.denies == denies && rule.names(verb))
    };
    let cas = verb == Verb::Cas;
    let allowed = by(verb, false) || (cas && by(Verb::Write, false));
    let denied = by(verb, true) || by(Verb::Read, true) || (cas && by(Verb::Write, true));
    allowed && by(Verb::Read, false) && !denied
}

fn rights(rules: &[PlainRule]) -> Rights {
    let mut text = String::from(
        "[[identity]]\nauthority = \"CN=a\"\nfield = \"cn\"\nname = \"{name}\"\nprincipal = \"{name}\"\n",
    );
    for (number, rule) in rules.iter().enumerate() {
        let verb = if rule.denies { "deny" } else { "allow" };
        let verbs: Vec<_> = rule.verbs.iter().map(|verb| verb.name()).collect();
        let scope = if rule.beneath { "beneath" } else { "key" };
        let port = if rule.port { "{port}" } else { "" };
        let path = &rule.path;
        let rule = format!(
            "[[rule]]\nname = \"r{number}\"\nidentities = [\"x\"]\n{verb} = {verbs:?}\n{scope} = [\"{path}{port}\"]\n"
        );
        text.push_str(&rule);
    }
    let policy = Policy::parse(&text).unwrap();
    let certificate = ClientCertificate {
        common_names: vec!["x".to_owned()],
        authority: crate::model::CertificateAuthority {
            subject: "CN=a".to_owned(),
            ..Default::default()
        },
        ..Default::default()
    };
    let proofs = Proofs::of_certificate(Some(certificate.into()));
    let identity = policy.identify(&proofs, [127, 0, 0, 1].into());
    assert_eq!(identity.refused, None);
    policy.rights(&identity)
}

/// Keys in every place that rules can tell apart, beneath them and beside them.
fn keys() -> Vec<String> {
    let segments = [
        "a", "b", "a:1", "a:23", "a:99", "zz", "a:", "a:1x", "", "a:1:2",
    ];
    let mut keys = vec![String::new()];
    let mut last = keys.clone();
    for _ in 0..3 {
        let longer = last.iter().flat_map(|key| {
            let join = |segment| {
                let slash = if key.is_empty() { "" } else { "/" };
                format!("{key}{slash}{segment}")
            };
            segments.map(join)
        });
        last = longer.collect();
        keys.extend(last.iter().cloned());
    }
    // Rules name up to three segments: beneath what they name there is more.
    keys.extend(last.iter().map(|key| format!("{key}/zz")));
    let slashed: Vec<_> = keys.iter().map(|key| format!("{key}/")).collect();
    keys.extend(slashed);
    keys
}

/// Of these keys those that begin so, and some that no rule names.
fn keys_of(prefix: &str, keys: &[String]) -> Vec<String> {
    let named = keys.iter().filter(|key| key.starts_with(prefix)).cloned();
    let ends = [
        "", "/", "9", "9/", "9/zz", "zz", "zz/", "/zz", "zz/zz", "99", ":9", "a:9", "a:9/zz",
    ];
    named
        .chain(ends.map(|end| format!("{prefix}{end}")))
        .collect()
}

fn prefix() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", ":", "1", "2", "23", "/", "/", "z"]);
    prop::collection::vec(part, 0..7).prop_map(|parts| parts.concat())
}

fn verb() -> impl Strategy<Value = Verb> {
    prop::sample::select(Verb::ALL[..KEY_VERBS].to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn decisions_are_those_of_the_rules_one_by_one(rules in plain_rules()) {
        let rights = rights(&rules);
        for key in keys() {
            for verb in &Verb::ALL[..KEY_VERBS] {
                let verdict = rights.decide(*verb, key.as_bytes());
                prop_assert_eq!(verdict.allowed, allows(&rules, *verb, key.as_bytes()), "{} {}", verb, key);
                let range = KeyRange::Exact(Key::user(&key));
                prop_assert_eq!(rights.covers(*verb, &range) == Coverage::All, verdict.allowed);
                // The rule that is named is about the verb and the key, and says what was decided.
                let number = verdict.rule.map(|rule| rule.as_str().trim_start_matches('r').parse::<usize>().unwrap());
                prop_assert!(number.is_some() || !verdict.allowed);
                if let Some(rule) = number.map(|number| &rules[number]) {
                    prop_assert!(rule.is_about(key.as_bytes()) && rule.denies != verdict.allowed);
                }
            }
        }
    }

    #[test]
    fn a_range_is_covered_as_its_keys_are(rules in plain_rules(), prefixes in prop::collection::vec(prefix(), 8)) {
        let rights = rights(&rules);
        let keys = keys();
        for prefix in prefixes {
            let range = KeyRange::Prefix(Key::user(&prefix));
            let keys = keys_of(&prefix, &keys);
            for verb in &Verb::ALL[..KEY_VERBS] {
                let allowed = keys.iter().filter(|key| allows(&rules, *verb, key.as_bytes())).count();
                let expected = match allowed {
                    0 => Coverage::None,
                    all if all == keys.len() => Coverage::All,
                    _ => Coverage::Part,
                };
                prop_assert_eq!(rights.covers(*verb, &range), expected, "{} {}", verb, prefix);
                // What is named of it lies in it and is refused, by the rule that is named.
                let shortfall = rights.shortfall(*verb, &range);
                prop_assert_eq!(shortfall.is_none(), expected == Coverage::All);
                if let Some(Shortfall { at, rule }) = shortfall {
                    let at = String::from_utf8(at).unwrap();
                    prop_assert!(at.starts_with(&prefix), "{} of {}", at, prefix);
                    let refused = |key: &&String| !allows(&rules, *verb, key.as_bytes());
                    let within = keys_of(&at, &keys);
                    prop_assert!(within.iter().any(|key| refused(&key)), "{} of {}", at, prefix);
                    let number = rule.map(|rule| rule.as_str().trim_start_matches('r').parse::<usize>().unwrap());
                    if let Some(rule) = number.map(|number| &rules[number]) {
                        prop_assert!(rule.denies && within.iter().any(|key| rule.is_about(key.as_bytes())));
                    }
                }
            }
        }
    }

    #[test]
    fn a_class_is_shared_by_those_who_may_do_the_same(
        one in plain_rules(),
        other in plain_rules(),
        common in plain_rules(),
        prefixes in prop::collection::vec(prefix(), 8),
        verb in verb(),
    ) {
        let rules = [[common.clone(), one].concat(), [common, other].concat()];
        let [one, other] = [&rules[0], &rules[1]].map(|rules| rights(rules));
        let keys = keys();
        for prefix in prefixes {
            let range = KeyRange::Prefix(Key::user(&prefix));
            let is_same = |key: &String| {
                let [one, other] = [&rules[0], &rules[1]].map(|rules| allows(rules, verb, key.as_bytes()));
                one == other
            };
            let same = keys_of(&prefix, &keys).iter().all(is_same);
            let classes = one.class(verb, &range) == other.class(verb, &range);
            prop_assert_eq!(classes, same, "{} {}", verb, prefix);
        }
    }
}
