//! Tokens and passwords of requests: whose they are on each face, and that what is not known refuses its request.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use kubekv::guard::PolicyMode;
use kubekv::guard::credentials::{CredentialText, NewToken, PasswordHash};

use super::gateway::{ADMIN, Answer, Gateway, ME, rule};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const MINE: &str = "11111111-0000-4000-8000-000000000001";
pub(crate) const MINE_TOO: &str = "11111111-0000-4000-8000-000000000002";
pub(crate) const OTHERS: &str = "22222222-0000-4000-8000-000000000001";
pub(crate) const EXPIRED: &str = "33333333-0000-4000-8000-000000000001";
pub(crate) const UNKNOWN: &str = "44444444-0000-4000-8000-000000000001";
const NAMELESS: &str = "55555555-0000-4000-8000-000000000001";

/// The accessor of the token with this secret.
fn accessor(secret: &str) -> String {
    secret.replace("-0000-", "-aaaa-")
}

/// A file of tokens: their secrets, names and ends.
pub(crate) fn tokens(all: &[(&str, &str, Option<&str>)]) -> CredentialText {
    let mut text = CredentialText::parse(String::new()).unwrap();
    for (secret, name, expires) in all {
        let token = NewToken {
            accessor: &accessor(secret),
            name,
            secret,
            expires: expires.map(|expires| expires.parse().unwrap()),
            description: None,
        };
        text = text.with_token(&token).unwrap();
    }
    text
}

/// Everybody's tokens and passwords.
pub(crate) fn everybody() -> String {
    let text = tokens(&[
        (MINE, ME, None),
        (MINE_TOO, ME, Some("2999-01-01T00:00:00Z")),
        (OTHERS, "other", None),
        (EXPIRED, ME, Some("2026-01-01T00:00:00Z")),
        (NAMELESS, "a/name that fits nothing", None),
    ]);
    let text = text.with_password(ME, &cheap("mine")).unwrap();
    let text = text.with_password("other", &cheap("other's")).unwrap();
    text.as_str().to_owned()
}

/// The hash of a password; made once for each in a process, since it takes long.
fn cheap(password: &str) -> PasswordHash {
    PasswordHash::make(password.as_bytes()).unwrap()
}

pub(crate) fn basic(user: &str, password: &str) -> (&'static str, String) {
    let pair = STANDARD.encode(format!("{user}:{password}"));
    ("authorization", format!("Basic {pair}"))
}

pub(crate) fn header(token: &str) -> (&'static str, String) {
    ("X-Consul-Token", token.to_owned())
}

fn bearer(token: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {token}"))
}

pub(crate) fn rules() -> String {
    let of = |who: &str, name: &str, keys: &str| {
        let body = format!("allow = [\"all\"]\nbeneath = [\"{keys}\"]\nsessions = \"own\"");
        rule(name, &body).replace(&format!("\"{ME}\""), &format!("\"{who}\""))
    };
    [
        of(ME, "mine", "mine"),
        of("other", "others", "other"),
        of("anonymous", "open", "open"),
    ]
    .concat()
}

pub(crate) async fn gateway() -> Gateway {
    let mut gateway = Gateway::start(&rules()).await;
    gateway.begin_credentials(&everybody());
    for key in ["mine/k", "other/k", "open/k"] {
        gateway.set(key, "1").await;
    }
    gateway
}

fn said(answer: &Answer) -> (u16, &str) {
    (answer.status, &answer.body)
}

const DENIED: (u16, &str) = (403, "Permission denied");
const NOT_FOUND: (u16, &str) = (403, "ACL not found");

#[tokio::test]
async fn a_token_is_its_names_wherever_consuls_clients_put_it() {
    let gateway = gateway().await;
    let places: [(&str, Vec<(&str, String)>); 4] = [
        ("token=TOKEN", vec![]),
        ("", vec![header(MINE)]),
        ("", vec![bearer(MINE)]),
        ("", vec![basic(ME, "mine")]),
    ];
    for (query, headers) in places {
        let query = query.replace("TOKEN", MINE);
        let ask = |what: &str| format!("{what}&{query}");
        let get = |what: String| {
            let (gateway, headers) = (&gateway, &headers);
            async move { gateway.consul_with("", headers, (&what, "")).await }
        };
        assert_eq!(said(&get(ask("GET kv/mine/k?raw")).await), (200, "1"));
        assert_eq!(said(&get(ask("GET kv/other/k?raw")).await), DENIED);
        // Not what anybody may without one.
        assert_eq!(said(&get(ask("GET kv/open/k?raw")).await), DENIED);
        let put = ask("PUT kv/mine/new?flags=1");
        let put = gateway.consul_with("", &headers, (&put, "v")).await;
        assert_eq!(said(&put), (200, "true"));
    }
    assert_eq!(
        said(&gateway.consul("", "GET kv/open/k?raw", "").await),
        (200, "1")
    );
}

#[tokio::test(start_paused = true)]
async fn of_several_tokens_the_first_counts_in_consuls_order() {
    let gateway = gateway().await;
    let mine = "GET kv/mine/k?raw";
    for (what, headers) in [
        (
            format!("{mine}&token={MINE}"),
            vec![header(UNKNOWN), bearer(OTHERS)],
        ),
        (format!("{mine}&token={MINE}&token={UNKNOWN}"), vec![]),
        (
            format!("{mine}&token="),
            vec![header(MINE), bearer(UNKNOWN)],
        ),
        (mine.to_owned(), vec![header(""), bearer(MINE)]),
        (mine.to_owned(), vec![header(MINE), header(UNKNOWN)]),
        // What is no token at all.
        (
            mine.to_owned(),
            vec![header(MINE), ("Authorization", "Digest x".to_owned())],
        ),
    ] {
        let answer = gateway.consul_with("", &headers, (&what, "")).await;
        assert_eq!(said(&answer), (200, "1"), "{what} {headers:?}");
    }
    let what = format!("{mine}&token={UNKNOWN}");
    let answer = gateway.consul_with("", &[header(MINE)], (&what, "")).await;
    assert_eq!(said(&answer), NOT_FOUND);
}

fn unreadable() -> (&'static str, String) {
    ("authorization", "Basic ????".to_owned())
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_refuses_its_request_to_consul_and_changes_nothing() {
    let gateway = gateway().await;
    let before = gateway.state();
    for headers in [
        vec![header(UNKNOWN)],
        vec![header(EXPIRED)],
        vec![header(&accessor(MINE))],
        vec![bearer("x")],
        vec![basic(ME, "Mine")],
        vec![basic("nobody", "mine")],
        vec![basic(ME, "")],
        vec![basic(ME, &"x".repeat(2_000))],
        vec![unreadable()],
        vec![header(MINE), basic(ME, "wrong")],
        vec![header(UNKNOWN), basic(ME, "mine")],
    ] {
        for what in [
            "GET kv/open/k",
            "PUT kv/open/k",
            "DELETE kv/?recurse",
            "PUT session/create",
            "GET agent/self",
        ] {
            // Neither does the certificate of who may do everything.
            for who in ["", ADMIN] {
                let answer = gateway.consul_with(who, &headers, (what, "{}")).await;
                assert_eq!(said(&answer), NOT_FOUND, "{who} {what} {headers:?}");
            }
        }
        // Which Consul tells everybody.
        for open in ["GET status/leader", "GET catalog/datacenters"] {
            let answer = gateway.consul_with("", &headers, (open, "")).await;
            assert_eq!(answer.status, 200, "{open}");
        }
    }
    assert_eq!(gateway.state(), before);
    for (kind, reason) in [
        ("token", "unknown"),
        ("token", "expired"),
        ("password", "unknown"),
        ("password", "wrong"),
        ("password", "unreadable"),
    ] {
        let labels = format!("{{kind=\"{kind}\",reason=\"{reason}\"}}");
        let refused = gateway.metric(&format!("kubekv_credentials_refusals_total{labels}"));
        assert!(refused >= Some(10), "{kind} {reason}: {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_refuses_its_request_to_etcd_and_changes_nothing() {
    let gateway = gateway().await;
    let before = gateway.state();
    for headers in [
        vec![basic(ME, "Mine")],
        vec![basic("nobody", "mine")],
        vec![unreadable()],
        vec![bearer(MINE)],
    ] {
        for what in [
            "GET /v2/keys/open/k",
            "PUT /v2/keys/open/k",
            "GET /v2/keys/?wait=true",
            "GET /v2/auth/users",
        ] {
            let answer = gateway.etcd_with(ADMIN, &headers, (what, "value=v")).await;
            let words = r#"{"errorCode":110,"message":"The request requires user authentication","cause":"Insufficient credentials","index":0}"#;
            assert_eq!(
                (answer.status, answer.body.trim_end()),
                (401, words),
                "{what} {headers:?}"
            );
        }
        for open in ["GET /version", "GET /v2/members", "GET /health"] {
            let answer = gateway.etcd_with("", &headers, (open, "")).await;
            assert_eq!(answer.status, 200, "{open}");
        }
    }
    assert_eq!(gateway.state(), before);
}

#[tokio::test]
async fn etcds_users_are_who_their_names_are() {
    let gateway = gateway().await;
    let mine = [basic(ME, "mine")];
    for (what, status) in [
        ("GET /v2/keys/mine/k", 200),
        ("PUT /v2/keys/mine/x", 201),
        ("GET /v2/keys/mine?recursive=true", 200),
        ("GET /v2/keys/other/k", 401),
        ("GET /v2/keys/open/k", 401),
    ] {
        let answer = gateway.etcd_with("", &mine, (what, "value=v")).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
    }
}

#[tokio::test]
async fn without_a_file_of_credentials_what_requests_show_is_ignored() {
    let gateway = Gateway::start(&rules()).await;
    gateway.set("open/k", "1").await;
    for headers in [[header(UNKNOWN)], [basic(ME, "mine")], [bearer(MINE)]] {
        let answer = gateway
            .consul_with("", &headers, ("GET kv/open/k?raw", ""))
            .await;
        assert_eq!(said(&answer), (200, "1"));
        let answer = gateway
            .consul_with(ADMIN, &headers, ("GET kv/mine/k", ""))
            .await;
        assert_eq!(answer.status, 404);
        let answer = gateway
            .etcd_with("", &headers, ("GET /v2/keys/open/k", ""))
            .await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn a_token_whose_name_fits_no_identity_may_do_nothing() {
    let gateway = gateway().await;
    let answer = gateway
        .consul_with("", &[header(NAMELESS)], ("GET kv/open/k", ""))
        .await;
    assert_eq!(said(&answer), DENIED);
}

#[tokio::test]
async fn in_mode_warn_what_is_not_known_is_told_and_answered() {
    let mut gateway = Gateway::start_in(PolicyMode::Warn, &rules()).await;
    gateway.begin_credentials(&everybody());
    gateway.set("mine/k", "1").await;
    for headers in [[header(UNKNOWN)], [basic(ME, "wrong")]] {
        let answer = gateway
            .consul_with("", &headers, ("GET kv/mine/k?raw", ""))
            .await;
        assert_eq!(said(&answer), (200, "1"), "{headers:?}");
    }
    let refused = "kubekv_policy_refusals_total{mode=\"warn\",verb=\"read\"}";
    assert_eq!(gateway.metric(refused), Some(2));
    let answer = gateway
        .consul_with("", &[header(MINE)], ("GET kv/mine/k?raw", ""))
        .await;
    assert_eq!(said(&answer), (200, "1"));
    assert_eq!(gateway.metric(refused), Some(2));
}

/// Parks a query of the bearer of this header, does something meanwhile, and returns the query's answer.
async fn parked(
    gateway: &Gateway,
    header: (&'static str, String),
    meanwhile: impl Future<Output = ()>,
) -> Answer {
    let headers = [header];
    let index = gateway
        .consul_with("", &headers, ("GET kv/mine/k", ""))
        .await
        .index();
    let query = format!("GET kv/mine/k?index={index}&wait=10m");
    let parked = gateway.consul_with("", &headers, (&query, ""));
    let both = async { tokio::join!(parked, meanwhile) };
    let (answer, ()) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    answer
}

/// Lets everything go on that can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_revoked_token_and_a_changed_password_end_what_waits() {
    for (proof, changed) in [
        (header(MINE), tokens(&[(MINE_TOO, ME, None)])),
        (
            basic(ME, "mine"),
            tokens(&[]).with_password(ME, &cheap("changed")).unwrap(),
        ),
    ] {
        let gateway = gateway().await;
        let answer = parked(&gateway, proof.clone(), async {
            settle().await;
            gateway.credentials(changed.as_str());
        });
        assert_eq!(said(&answer.await), DENIED);
        let next = gateway
            .consul_with("", &[proof], ("GET kv/mine/k", ""))
            .await;
        assert_eq!(said(&next), NOT_FOUND);
    }
}

/// As after a file is made anew from the same passwords: each is hashed with another salt.
#[tokio::test]
async fn a_password_that_is_hashed_anew_is_good_when_it_is_shown_again() {
    let gateway = gateway().await;
    let mine = [basic(ME, "mine")];
    let answer = parked(&gateway, mine[0].clone(), async {
        settle().await;
        let again = tokens(&[]).with_password(ME, &cheap("mine")).unwrap();
        gateway.credentials(again.as_str());
    });
    // Nobody knows yet whose it is.
    assert_eq!(said(&answer.await), DENIED);
    let again = gateway.consul_with("", &mine, ("GET kv/mine/k?raw", ""));
    assert_eq!(said(&again.await), (200, "1"));
}

#[tokio::test]
async fn what_stays_in_the_file_goes_on_through_a_change_of_it() {
    for proof in [header(MINE), basic(ME, "mine")] {
        let gateway = gateway().await;
        let more = tokens(&[(UNKNOWN, "new", None)]);
        let answer = parked(&gateway, proof, async {
            settle().await;
            gateway.credentials(&format!("{}\n{}", everybody_again(&gateway), more.as_str()));
            settle().await;
            gateway.set("mine/k", "2").await;
        });
        assert_eq!(answer.await.status, 200);
    }
}

/// The same file: its passwords have the same hashes.
fn everybody_again(gateway: &Gateway) -> String {
    gateway.credential_text.clone()
}

#[tokio::test]
async fn an_expired_token_ends_what_waits_and_is_refused() {
    let mut gateway = Gateway::start(&rules()).await;
    let soon = jiff::Timestamp::now() + Duration::from_millis(1_500);
    let soon = soon.to_string();
    gateway.begin_credentials(tokens(&[(MINE, ME, Some(&soon))]).as_str());
    gateway.set("mine/k", "1").await;
    let index = gateway.consul(ADMIN, "GET kv/mine/k", "").await.index();
    let query = format!("GET kv/mine/k?index={index}&wait=10m");
    let mine = [header(MINE)];
    let parked = gateway.consul_with("", &mine, (&query, ""));
    let clock = async {
        loop {
            gateway.policy.expire_credentials();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let answer = async {
        tokio::select! {
            answer = parked => answer,
            () = clock => unreachable!("it has no end"),
        }
    };
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
    // The second words where this machine was so slow that it had ended before.
    assert!([DENIED, NOT_FOUND].contains(&said(&answer)), "{answer:?}");
    let next = gateway.consul_with("", &mine, ("GET kv/mine/k", "")).await;
    assert_eq!(said(&next), NOT_FOUND);
    let expired = "kubekv_credentials_refusals_total{kind=\"token\",reason=\"expired\"}";
    assert!(gateway.metric(expired) >= Some(1));
}

#[tokio::test]
async fn a_token_is_rotated_while_two_are_good_and_sessions_stay() {
    let gateway = gateway().await;
    let (old, new) = ([header(MINE)], [header(MINE_TOO)]);
    let made = gateway
        .consul_with("", &old, ("PUT session/create", "{}"))
        .await;
    let made: serde_json::Value = serde_json::from_str(&made.body).unwrap();
    let session = made["ID"].as_str().unwrap();
    let lock = format!("PUT kv/mine/lock?acquire={session}");
    assert_eq!(
        said(&gateway.consul_with("", &old, (&lock, "")).await),
        (200, "true")
    );
    gateway.credentials(tokens(&[(MINE_TOO, ME, None)]).as_str());
    let renew = format!("PUT session/renew/{session}");
    assert_eq!(
        said(&gateway.consul_with("", &old, (&renew, "")).await),
        NOT_FOUND
    );
    assert_eq!(
        gateway.consul_with("", &new, (&renew, "")).await.status,
        200
    );
    let release = lock.replace("acquire", "release");
    assert_eq!(
        said(&gateway.consul_with("", &new, (&release, "")).await),
        (200, "true")
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_guesses_waits_and_nobody_else() {
    let gateway = gateway().await;
    let began = tokio::time::Instant::now();
    for _ in 0..4 {
        let answer = gateway
            .consul_with("", &[header(UNKNOWN)], ("GET kv/mine/k", ""))
            .await;
        assert_eq!(said(&answer), NOT_FOUND);
    }
    assert!(began.elapsed() >= Duration::from_millis(1_500));
    // Who is at the same address and has a good one does not wait.
    let now = tokio::time::Instant::now();
    let answer = gateway
        .consul_with("", &[header(MINE)], ("GET kv/mine/k?raw", ""))
        .await;
    assert_eq!((said(&answer), now.elapsed()), ((200, "1"), Duration::ZERO));
}

/// As after a start: more than may wait for verifications of their own.
#[tokio::test]
async fn many_requests_with_one_password_are_all_answered() {
    let gateway = gateway().await;
    let mine = [basic(ME, "mine")];
    let asks = (0..64).map(|_| gateway.consul_with("", &mine, ("GET kv/mine/k?raw", "")));
    for answer in join_all(asks).await {
        assert_eq!(said(&answer), (200, "1"));
    }
    let verified = gateway.metric("kubekv_credentials_verifications_total");
    assert_eq!(verified, Some(1));
}

/// More than may wait, of one address and at once.
#[tokio::test(start_paused = true)]
async fn guesses_of_one_address_are_verified_one_at_a_time_and_the_rest_is_refused() {
    let gateway = gateway().await;
    let guesses = (0..40).map(|number| {
        let guess = [basic(ME, &format!("guess {number}"))];
        let gateway = &gateway;
        async move {
            gateway
                .consul_with("", &guess, ("GET kv/mine/k", ""))
                .await
                .status
        }
    });
    let mut all: Vec<_> = guesses.map(Box::pin).collect();
    let mut statuses = Vec::new();
    let every = std::future::poll_fn(|context| {
        all.retain_mut(|guess| match guess.as_mut().poll(context) {
            std::task::Poll::Ready(status) => {
                statuses.push(status);
                false
            }
            std::task::Poll::Pending => true,
        });
        if all.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    });
    every.await;
    let of = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((of(403), of(429)), (17, 23), "{statuses:?}");
}
