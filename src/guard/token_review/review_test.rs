//! Tests of reviews against an API server that says what a test wants, on a clock that stands still.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use serde_json::json;
use tokio::sync::Semaphore;

use super::claims::tests::unsigned;
use super::known_tokens::{GOOD_FOR, REFUSED_FOR, RENEWED_AFTER, ReviewState};
use super::review::TokenReviews;
use super::reviewer::{NoReview, ReviewedBearer, TokenReviewer, TokenVerdict};
use crate::guard::PolicyMode;
use crate::guard::credentials::{RefusedSecret, SecretCheck, token_hash};
use crate::model::{Caller, Credentials, FaceName, HeldToken, SecretHash, time};
use crate::space::NotAuthenticated;

type Answer = Result<TokenVerdict, NoReview>;

/// An API server.
#[derive(Debug)]
struct FakeServer {
    /// What it says next; the last is said again and again.
    answers: Mutex<VecDeque<Answer>>,
    asked: AtomicUsize,
    /// Each question waits for one.
    gate: Semaphore,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl TokenReviewer for FakeServer {
    fn review<'a>(
        &'a self,
        _token: &'a str,
        _audience: &'a str,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let at_once = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
            self.most_at_once.fetch_max(at_once, Ordering::Relaxed);
            self.gate.acquire().await.unwrap().forget();
            self.at_once.fetch_sub(1, Ordering::Relaxed);
            let mut answers = self.answers.lock();
            match answers.len() {
                0 | 1 => answers.front().cloned().unwrap(),
                _ => answers.pop_front().unwrap(),
            }
        })
    }
}

struct Site {
    server: Arc<FakeServer>,
    reviews: Arc<TokenReviews>,
    check: Arc<SecretCheck>,
}

const CART: &str = "system:serviceaccount:shop:cart";

/// What the API server says of the good token.
fn bearer() -> ReviewedBearer {
    ReviewedBearer {
        username: CART.to_owned(),
        groups: vec!["system:serviceaccounts".to_owned()],
        audiences: vec!["kubekv".to_owned()],
        pod: Some("cart-0".to_owned()),
        credential: None,
    }
}

fn good() -> TokenVerdict {
    TokenVerdict::Accepted(bearer())
}

fn away() -> Answer {
    Err(NoReview("it is away".to_owned()))
}

/// A token for this audience that ends in so many seconds; each `id` is another one.
fn token(audience: &str, seconds: i64, id: usize) -> String {
    let exp = time::unix_ms() / 1000 + seconds;
    unsigned(&json!({"sub": CART, "aud": [audience], "exp": exp, "jti": id}))
}

fn caller(host: usize) -> Caller {
    let host = u8::try_from(host % 250).unwrap();
    Caller::Client {
        face: FaceName::Consul,
        peer: SocketAddr::from(([10, 0, 0, host], 1)),
        credentials: Credentials::default(),
    }
}

impl Site {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let server = Arc::new(FakeServer {
            answers: Mutex::new(answers.into_iter().collect()),
            asked: AtomicUsize::new(0),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        });
        let registry = &mut Registry::default();
        let reviewer: Arc<dyn TokenReviewer> = Arc::<FakeServer>::clone(&server);
        let reviews = TokenReviews::new(reviewer, "kubekv".to_owned(), registry);
        let check = SecretCheck::new(PolicyMode::Enforce, None, registry);
        Self {
            server,
            reviews: Arc::new(reviews),
            check: Arc::new(check.unwrap()),
        }
    }

    fn asked(&self) -> usize {
        self.server.asked.load(Ordering::Relaxed)
    }

    /// Shows a token as a request from a host does.
    async fn show(&self, token: &str, host: usize) -> Result<HeldToken, Refused> {
        let hash = token_hash(token.as_bytes());
        match self.reviews.state(hash, token.as_bytes()) {
            ReviewState::Good { held, .. } => return Ok(held),
            ReviewState::Refused => return Err(Refused::AtOnce("refused")),
            ReviewState::Unknown => {}
        }
        let unreviewed = self.reviews.unreviewed(hash, token.as_bytes());
        let unreviewed =
            unreviewed.map_err(|RefusedSecret { reason, .. }| Refused::AtOnce(reason))?;
        let caller = caller(host);
        let verified = self.reviews.verify(&self.check, &caller, unreviewed).await;
        verified.map(|(_, held)| held).map_err(Refused::Later)
    }

    fn is_known(&self, token: &str) -> bool {
        self.reviews
            .known()
            .account(token_hash(token.as_bytes()))
            .is_some()
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// Nobody was asked.
    AtOnce(&'static str),
    Later(NotAuthenticated),
}

const UNKNOWN: Refused = Refused::Later(NotAuthenticated::Unknown);
const UNAVAILABLE: Refused = Refused::Later(NotAuthenticated::Unavailable);

/// Lets everything go on that can.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

async fn advance(by: Duration) {
    tokio::time::advance(by).await;
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_is_asked_about_once_and_is_its_accounts() {
    let site = Site::new([Ok(good())]);
    let token = token("kubekv", 3600, 0);
    for _ in 0..3 {
        drop(site.show(&token, 1).await.unwrap());
    }
    assert_eq!(site.asked(), 1);
    let account = site
        .reviews
        .known()
        .account(token_hash(token.as_bytes()))
        .unwrap();
    assert_eq!(account.to_string(), "shop/cart");
    assert_eq!(account.pod.as_deref(), Some("cart-0"));
}

#[tokio::test(start_paused = true)]
async fn what_the_api_server_would_refuse_anyway_is_not_asked_about() {
    let site = Site::new([Ok(good())]);
    for (shown, reason) in [
        (token("other", 3600, 0), "audience"),
        (token("kubekv2", 3600, 0), "audience"),
        (token("kubekv", -1, 0), "expired"),
        ("11111111-0000-4000-8000-000000000001".to_owned(), "unknown"),
    ] {
        let refused = site.show(&shown, 1).await.unwrap_err();
        assert_eq!(refused, Refused::AtOnce(reason));
    }
    assert_eq!(site.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_about_this_audience_and_this_account_counts_for_nothing() {
    let with = |change: &dyn Fn(&mut ReviewedBearer)| {
        let mut bearer = bearer();
        change(&mut bearer);
        Ok(TokenVerdict::Accepted(bearer))
    };
    for answer in [
        Ok(TokenVerdict::Refused),
        // An API server that knows nothing of audiences.
        with(&|bearer| bearer.audiences.clear()),
        with(&|bearer| bearer.audiences = vec!["https://kubernetes.default.svc".to_owned()]),
        with(&|bearer| bearer.groups.clear()),
        with(&|bearer| bearer.username = "admin".to_owned()),
        with(&|bearer| bearer.username = "system:serviceaccount:shop:other".to_owned()),
    ] {
        let site = Site::new([answer.clone()]);
        let token = token("kubekv", 3600, 0);
        assert_eq!(
            site.show(&token, 1).await.unwrap_err(),
            UNKNOWN,
            "{answer:?}"
        );
        assert!(!site.is_known(&token));
        // It is remembered, for a while.
        let again = site.show(&token, 1).await.unwrap_err();
        assert_eq!(again, Refused::AtOnce("refused"));
        assert_eq!(site.asked(), 1);
        advance(REFUSED_FOR).await;
        assert_eq!(site.show(&token, 1).await.unwrap_err(), UNKNOWN);
        assert_eq!(site.asked(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_it_is_later_and_a_known_token_goes_on_until_its_time() {
    let site = Site::new([Ok(good()), away()]);
    let (known, unknown) = (token("kubekv", 3600, 0), token("kubekv", 3600, 1));
    let held = site.show(&known, 1).await.unwrap();
    assert_eq!(site.show(&unknown, 1).await.unwrap_err(), UNAVAILABLE);
    // Nothing is asked for a moment.
    assert_eq!(site.show(&unknown, 1).await.unwrap_err(), UNAVAILABLE);
    assert_eq!(site.asked(), 2);
    let mut waited = Duration::ZERO;
    while waited + Duration::from_secs(1) < GOOD_FOR {
        advance(Duration::from_secs(1)).await;
        waited += Duration::from_secs(1);
        assert!(!site.reviews.tick(), "{waited:?}");
        settle().await;
        assert!(site.is_known(&known), "{waited:?}");
    }
    assert!(site.asked() > 10, "it is tried again and again");
    advance(Duration::from_secs(1)).await;
    assert!(!site.is_known(&known));
    assert!(site.reviews.tick(), "a request waits with it");
    assert!(!site.reviews.tick());
    assert_eq!(site.show(&known, 1).await.unwrap_err(), UNAVAILABLE);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_without_an_answer_is_not_waited_for_without_end() {
    let site = Site::new([Ok(good())]);
    site.server.gate.forget_permits(usize::MAX);
    let token = token("kubekv", 3600, 0);
    let began = tokio::time::Instant::now();
    assert_eq!(site.show(&token, 1).await.unwrap_err(), UNAVAILABLE);
    assert_eq!(began.elapsed(), Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_a_request_waits_with_is_renewed_and_ends_when_it_is_revoked() {
    let site = Site::new([Ok(good()), Ok(good()), Ok(TokenVerdict::Refused)]);
    let token = token("kubekv", 3600, 0);
    let held = site.show(&token, 1).await.unwrap();
    for asked in 1..3 {
        assert_eq!(site.asked(), asked);
        advance(RENEWED_AFTER).await;
        assert!(!site.reviews.tick());
        settle().await;
    }
    assert_eq!(site.asked(), 3);
    assert!(!site.is_known(&token), "refused within {RENEWED_AFTER:?}");
    assert!(site.reviews.tick(), "who waits is asked again");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_nobody_shows_any_more_is_asked_about_no_more() {
    let site = Site::new([Ok(good())]);
    let token = token("kubekv", 3600, 0);
    drop(site.show(&token, 1).await.unwrap());
    advance(RENEWED_AFTER).await;
    assert!(!site.reviews.tick());
    settle().await;
    assert_eq!(site.asked(), 1);
    // Who shows it then goes on, and it is renewed beside.
    drop(site.show(&token, 1).await.unwrap());
    settle().await;
    assert_eq!(site.asked(), 2);
    advance(GOOD_FOR).await;
    assert!(!site.reviews.tick(), "nobody waits with it");
    assert!(!site.is_known(&token));
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_when_it_says_so_whatever_was_answered() {
    let site = Site::new([Ok(good())]);
    let token = token("kubekv", 10, 0);
    let held = site.show(&token, 1).await.unwrap();
    assert!(site.is_known(&token));
    advance(Duration::from_secs(10)).await;
    assert!(!site.is_known(&token));
    assert!(site.reviews.tick());
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn questions_are_bounded_at_once_and_one_of_each_address() {
    let site = Arc::new(Site::new([Ok(good())]));
    site.server.gate.forget_permits(usize::MAX);
    let show = |id: usize, host: usize| {
        let site = Arc::clone(&site);
        let token = token("kubekv", 3600, id);
        tokio::spawn(async move { site.show(&token, host).await })
    };
    let of_one: Vec<_> = (0..40).map(|id| show(id, 1)).collect();
    settle().await;
    assert_eq!(site.asked(), 1, "one of an address");
    let of_others: Vec<_> = (2..40).map(|host| show(host + 100, host)).collect();
    settle().await;
    assert_eq!(site.asked(), 8);
    site.server.gate.add_permits(1_000);
    let mut outcomes = Vec::new();
    for shown in of_one {
        outcomes.push(shown.await.unwrap());
    }
    let refused = outcomes
        .iter()
        .filter(|outcome| **outcome == Err(Refused::Later(NotAuthenticated::TooMany)));
    assert_eq!(refused.count(), 23, "one is asked about, and 16 wait");
    for shown in of_others {
        shown.await.unwrap().unwrap();
    }
    assert_eq!(site.server.most_at_once.load(Ordering::Relaxed), 8);
}

/// Each question takes 4 s, and none may take more than 6 s.
#[tokio::test(start_paused = true)]
async fn that_many_wait_for_their_question_is_no_outage() {
    let site = Arc::new(Site::new([Ok(good())]));
    site.server.gate.forget_permits(usize::MAX);
    let show = |id: usize| {
        let site = Arc::clone(&site);
        let token = token("kubekv", 3600, id);
        tokio::spawn(async move { site.show(&token, id).await.map(drop) })
    };
    let shown: Vec<_> = (0..16).map(show).collect();
    settle().await;
    for asked in [8, 16] {
        assert_eq!(site.asked(), asked);
        advance(Duration::from_secs(4)).await;
        site.server.gate.add_permits(8);
        settle().await;
    }
    for shown in shown {
        assert_eq!(shown.await.unwrap(), Ok(()));
    }
    site.server.gate.add_permits(1);
    assert_eq!(show(16).await.unwrap(), Ok(()), "it answers");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_question_without_end() {
    let site = Arc::new(Site::new([Ok(good())]));
    site.server.gate.forget_permits(usize::MAX);
    let began = tokio::time::Instant::now();
    let tokens: Vec<_> = (0..40).map(|id| token("kubekv", 3600, id)).collect();
    let shows = (0..40).map(|id| site.show(&tokens[id], id));
    for shown in join_all(shows).await {
        assert_eq!(shown.unwrap_err(), UNAVAILABLE);
    }
    assert_eq!(began.elapsed(), Duration::from_secs(6));
    assert_eq!(site.asked(), 8);
}

#[tokio::test(start_paused = true)]
async fn requests_with_the_same_token_share_one_question_from_one_address_and_from_many() {
    let site = Site::new([Ok(good())]);
    for (id, asked) in [(0, 1), (1, 2)] {
        let token = token("kubekv", 3600, id);
        let shows = (0..64).map(|host| site.show(&token, host * id));
        let held = join_all(shows).await;
        let first = held[0].as_ref().unwrap();
        assert!(held.iter().all(|one| one.as_ref() == Ok(first)));
        assert_eq!(site.asked(), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_bad_token_is_one_question_and_each_of_its_refusals_waits() {
    let site = Site::new([Ok(TokenVerdict::Refused)]);
    let token = token("kubekv", 3600, 0);
    let began = tokio::time::Instant::now();
    let shows = (0..4).map(|_| site.show(&token, 1));
    for shown in join_all(shows).await {
        assert_eq!(shown.unwrap_err(), UNKNOWN);
    }
    assert_eq!(site.asked(), 1);
    // The first waits 100 ms, the others after it 200 to 800.
    assert_eq!(began.elapsed(), Duration::from_millis(900));
}

#[tokio::test(start_paused = true)]
async fn a_question_goes_on_when_whoever_asked_it_hangs_up() {
    let site = Site::new([Ok(good())]);
    site.server.gate.forget_permits(usize::MAX);
    let token = token("kubekv", 3600, 0);
    let show = || Box::pin(site.show(&token, 1));
    let (mut first, mut second) = (show(), show());
    assert_eq!((&mut first).now_or_never(), None);
    assert_eq!((&mut second).now_or_never(), None);
    settle().await;
    drop(first);
    site.server.gate.add_permits(1);
    drop(second.await.unwrap());
    assert_eq!(site.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_shows_bad_tokens_waits_longer_and_longer() {
    let site = Site::new([Ok(TokenVerdict::Refused)]);
    let began = tokio::time::Instant::now();
    for id in 0..4 {
        let token = token("kubekv", 3600, id);
        assert_eq!(site.show(&token, 1).await.unwrap_err(), UNKNOWN);
    }
    assert_eq!(began.elapsed(), Duration::from_millis(1_500));
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_printed_shows_a_token() {
    let site = Site::new([Ok(good())]);
    let token = token("kubekv", 3600, 0);
    let held = site.show(&token, 1).await.unwrap();
    let hash = token_hash(token.as_bytes());
    let unreviewed = site.reviews.unreviewed(hash, token.as_bytes());
    let printed = format!("{:?} {held:?} {unreviewed:?} {hash:?}", site.reviews);
    let parts = token.split('.').filter(|part| part.len() > 10);
    for part in parts {
        assert!(!printed.contains(part), "{printed}");
    }
    assert_ne!(hash, SecretHash::NONE);
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_from_when_it_was_asked_for() {
    let site = Arc::new(Site::new([Ok(good())]));
    site.server.gate.forget_permits(usize::MAX);
    let token = token("kubekv", 3600, 0);
    let shown = tokio::spawn({
        let (site, token) = (Arc::clone(&site), token.clone());
        async move { site.show(&token, 1).await.map(drop) }
    });
    settle().await;
    advance(Duration::from_secs(5)).await;
    site.server.gate.add_permits(1);
    shown.await.unwrap().unwrap();
    advance(GOOD_FOR.saturating_sub(Duration::from_secs(6))).await;
    assert!(site.is_known(&token));
    advance(Duration::from_secs(1)).await;
    assert!(!site.is_known(&token));
}
