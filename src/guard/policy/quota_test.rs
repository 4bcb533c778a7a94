//! Quotas of a policy: whom they bind, and beneath what.

use super::{Policy, Variables};

const HEAD: &str = r#"
[[identity]]
authority = "CN=people"
field = "cn"
name = "{name}"
principal = "user/{name}"

[[identity]]
authority = "CN=pods"
field = "spiffe"
name = "spiffe://x/{namespace}/{name}"
principal = "pod/{namespace}/{name}"
"#;

fn quotas(policy: &Policy, who: &str) -> Vec<String> {
    let identity = policy.identity_named(who, &Variables::default()).unwrap();
    let quotas = policy.quotas_of(&identity);
    quotas.iter().map(ToString::to_string).collect()
}

#[test]
fn a_quota_binds_whom_it_says_beneath_what_their_proof_fills_in() {
    let text = format!(
        r#"{HEAD}
[[quota]]
name = "homes"
identities = ["user/{{name}}"]
beneath = ["homes/{{name}}", "old/home-{{name}}/"]
keys = 10
bytes = "2MiB"

[[quota]]
name = "pods"
identities = ["pod/{{namespace}}/{{name}}"]
beneath = ["ns/{{namespace}}"]
bytes = 1_000

[[quota]]
name = "guests"
identities = ["anonymous"]
beneath = ["public"]
keys = 0

[[quota]]
name = "everything"
beneath = [""]
keys = 1000
"#
    );
    let policy = Policy::parse(&text).unwrap();
    assert_eq!(policy.quota_count(), 4);
    let all = "quota 'everything' allows 1000 keys in all";
    assert_eq!(
        quotas(&policy, "user/ops"),
        [
            "quota 'homes' allows 10 keys and 2097152 bytes beneath 'homes/ops'",
            "quota 'homes' allows 10 keys and 2097152 bytes beneath 'old/home-ops'",
            all
        ]
    );
    assert_eq!(
        quotas(&policy, "pod/shop/cart"),
        ["quota 'pods' allows 1000 bytes beneath 'ns/shop'", all]
    );
    assert_eq!(
        quotas(&policy, "anonymous"),
        ["quota 'guests' allows 0 keys beneath 'public'", all]
    );
}

#[test]
fn a_quota_that_says_too_little_or_nothing_sensible_is_an_error() {
    for (body, why) in [
        ("keys = 1", "5:1: beneath is missing"),
        ("beneath = [\"a\"]", "the quota limits nothing"),
        (
            "beneath = [\"a/{name}\"]\nkeys = 1",
            "identities is missing",
        ),
        ("beneath = [\"a//b\"]\nkeys = 1", "no empty segment"),
        ("beneath = [\"a:{port}\"]\nkeys = 1", "{port}"),
        ("beneath = [\"a\"]\nkeys = -1", "keys: not a whole number"),
        (
            "beneath = [\"a\"]\nkeys = \"1KiB\"",
            "keys: not a whole number",
        ),
        (
            "beneath = [\"a\"]\nbytes = 1.5",
            "bytes: not a whole number",
        ),
        ("beneath = [\"a\"]\nbytes = \"1MB\"", "such as \"64MiB\""),
        (
            "beneath = [\"a\"]\nbytes = \"99999999999TiB\"",
            "not a whole number",
        ),
        ("beneath = [\"a\"]\nkey = 1", "is it keys?"),
        (
            "beneath = [\"a\"]\nkeys = 1\n[[quota]]\nname = \"q\"\nbeneath = [\"b\"]\nkeys = 1",
            "already",
        ),
    ] {
        let text = format!("\n\n\n\n[[quota]]\nname = \"q\"\n{body}\n");
        let error = Policy::parse(&text).unwrap_err().to_string();
        assert!(error.contains(why), "{body}: {error}");
    }
}

#[test]
fn quotas_that_are_hardly_meant_so_are_warned_of() {
    let warned = |body: &str| {
        let rule = "[[rule]]\nname = \"r\"\nidentities = [\"*\"]\nrole = \"admin\"";
        let text = format!("{HEAD}\n{rule}\n[[quota]]\nname = \"q\"\nkeys = 1\n{body}");
        let policy = Policy::parse(&text).unwrap();
        let warnings = policy.warnings().into_iter();
        warnings.map(|warning| warning.message).collect::<Vec<_>>()
    };
    assert_eq!(
        warned("identities = [\"host/{name}/x\"]\nbeneath = [\"a\"]"),
        ["quota 'q': no [[identity]] gives a principal 'host/{name}/x'"]
    );
    assert_eq!(
        warned("identities = [\"user/{name}\"]\nbeneath = [\"a/{namespace}\"]"),
        ["quota 'q': {namespace} in a prefix is not filled in for user/sample-name"]
    );
    assert!(warned("identities = [\"user/{name}\"]\nbeneath = [\"a/{name}\"]").is_empty());
}
