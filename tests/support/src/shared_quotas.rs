//! Quotas of a policy on a store that two gateways share: a scenario that holds whatever the store is.

use std::path::Path;

use crate::gateway::until_ready;
use crate::metrics::metric;
use crate::requests::{ask, ask_body};
use crate::running::Running;

use rustix::process::Signal;

/// How many keys may be beneath `t`, and how many bytes beneath `b`.
const KEYS: usize = 20;
const BYTES: usize = 4096;

/// Whom the quotas bind: everybody, and all may write.
const POLICY: &str = r#"
[[rule]]
name = "open"
identities = ["anonymous"]
allow = ["all"]
beneath = [""]
sessions = "all"

[[quota]]
name = "keys"
beneath = ["t"]
keys = 20

[[quota]]
name = "bytes"
beneath = ["b"]
bytes = 4096
"#;

/// Writes the policy, and returns the option of a gateway that has it.
pub fn policy_option(directory: &Path) -> String {
    let file = directory.join("policy.toml");
    std::fs::write(&file, POLICY).unwrap();
    format!("--policy={}", file.display())
}

fn put(gateway: &Running, key: &str, value: &str) -> u16 {
    let answer = ask_body(gateway.consul, &format!("PUT /v1/kv/{key}"), "", value);
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    if status == 413 {
        assert!(answer.contains("over quota"), "{answer}");
    }
    status
}

fn is_put(gateway: &Running, key: &str) -> bool {
    match put(gateway, key, "v") {
        200 => true,
        413 => false,
        other => panic!("{key}: {other}"),
    }
}

/// The keys that are there, beneath a prefix.
fn keys(gateway: &Running, prefix: &str) -> usize {
    let answer = ask(gateway.consul, &format!("GET /v1/kv/{prefix}/?keys"));
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let keys: Vec<String> = serde_json::from_str(body).unwrap();
    keys.len()
}

fn used(gateway: &Running, of: &str) -> u64 {
    metric(
        gateway,
        &format!("kubekv_policy_quota_used{{quota=\"{of}\",resource=\"{of}\"}}"),
    )
}

/// Clients of both gateways, all at once, for more places than there are: exactly the places are taken.
fn race(gateways: [&Running; 2], turn: usize) -> usize {
    let taken: Vec<bool> = std::thread::scope(|scope| {
        let each = (0..2 * KEYS).map(|at| {
            let gateway = gateways[at % 2];
            scope.spawn(move || is_put(gateway, &format!("t/{turn}-{at}")))
        });
        let each: Vec<_> = each.collect();
        each.into_iter().map(|one| one.join().unwrap()).collect()
    });
    taken.into_iter().filter(|taken| *taken).count()
}

/// Quotas hold for the clients of both gateways together, and after a take-over by what is there then. The second one relays.
pub fn quotas_hold_for_two_gateways_and_over_a_takeover((first, second): (Running, Running)) {
    assert!(is_put(&first, "t/first"));
    assert!(is_put(&second, "t/second"));
    let half = "x".repeat(BYTES / 2);
    assert_eq!(put(&second, "b/one", &half), 200);
    assert_eq!(put(&first, "b/two", &half), 413);
    assert_eq!(race([&first, &second], 1), KEYS - 2);
    assert_eq!((keys(&first, "t"), used(&first, "keys")), (KEYS, 20));
    assert!(!is_put(&second, "t/more"));
    // What is there already may change, and what goes makes room for one.
    assert!(is_put(&second, "t/first"));
    assert!(ask(second.consul, "DELETE /v1/kv/t/first").contains("true"));
    assert!(is_put(&first, "t/first"));
    assert!(!is_put(&first, "t/more"));
    first.signal(Signal::KILL);
    let _ended = first.end();
    until_ready(&second);
    assert_eq!((keys(&second, "t"), used(&second, "keys")), (KEYS, 20));
    assert!(!is_put(&second, "t/more"));
    assert_eq!(put(&second, "b/two", &half), 413);
    assert_eq!(put(&second, "b/two", "small"), 200);
    assert!(ask(second.consul, "DELETE /v1/kv/t/?recurse").contains("true"));
    assert_eq!(race([&second, &second], 2), KEYS);
    assert_eq!((keys(&second, "t"), used(&second, "keys")), (KEYS, 20));
    assert_eq!(second.stop().code, 0);
}
