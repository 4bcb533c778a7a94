//! Random requests with random proofs: each is answered as to whom all its proofs name, and refused where they do not agree.

use super::gateway::{ADMIN, Answer, Gateway, ME, STRANGER};
use super::tokens::{EXPIRED, MINE, MINE_TOO, OTHERS, UNKNOWN, basic, gateway, header};

const REQUESTS: usize = 400;

/// What a proof says of who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Nothing,
    Name(&'static str),
    /// It is good, and names nobody.
    Nobody,
    /// It is not known.
    Unknown,
}

/// Who all proofs together are.
fn together(all: [Says; 3]) -> Says {
    let mut found = Says::Nothing;
    // What is not known refuses the request before anything else.
    if all.contains(&Says::Unknown) {
        return Says::Unknown;
    }
    for says in all {
        found = match (found, says) {
            (found, Says::Nothing) => found,
            (Says::Nothing, says) => says,
            (found, says) if found == says => found,
            (_, _) => Says::Nobody,
        };
    }
    found
}

fn one<T: Copy>(random: &mut fastrand::Rng, all: &[T]) -> T {
    all[random.usize(..all.len())]
}

async fn ask(
    gateway: &Gateway,
    is_etcd: bool,
    (who, headers): (&str, &[(&str, String)]),
    (method, key): (&str, &str),
) -> Answer {
    if is_etcd {
        let what = format!("{method} /v2/keys/{key}");
        gateway.etcd_with(who, headers, (&what, "value=v")).await
    } else {
        let what = format!("{method} kv/{key}");
        gateway.consul_with(who, headers, (&what, "v")).await
    }
}

const CERTIFICATES: [(&str, Says); 4] = [
    ("", Says::Nothing),
    (ME, Says::Name(ME)),
    ("other", Says::Name("other")),
    (STRANGER, Says::Nobody),
];

const TOKENS: [(&str, Says); 7] = [
    ("", Says::Nothing),
    ("", Says::Nothing),
    (MINE, Says::Name(ME)),
    (MINE_TOO, Says::Name(ME)),
    (OTHERS, Says::Name("other")),
    (EXPIRED, Says::Unknown),
    (UNKNOWN, Says::Unknown),
];

const PASSWORDS: [((&str, &str), Says); 5] = [
    (("", ""), Says::Nothing),
    (("", ""), Says::Nothing),
    ((ME, "mine"), Says::Name(ME)),
    (("other", "other's"), Says::Name("other")),
    ((ME, "other's"), Says::Unknown),
];

#[tokio::test(start_paused = true)]
async fn a_request_is_that_of_whom_all_its_proofs_name() {
    let gateway = gateway().await;
    let random = &mut fastrand::Rng::with_seed(7);
    let mut counts = [0; 4];
    for _ in 0..REQUESTS {
        let is_etcd = random.bool();
        let (certificate, by_certificate) = one(random, &CERTIFICATES);
        // etcd's clients have none, and a header of that name means nothing there.
        let (token, mut by_token) = one(random, &TOKENS);
        let ((user, password), by_password) = one(random, &PASSWORDS);
        let mut headers = vec![header(token)];
        if !user.is_empty() {
            headers.push(basic(user, password));
        }
        if is_etcd {
            by_token = Says::Nothing;
        }
        let who = together([by_certificate, by_token, by_password]);
        let method = one(random, &["GET", "PUT", "DELETE"]);
        let key = one(random, &["mine/k", "other/k", "open/k"]);
        let before = gateway.state();
        let answer = ask(&gateway, is_etcd, (certificate, &headers), (method, key)).await;
        let shown = format!("{method} {key} of {certificate:?} {headers:?}: {answer:?}");
        let allowed = match who {
            Says::Nothing => key == "open/k",
            Says::Name(ME) => key == "mine/k",
            Says::Name(_) => key == "other/k",
            Says::Nobody | Says::Unknown => false,
        };
        let refusal = if is_etcd { 401 } else { 403 };
        assert_eq!(answer.status != refusal, allowed, "{shown}");
        assert!(answer.status < 500, "{shown}");
        if !allowed {
            assert_eq!(gateway.state(), before, "{shown}");
        }
        if !is_etcd {
            let is_unknown = answer.body == "ACL not found";
            assert_eq!(is_unknown, who == Says::Unknown, "{shown}");
        }
        counts[match (allowed, who) {
            (true, _) => 0,
            (false, Says::Nobody) => 1,
            (false, Says::Unknown) => 2,
            (false, Says::Nothing | Says::Name(_)) => 3,
        }] += 1;
        for key in ["mine/k", "other/k", "open/k"] {
            gateway.consul(ADMIN, &format!("PUT kv/{key}"), "1").await;
        }
    }
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
}
