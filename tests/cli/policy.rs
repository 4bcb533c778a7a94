//! `kubekv policy`: what operators see before a gateway has a policy.

use std::path::Path;

use support::command::{Done, run};
use tempfile::TempDir;

const POLICY: &str = r#"
[[identity]]
authority = "CN=kubekv CA"
field = "ip"
name = "{ip}"
principal = "node/{ip}"

[[identity]]
authority = "CN=kubekv CA"
field = "cn"
name = "ops-{name}"
principal = "ops/{name}"

[[rule]]
name = "hosts"
identities = ["node/{ip}"]
role = "docker-node"

[[rule]]
name = "operators"
identities = ["ops/{name}"]
role = "admin"

[[rule]]
name = "frozen"
identities = ["*"]
deny = ["create", "write"]
beneath = ["frozen"]

[[rule]]
name = "blind"
identities = ["anonymous"]
allow = ["list"]
beneath = ["blind"]
"#;

struct Files(TempDir);

impl Files {
    fn with(policy: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        std::fs::write(files.path("policy.toml"), policy).unwrap();
        files
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn check(&self) -> Done {
        run(&["policy", "check", &self.path("policy.toml")])
    }

    fn explain(&self, options: &[&str], words: &[&str]) -> Done {
        let file = self.path("policy.toml");
        run(&[&["policy", "explain"], options, &[&file], words].concat())
    }
}

#[test]
fn a_good_policy_can_be_used_and_has_its_warnings() {
    let files = Files::with(POLICY);
    let done = files.check();
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let path = files.path("policy.toml");
    let lines: Vec<_> = done
        .text()
        .lines()
        .map(|line| line.strip_prefix(&path).unwrap())
        .collect();
    assert_eq!(
        lines[0],
        ":30:1: warning: rule 'blind' allows anonymous to list 'blind' and beneath, which it may not read: without read \
         nothing else is allowed"
    );
    assert!(
        lines[1].starts_with(": can be used: rules 4, warnings 1, sha256:"),
        "{}",
        lines[1]
    );
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_bad_policy_is_refused_where_it_is_bad() {
    let files = Files::with("[[rule]]\nname = \"a\"\nidentity = [\"a\"]\n");
    let done = files.check();
    let path = files.path("policy.toml");
    assert_eq!(done.code, 2);
    let says = format!("{path}:3:1: identity: no such field; is it identities?");
    assert!(done.err.contains(&says), "{}", done.err);
    assert_eq!(files.explain(&[], &["anonymous", "read", "a"]).code, 2);
    std::fs::write(&path, b"\xff").unwrap();
    assert_eq!(files.check().code, 2);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(files.check().code, 8);
}

#[test]
fn explain_says_which_rule_decides() {
    let files = Files::with(POLICY);
    let explain = |words: &[&str]| {
        let done = files.explain(&[], words);
        (done.code, done.text().to_owned() + &done.err)
    };
    let own = explain(&["node/10.0.0.1", "write", "docker/nodes/10.0.0.1:2376"]);
    assert_eq!(
        own,
        (
            0,
            "node/10.0.0.1, {ip} = 10.0.0.1\nallowed by rule 'hosts'\n".to_owned()
        )
    );
    let other = explain(&["node/10.0.0.1", "write", "docker/nodes/10.0.0.10:2376"]);
    assert_eq!(
        other,
        (
            1,
            "node/10.0.0.1, {ip} = 10.0.0.1\nrefused: no rule allows it\n".to_owned()
        )
    );
    let denied = explain(&["ops/a", "cas", "frozen/x"]);
    assert_eq!(
        denied,
        (
            1,
            "ops/a, {name} = a\nrefused: rule 'frozen' denies it\n".to_owned()
        )
    );
    let (code, text) = explain(&["anonymous", "list", "blind/x"]);
    assert!(code == 1 && text.contains("but none to read it"), "{text}");
    assert_eq!(explain(&["node/10.0.0.1", "session"]).0, 0);
    assert_eq!(explain(&["anonymous", "session"]).0, 1);
    for wrong in [
        &["nobody", "read", "a"][..],
        &["anonymous", "reed", "a"],
        &["anonymous", "read"],
        &["anonymous", "session", "a"],
        &["anonymous"],
    ] {
        assert_eq!(explain(wrong).0, 2, "{wrong:?}");
    }
}

#[test]
fn explain_says_where_in_a_tree_something_is_refused() {
    let files = Files::with(POLICY);
    let explain = |identity: &str, verb: &str, key: &str| {
        let done = files.explain(&["--prefix"], &[identity, verb, key]);
        let answer = done.text().lines().last().unwrap_or_default().to_owned();
        (done.code, answer)
    };
    for (identity, verb, key, code, answer) in [
        ("ops/a", "write", "docker/", 0, "allowed for all of it"),
        (
            "ops/a",
            "write",
            "fro",
            1,
            "refused: rule 'frozen' denies it with 'frozen'",
        ),
        (
            "ops/a",
            "create",
            "frozen/x/",
            1,
            "refused: rule 'frozen' denies it with 'frozen/x/'",
        ),
        (
            "anonymous",
            "delete",
            "docker/",
            1,
            "refused: no rule allows it with 'docker/'",
        ),
        (
            "node/10.0.0.1",
            "list",
            "docker/",
            0,
            "allowed for a part of it: no rule allows it with 'docker/'",
        ),
    ] {
        assert_eq!(
            explain(identity, verb, key),
            (code, answer.to_owned()),
            "{identity} {verb} {key}"
        );
    }
    assert_eq!(files.explain(&["--prefix"], &["ops/a", "session"]).code, 2);
}

#[test]
fn check_counts_quotas_and_explain_names_those_that_may_refuse() {
    let quota = r#"
[[quota]]
name = "own"
identities = ["ops/{name}"]
beneath = ["homes/{name}"]
keys = 10
bytes = "1KiB"

[[quota]]
name = "all"
beneath = [""]
keys = 1_000
"#;
    let files = Files::with(&format!("{POLICY}{quota}"));
    let checked = files.check();
    let says = "rules 4, quotas 2, warnings 1";
    assert!(
        checked.code == 0 && checked.text().contains(says),
        "{checked:?}"
    );
    let explain = |words: &[&str]| files.explain(&[], words).text().to_owned();
    let who = "ops/a, {name} = a\nallowed by rule 'operators'\n";
    let own = "quota 'own' allows 10 keys and 1024 bytes beneath 'homes/a'\n";
    let all = "quota 'all' allows 1000 keys in all\n";
    for verb in ["create", "write", "cas", "lock"] {
        let said = explain(&["ops/a", verb, "homes/a/x"]);
        assert_eq!(said, format!("{who}{own}{all}"));
    }
    assert_eq!(
        explain(&["ops/a", "write", "homes/ab"]),
        format!("{who}{all}")
    );
    assert_eq!(explain(&["ops/a", "delete", "homes/a/x"]), who);
    assert!(!explain(&["ops/a", "write", "frozen/x"]).contains("quota"));
}

#[test]
fn explain_recognizes_a_certificate_as_a_gateway_does() {
    let files = Files::with(POLICY);
    let dir = files.path("");
    for words in [
        &["ca"][..],
        &["node", "10.0.0.1"],
        &["client", "ops-ann"],
        &["client", "guest"],
    ] {
        assert_eq!(run(&[&["certs"], words, &["--dir", &dir]].concat()).code, 0);
    }
    let (ca, crl) = (files.path("ca.crt"), files.path("ca.crl"));
    let explain = |name: &str, more: &[&str], words: &[&str]| {
        let certificate = files.path(name);
        let options = ["--certificate", &certificate, "--client-ca", &ca];
        let done = files.explain(&[&options, more].concat(), words);
        (done.code, done.text().to_owned() + &done.err)
    };
    let (code, text) = explain("node-10.0.0.1.crt", &[], &["read", "docker/nodes/x"]);
    assert_eq!(
        (code, text.as_str()),
        (
            0,
            "node/10.0.0.1, {ip} = 10.0.0.1\nallowed by rule 'hosts'\n"
        )
    );
    assert_eq!(explain("client-ops-ann.crt", &[], &["delete", "any"]).0, 0);
    let (code, text) = explain("client-guest.crt", &[], &["read", "any"]);
    assert!(
        code == 1 && text.contains("not recognized: no [[identity]] of its authority fits it"),
        "{text}"
    );
    // What a handshake refuses names nobody.
    assert_eq!(
        run(&[
            "certs",
            "revoke",
            "--dir",
            &dir,
            &files.path("client-ops-ann.crt")
        ])
        .code,
        0
    );
    let (code, text) = explain("client-ops-ann.crt", &["--crl", &crl], &["delete", "any"]);
    assert!(code == 8 && text.contains("Revoked"), "{text}");
    assert_eq!(explain("policy.toml", &[], &["read", "any"]).0, 8);
}

/// Each policy that the documentation shows can be used as it is.
#[test]
fn policies_of_the_documentation_are_good() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let text = std::fs::read_to_string(docs.join("policy.md")).unwrap();
    let blocks = text.split("```toml\n").skip(1);
    let blocks: Vec<_> = blocks
        .map(|block| block.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 4);
    for block in blocks {
        let done = Files::with(block).check();
        assert!(
            done.code == 0 && done.text().contains("warnings 0"),
            "{block}{done:?}"
        );
    }
}

#[test]
fn explain_recognizes_a_service_account_and_its_pod() {
    let table = |field: &str, name: &str, principal: &str| {
        format!(
            "[[identity]]\nauthority = \"kubernetes\"\nfield = \"{field}\"\nname = \"{name}\"\nprincipal = \"{principal}\"\n\n"
        )
    };
    let rule = |name: &str, who: &str| {
        format!(
            "[[rule]]\nname = \"{name}\"\nidentities = [\"{who}\"]\nallow = [\"all\"]\nbeneath = [\"{who}\"]\n\n"
        )
    };
    let files = Files::with(
        &[
            table("service-account", "shop/{name}", "shop/{name}"),
            table("pod", "data/db/{name}", "db/{name}"),
            rule("apps", "shop/{name}"),
            rule("pods", "db/{name}"),
        ]
        .concat(),
    );
    assert_eq!(files.check().code, 0);
    let explain = |account: &str, key: &str| {
        let done = files.explain(&["--service-account", account], &["write", key]);
        (done.code, done.text().to_owned())
    };
    assert_eq!(
        explain("shop/cart", "shop/cart/x"),
        (
            0,
            "shop/cart, {name} = cart\nallowed by rule 'apps'\n".to_owned()
        )
    );
    assert_eq!(explain("shop/cart", "shop/other/x").0, 1);
    assert_eq!(explain("data/db/db-0", "db/db-0/x").0, 0);
    let (code, text) = explain("data/db", "db/db-0/x");
    assert_eq!(code, 1);
    assert!(
        text.contains("no [[identity]] of ServiceAccounts fits its name, 'data/db'"),
        "{text}"
    );
    for wrong in ["shop", "a/b/c/d"] {
        assert_eq!(explain(wrong, "x").0, 2, "{wrong}");
    }
}

/// The examples of a block of the documentation that ask about a policy: the words of each command, and what it prints.
fn examples(console: &str) -> Vec<(Vec<&str>, String)> {
    let commands = console.split("$ ").skip(1);
    let of_policy = commands.filter(|command| command.starts_with("kubekv policy "));
    of_policy
        .map(|command| {
            let (words, printed) = command.split_once('\n').unwrap();
            (words.split(' ').skip(1).collect(), printed.to_owned())
        })
        .collect()
}

/// Each example is about the policy before it.
#[test]
fn examples_of_the_documentation_print_what_is_shown() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let text = std::fs::read_to_string(docs.join("policy.md")).unwrap();
    let mut files = Files::with("");
    let mut shown = 0;
    for block in text.split("\n```").skip(1).step_by(2) {
        let block = format!("{block}\n");
        if let Some(policy) = block.strip_prefix("toml\n") {
            files = Files::with(policy);
        }
        let examples = examples(block.strip_prefix("console\n").unwrap_or_default());
        if examples
            .iter()
            .any(|(words, _)| words.contains(&"--certificate"))
        {
            let dir = files.path("");
            for words in [&["ca", "--name", "nodes"][..], &["node", "10.0.0.1"]] {
                assert_eq!(run(&[&["certs"], words, &["--dir", &dir]].concat()).code, 0);
            }
        }
        for (words, printed) in examples {
            let is_file = |word: &str| {
                let end = word.rsplit_once('.').map(|(_, end)| end);
                matches!(end, Some("toml" | "crt"))
            };
            let named = words.iter().map(|word| {
                if is_file(word) {
                    files.path(word)
                } else {
                    (*word).to_owned()
                }
            });
            let named: Vec<_> = named.collect();
            let done = run(&named.iter().map(String::as_str).collect::<Vec<_>>());
            let text = done.text().replace(&files.path(""), "");
            // Of a fingerprint nothing is shown.
            let text = text.split_inclusive("sha256:").next().unwrap();
            let printed = printed.split_inclusive("sha256:").next().unwrap();
            assert_eq!((text, done.err.as_str()), (printed, ""), "{words:?}");
            shown += 1;
        }
    }
    assert_eq!(shown, 5);
}

/// The objects of the documentation are a policy, before a cluster has them.
#[test]
fn a_manifest_of_objects_is_checked_and_explained_as_a_file_is() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let text = std::fs::read_to_string(docs.join("policy.md")).unwrap();
    let mut blocks = text.split("```yaml\n").skip(1);
    let block = blocks.find(|block| block.contains("kind: AccessPolicy"));
    let block = block.unwrap();
    let manifest = block.split("```").next().unwrap();
    let files = Files::with("");
    let write = |name: &str, text: &str| {
        let path = files.path(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let path = write("policy.yaml", manifest);
    let done = run(&["policy", "check", &path]);
    assert_eq!(done.code, 0, "{done:?}");
    let words = "can be used: objects 1, rules 1, quotas 1, warnings 0, sha256:";
    assert!(done.text().contains(words), "{done:?}");
    let asked = ["node/10.0.0.1", "write", "docker/nodes/10.0.0.1:2376"];
    let explained = run(&[&["policy", "explain", &path], &asked[..]].concat());
    assert!(
        explained.text().contains("allowed by rule 'hosts'"),
        "{explained:?}"
    );

    let other = manifest
        .replace("docker-hosts", "other")
        .replace("{name: trees", "{name: others");
    let both = format!("{manifest}---\n{other}");
    let clash = run(&["policy", "check", &write("clash.yml", &both)]);
    assert_eq!(clash.code, 2);
    let words = "clash.yml: other: docker-hosts has a rule 'hosts' already";
    assert!(clash.err.contains(words), "{clash:?}");
    let bad = manifest.replace("beneath: [docker]", "beneath: [docker//x]");
    let bad = run(&["policy", "check", &write("bad.yaml", &bad)]);
    assert_eq!(bad.code, 2);
    let words = "bad.yaml: docker-hosts: spec.quotas[0].beneath[0]: ";
    assert!(bad.err.contains(words), "{bad:?}");
    let quota = r#"{"apiVersion":"kubekv.io/v1alpha1","kind":"AccessPolicy","metadata":{"name":"q"},
        "spec":{"rules":[{"name":"r","identities":["*"],"allow":["read"],"beneath":["a"]}]}}"#;
    let warned = run(&["policy", "check", &write("policy.json", quota)]);
    assert_eq!(warned.code, 0);
    let words =
        "policy.json: warning: q: spec.rules[0]: rule 'r' is about nobody: there is no identity";
    assert!(warned.text().contains(words), "{warned:?}");
    let nothing = run(&["policy", "check", &write("none.yaml", "kind: ConfigMap\n")]);
    assert_eq!(nothing.code, 2);
    assert!(
        nothing.err.contains("there is no AccessPolicy"),
        "{nothing:?}"
    );
}
