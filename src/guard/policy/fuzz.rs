//! Fuzz target of the parser: any text is a policy or is refused in one line, and what a policy allows agrees with itself.

use super::{Identity, Policy, Rights, Variables};
use crate::model::{Key, KeyRange, Principal, Verb};
use crate::space::Coverage;

/// Parses a text, and asks what it allows.
pub(crate) fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let policy = match Policy::parse(text) {
        Ok(policy) => policy,
        Err(error) => {
            assert!(!error.message.contains('\n'), "{error:?}");
            assert!(error.place.line <= text.lines().count() + 1, "{error:?}");
            return;
        }
    };
    for warning in policy.warnings() {
        assert!(!warning.message.contains('\n'), "{warning:?}");
    }
    let variables = Variables::samples();
    for principal in [
        "",
        "node/192.0.2.1",
        "sample-namespace/sample-name",
        "ops/a",
    ] {
        let identity = Identity {
            principal: Principal::named(principal),
            variables: variables.clone(),
            proof: String::new(),
            refused: None,
        };
        check(&policy.rights(&identity));
    }
}

/// A key is allowed in each range that is as a whole, and in none that is not at all.
fn check(rights: &Rights) {
    for key in [
        "",
        "a",
        "a/192.0.2.1:1/",
        "fleet/docker/nodes/192.0.2.1:2376",
        "apps/sample-namespace/sample-name/fixed",
    ] {
        for verb in Verb::ALL.into_iter().filter(|verb| *verb != Verb::Session) {
            let verdict = rights.decide(verb, key.as_bytes());
            assert!(verdict.rule.is_some() || !verdict.allowed);
            for length in 0..=key.len() {
                let prefix = key.as_bytes().get(..length).unwrap_or_default();
                let range = KeyRange::Prefix(Key::user(prefix));
                match rights.covers(verb, &range) {
                    Coverage::All => assert!(verdict.allowed, "{verb} {key} {length}"),
                    Coverage::None => assert!(!verdict.allowed, "{verb} {key} {length}"),
                    Coverage::Part => {}
                }
                assert!(!rights.class(verb, &range).is_empty());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn any_text_is_a_policy_or_refused() {
        let seeds = fuzz::seeds("policy");
        for seed in &seeds {
            Policy::parse(std::str::from_utf8(seed).unwrap()).unwrap();
        }
        fuzz::run(&seeds, 5_000, policy);
    }
}
