//! Tokens of Kubernetes `ServiceAccount`s on the HTTP faces: whose they are, and what happens when the API server says otherwise.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kubekv::guard::token_review::{NoReview, ReviewedBearer, TokenReviewer, TokenVerdict};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::gateway::{Answer, Gateway, ME, rule};
use super::tokens::{MINE, UNKNOWN, basic, everybody, header};

/// An API server that vouches for every token for the audience, as long as it does.
#[derive(Debug, Default)]
struct FakeServer {
    state: Mutex<ServerState>,
    asked: AtomicUsize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ServerState {
    #[default]
    Vouches,
    Refuses,
    Away,
}

impl FakeServer {
    fn become_(&self, state: ServerState) {
        *self.state.lock() = state;
    }
}

impl TokenReviewer for FakeServer {
    fn review<'a>(
        &'a self,
        token: &'a str,
        audience: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<TokenVerdict, NoReview>> + Send + 'a>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::Relaxed);
            assert_eq!(audience, "kubekv");
            match *self.state.lock() {
                ServerState::Refuses => return Ok(TokenVerdict::Refused),
                ServerState::Away => return Err(NoReview("it is away".to_owned())),
                ServerState::Vouches => {}
            }
            let claims = token.split('.').nth(1).unwrap();
            let claims: Value =
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
            Ok(TokenVerdict::Accepted(ReviewedBearer {
                username: claims["sub"].as_str().unwrap().to_owned(),
                groups: vec!["system:serviceaccounts".to_owned()],
                audiences: vec![audience.to_owned()],
                pod: claims["pod"].as_str().map(str::to_owned),
                credential: None,
            }))
        })
    }
}

/// A token of an account `NAMESPACE:NAME`, made for a pod if it is named.
fn token(account: &str, pod: &str) -> String {
    token_for(account, pod, "kubekv", 3600)
}

fn token_for(account: &str, pod: &str, audience: &str, seconds: i64) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let exp = kubekv::model::time::unix_ms() / 1000 + seconds;
    let pod = Some(pod).filter(|pod| !pod.is_empty());
    let claims = json!({"sub": format!("system:serviceaccount:{account}"), "aud": [audience],
        "exp": exp, "pod": pod});
    format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(&claims))
}

fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

/// Each account has its own tree, each pod of shop/db its own beneath that, and shop/me is [`ME`].
fn rules() -> String {
    let identity = |field: &str, name: &str, principal: &str| {
        format!(
            "\n[[identity]]\nauthority = \"kubernetes\"\nfield = \"{field}\"\nname = \"{name}\"\nprincipal = \"{principal}\"\n"
        )
    };
    let of = |who: &str, name: &str, keys: &str| {
        let body = format!("allow = [\"all\"]\nbeneath = [\"{keys}\"]\nsessions = \"own\"");
        rule(name, &body).replace(&format!("\"{ME}\""), &format!("\"{who}\""))
    };
    [
        identity("service-account", "apps/{name}", "app/{name}"),
        identity("service-account", "people/{name}", "{name}"),
        identity("pod", "shop/db/{name}", "db/{name}"),
        of("app/{name}", "apps", "apps/{name}"),
        of("db/{name}", "pods", "db/{name}"),
        of(ME, "mine", "mine"),
        of("anonymous", "open", "open"),
    ]
    .concat()
}

async fn gateway() -> (Gateway, Arc<FakeServer>) {
    let server = Arc::new(FakeServer::default());
    let mut gateway = Gateway::start(&rules()).await;
    gateway.begin_token_review(Arc::<FakeServer>::clone(&server));
    for key in [
        "apps/cart/k",
        "apps/other/k",
        "db/db-0/k",
        "mine/k",
        "open/k",
    ] {
        gateway.set(key, "1").await;
    }
    (gateway, server)
}

fn said(answer: &Answer) -> (u16, &str) {
    (answer.status, &answer.body)
}

async fn read(gateway: &Gateway, headers: &[(&str, String)], key: &str) -> Answer {
    let what = format!("GET kv/{key}?raw");
    gateway.consul_with("", headers, (&what, "")).await
}

const DENIED: (u16, &str) = (403, "Permission denied");
const NOT_FOUND: (u16, &str) = (403, "ACL not found");

#[tokio::test]
async fn an_accounts_token_is_taken_wherever_consuls_and_etcds_clients_put_it() {
    let (gateway, server) = gateway().await;
    let cart = token("apps:cart", "");
    for headers in [[header(&cart)], [bearer(&cart)]] {
        let answer = read(&gateway, &headers, "apps/cart/k").await;
        assert_eq!(said(&answer), (200, "1"), "{headers:?}");
        for others in ["apps/other/k", "open/k", "mine/k"] {
            assert_eq!(said(&read(&gateway, &headers, others).await), DENIED);
        }
    }
    let in_query = format!("GET kv/apps/cart/k?raw&token={cart}");
    let answer = gateway.consul_with("", &[], (&in_query, "")).await;
    assert_eq!(said(&answer), (200, "1"));
    let etcd = |what: &'static str| {
        let (gateway, headers) = (&gateway, [bearer(&cart)]);
        async move {
            gateway
                .etcd_with("", &headers, (what, "value=v"))
                .await
                .status
        }
    };
    assert_eq!(etcd("GET /v2/keys/apps/cart/k").await, 200);
    assert_eq!(etcd("PUT /v2/keys/apps/cart/x").await, 201);
    assert_eq!(etcd("GET /v2/keys/apps/other/k").await, 401);
    assert_eq!(server.asked.load(Ordering::Relaxed), 1, "once for all");
}

#[tokio::test]
async fn a_pod_has_what_is_its_own_and_a_token_without_a_pod_has_not() {
    let (gateway, _server) = gateway().await;
    let pod = [header(&token("shop:db", "db-0"))];
    assert_eq!(said(&read(&gateway, &pod, "db/db-0/k").await), (200, "1"));
    assert_eq!(said(&read(&gateway, &pod, "db/db-1/k").await), DENIED);
    for other in [token("shop:db", ""), token("shop:web", "db-0")] {
        let answer = read(&gateway, &[header(&other)], "db/db-0/k").await;
        assert_eq!(said(&answer), DENIED, "nobody is called so");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_good_refuses_its_request_and_changes_nothing() {
    let (gateway, server) = gateway().await;
    let before = gateway.state();
    let refused_by_server = token("apps:refused", "");
    for (token, asks) in [
        // First, so that the waits of those before do not outlast what is remembered of it.
        (refused_by_server, 1),
        (token_for("apps:cart", "", "other", 3600), 0),
        (token_for("apps:cart", "", "kubekv", -5), 0),
        (UNKNOWN.to_owned(), 0),
    ] {
        server.become_(ServerState::Refuses);
        let asked = server.asked.load(Ordering::Relaxed);
        for what in ["GET kv/open/k", "PUT kv/open/k"] {
            let answer = gateway
                .consul_with("", &[header(&token)], (what, "v"))
                .await;
            assert_eq!(said(&answer), NOT_FOUND);
            let what = what.replace(" kv", " /v2/keys");
            let answer = gateway
                .etcd_with("", &[bearer(&token)], (&what, "value=v"))
                .await;
            assert_eq!(answer.status, 401, "{}", answer.body);
            assert!(answer.body.contains("Insufficient credentials"));
        }
        assert_eq!(server.asked.load(Ordering::Relaxed) - asked, asks);
    }
    assert_eq!(gateway.state(), before);
    for reason in ["audience", "expired", "refused"] {
        let name = format!(
            "kubekv_credentials_refusals_total{{kind=\"service-account\",reason=\"{reason}\"}}"
        );
        assert_eq!(gateway.metric(&name), Some(4), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_api_server_is_away_a_new_token_is_told_to_come_again() {
    let (gateway, server) = gateway().await;
    let known = [header(&token("apps:cart", ""))];
    assert_eq!(read(&gateway, &known, "apps/cart/k").await.status, 200);
    server.become_(ServerState::Away);
    let new = token("apps:other", "");
    let answer = read(&gateway, &[header(&new)], "apps/other/k").await;
    let words = "the token cannot be reviewed now: try again later";
    assert_eq!(said(&answer), (503, words));
    assert_eq!(answer.headers["retry-after"], "1");
    let what = ("GET /v2/keys/apps/other/k", "");
    let answer = gateway.etcd_with("", &[bearer(&new)], what).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("\"errorCode\":300"), "{}", answer.body);
    // Who is known goes on.
    let answer = read(&gateway, &known, "apps/cart/k").await;
    assert_eq!(said(&answer), (200, "1"));
    server.become_(ServerState::Vouches);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answer = read(&gateway, &[header(&new)], "apps/other/k").await;
    assert_eq!(said(&answer), (200, "1"));
}

#[tokio::test]
async fn a_token_and_another_proof_must_be_of_one_principal() {
    let (gateway, _server) = gateway().await;
    let what = ("GET kv/mine/k?raw", "");
    for (account, expected) in [("people:me", (200, "1")), ("people:you", DENIED)] {
        let headers = [header(&token(account, ""))];
        let answer = gateway.consul_with(ME, &headers, what).await;
        assert_eq!(said(&answer), expected, "{account}");
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_of_a_file_and_of_a_cluster_are_known_side_by_side() {
    let (mut gateway, _server) = gateway().await;
    let mine = [header(MINE)];
    let answer = read(&gateway, &mine, "mine/k").await;
    assert_eq!(said(&answer), NOT_FOUND, "there is no file");
    let login = [basic(ME, "mine")];
    assert_eq!(said(&read(&gateway, &login, "mine/k").await), NOT_FOUND);
    gateway.begin_credentials(&everybody());
    for headers in [mine, login, [header(&token("people:me", ""))]] {
        let answer = read(&gateway, &headers, "mine/k").await;
        assert_eq!(said(&answer), (200, "1"), "{headers:?}");
    }
    // A change of the file changes nothing for the cluster's.
    gateway.credentials("");
    assert_eq!(
        said(&read(&gateway, &[header(MINE)], "mine/k").await),
        NOT_FOUND
    );
    let account = [header(&token("people:me", ""))];
    assert_eq!(said(&read(&gateway, &account, "mine/k").await), (200, "1"));
}

/// Parks a query of this bearer, while the gateway looks after tokens; what it is answered, and after how long.
async fn parked(gateway: &Gateway, meanwhile: impl Future<Output = ()>) -> (Answer, Duration) {
    let headers = [header(&token("apps:cart", ""))];
    let what = ("GET kv/apps/cart/k", "");
    let index = gateway.consul_with("", &headers, what).await.index();
    let query = format!("GET kv/apps/cart/k?index={index}&wait=9m");
    let began = tokio::time::Instant::now();
    let clock = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            gateway.policy.renew_tokens();
        }
    };
    let answers = async {
        let parked = gateway.consul_with("", &headers, (&query, ""));
        tokio::join!(parked, meanwhile).0
    };
    tokio::select! {
        answer = answers => (answer, began.elapsed()),
        () = clock => unreachable!("it has no end"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_goes_on_as_long_as_the_api_server_vouches_for_its_token() {
    let (gateway, server) = gateway().await;
    let (answer, waited) = parked(&gateway, async {
        tokio::time::sleep(Duration::from_secs(300)).await;
        gateway.set("apps/cart/k", "2").await;
    })
    .await;
    assert_eq!(answer.status, 200);
    assert_eq!(waited.as_secs(), 300);
    let asked = server.asked.load(Ordering::Relaxed);
    assert!((9..=11).contains(&asked), "each 30 s: {asked}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_its_token_is_revoked_or_its_time_is_over() {
    for (state, most) in [(ServerState::Refuses, 31), (ServerState::Away, 61)] {
        let (gateway, server) = gateway().await;
        let (answer, waited) = parked(&gateway, async { server.become_(state) }).await;
        assert_eq!(said(&answer), DENIED);
        assert!(waited <= Duration::from_secs(most), "{waited:?}");
    }
}
