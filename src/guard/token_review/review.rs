//! `TokenReviews`: reviews of tokens, a bounded number at once, and those that are known again before their time is over.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::account_name;
use super::claims::TokenClaims;
use super::known_tokens::{KnownTokens, ReviewState};
use super::metrics::{ReviewMetrics, ReviewOutcome};
use super::reviewer::{NoReview, ReviewedBearer, TokenReviewer, TokenVerdict};
use crate::guard::credentials::{PlaceInLine, RefusedSecret, SecretCheck, VerificationTurns};
use crate::guard::policy::ProvenAccount;
use crate::guard::single_flight::{Joined, SingleFlight};
use crate::model::{Caller, Flow, HeldToken, SecretHash, time};
use crate::space::NotAuthenticated;

/// How many questions the API server is asked at a time.
const AT_ONCE: usize = 8;

/// How long a question may take, and how long the wait for its turn before.
const DEADLINE: Duration = Duration::from_secs(6);

/// How long nothing is asked after a question without an answer: an API server that is away must not hold every request.
const REST: Duration = Duration::from_secs(1);

/// Reviews of tokens, for as long as the gateway runs.
#[derive(Debug)]
pub(in crate::guard) struct TokenReviews {
    reviewer: Arc<dyn TokenReviewer>,
    audience: String,
    known: Arc<KnownTokens>,
    turns: VerificationTurns,
    /// Requests of one address with the same token wait in one place.
    waiting: SingleFlight<(Flow, SecretHash), ReviewResult>,
    /// Of all whose turn it is, and of renewals, those about the same token are one question.
    asking: SingleFlight<SecretHash, ReviewResult>,
    at_once: Semaphore,
    outage: Mutex<Outage>,
    /// A token that was good has been refused since somebody looked.
    has_refused: AtomicBool,
    metrics: ReviewMetrics,
}

/// Whether there are no answers.
#[derive(Debug, Default)]
struct Outage {
    /// Nothing is asked before.
    until: Option<Instant>,
    /// Whether it was logged.
    is_logged: bool,
}

/// A token that nothing is known of but what it says itself.
#[derive(Debug)]
pub(in crate::guard) struct UnreviewedToken {
    hash: SecretHash,
    held: HeldToken,
    claims: TokenClaims,
}

/// What came of a review.
#[derive(Clone, Debug)]
enum ReviewResult {
    /// The token is good; as all who show it hold it.
    Accepted(HeldToken),
    /// It is refused; why.
    Refused(&'static str),
    /// There is no answer, or no room to remember one more.
    NotNow(NotAuthenticated),
}

impl TokenReviews {
    /// What a refused token of this kind is called.
    pub(in crate::guard) const KIND: &'static str = "service-account";

    pub(in crate::guard) fn new(
        reviewer: Arc<dyn TokenReviewer>,
        audience: String,
        registry: &mut Registry,
    ) -> Self {
        Self {
            reviewer,
            audience,
            known: Arc::default(),
            turns: VerificationTurns::default(),
            waiting: SingleFlight::default(),
            asking: SingleFlight::default(),
            at_once: Semaphore::new(AT_ONCE),
            outage: Mutex::default(),
            has_refused: AtomicBool::new(false),
            metrics: ReviewMetrics::register(registry),
        }
    }

    /// The tokens that are known.
    pub(in crate::guard) fn known(&self) -> &Arc<KnownTokens> {
        &self.known
    }

    /// What is known of a token that a request shows. One whose time has come is renewed beside the request.
    pub(in crate::guard) fn state(self: &Arc<Self>, hash: SecretHash, token: &[u8]) -> ReviewState {
        let state = self.known.state(hash, token);
        if let ReviewState::Good { held, renew: true } = &state {
            self.renew(hash, held.clone());
        }
        state
    }

    /// A token that has to be asked about, by what it says of itself; else why it is refused without that.
    pub(in crate::guard) fn unreviewed(
        &self,
        hash: SecretHash,
        token: &[u8],
    ) -> Result<UnreviewedToken, RefusedSecret> {
        let refused = |kind, reason| RefusedSecret {
            kind,
            reason,
            of: None,
        };
        let claims = TokenClaims::of(token).ok_or_else(|| refused("token", "unknown"))?;
        if !claims.is_for(&self.audience) {
            return Err(refused(Self::KIND, "audience"));
        }
        if claims.expires_ms <= time::unix_ms() {
            return Err(refused(Self::KIND, "expired"));
        }
        Ok(UnreviewedToken {
            hash,
            held: HeldToken::new(token),
            claims,
        })
    }

    /// Reviews a token in the turn of its client, once for all requests that wait with the same. Once begun it goes on, and a refusal
    /// is waited for, when the client hangs up: whoever does so and comes again gets no turn before.
    pub(in crate::guard) async fn verify(
        self: &Arc<Self>,
        check: &Arc<SecretCheck>,
        caller: &Caller,
        token: UnreviewedToken,
    ) -> Result<(SecretHash, HeldToken), NotAuthenticated> {
        let hash = token.hash;
        let flow = VerificationTurns::flow_of(caller);
        let Joined { work, is_first } = self.waiting.join((flow, hash), || {
            let place = self.turns.enter(flow)?;
            let first = (Arc::clone(check), caller.clone());
            Ok::<_, NotAuthenticated>(Arc::clone(self).review_in_turn(place, first, token))
        })?;
        match work.await {
            ReviewResult::Accepted(held) => Ok((hash, held)),
            ReviewResult::NotNow(why) => Err(why),
            ReviewResult::Refused(reason) => {
                // Whoever was first has waited already.
                if !is_first {
                    wait_refused(check, caller, reason).await;
                }
                Err(NotAuthenticated::Unknown)
            }
        }
    }

    /// Reviews a token when the turn of a place comes; `first` is who has that.
    async fn review_in_turn(
        self: Arc<Self>,
        place: PlaceInLine,
        (check, first): (Arc<SecretCheck>, Caller),
        token: UnreviewedToken,
    ) -> ReviewResult {
        let turn = place.turn().await;
        let review = tokio::spawn(async move {
            let _until_the_end = (place, turn);
            // A client of another address with the same may have been first.
            let result = match self.known.state(token.hash, token.held.as_bytes()) {
                ReviewState::Good { held, .. } => ReviewResult::Accepted(held),
                ReviewState::Refused => ReviewResult::Refused("refused"),
                ReviewState::Unknown => self.review(token).await,
            };
            if let ReviewResult::Refused(reason) = result {
                wait_refused(&check, &first, reason).await;
            }
            result
        });
        let lost = ReviewResult::NotNow(NotAuthenticated::Unavailable);
        review.await.unwrap_or(lost)
    }

    /// Does what is due from time to time; returns whether a token has ended that a request waits with.
    pub(in crate::guard) fn tick(self: &Arc<Self>) -> bool {
        let due = self.known.due();
        for (hash, held) in due.renew {
            self.renew(hash, held);
        }
        self.metrics.know(self.known.count());
        let has_refused = self.has_refused.swap(false, Ordering::Relaxed);
        due.has_ended || has_refused
    }

    /// Asks again about a token that is good, beside whoever shows it.
    fn renew(self: &Arc<Self>, hash: SecretHash, held: HeldToken) {
        let own = Arc::clone(self);
        drop(tokio::spawn(async move {
            // It had the form before.
            let Some(claims) = TokenClaims::of(held.as_bytes()) else {
                return;
            };
            let token = UnreviewedToken { hash, held, claims };
            match own.review(token).await {
                ReviewResult::Accepted(_) | ReviewResult::Refused(_) => {}
                ReviewResult::NotNow(_) => own.known.not_renewed(hash),
            }
        }));
    }

    /// Reviews a token, once for all who do at a time.
    async fn review(self: &Arc<Self>, token: UnreviewedToken) -> ReviewResult {
        let Ok(Joined { work, .. }) = self.asking.join(token.hash, || {
            let own = Arc::clone(self);
            Ok::<_, Infallible>(async move { own.review_now(&token).await })
        });
        work.await
    }

    async fn review_now(&self, token: &UnreviewedToken) -> ReviewResult {
        let UnreviewedToken { hash, held, claims } = token;
        // Apart from the question: that many wait says nothing of the API server. It is never closed.
        let turn = tokio::time::timeout(DEADLINE, self.at_once.acquire()).await;
        let asked = Instant::now();
        let rests = self.outage.lock().until;
        if turn.is_err() || rests.is_some_and(|until| until > asked) {
            return ReviewResult::NotNow(NotAuthenticated::Unavailable);
        }
        let answer = tokio::time::timeout(DEADLINE, self.ask(held)).await;
        let late = || NoReview(format!("no answer within {} s", DEADLINE.as_secs()));
        let bearer = match answer.unwrap_or_else(|_| Err(late())) {
            Err(why) => {
                self.metrics.answered(ReviewOutcome::Unavailable);
                self.begin_outage(&why);
                return ReviewResult::NotNow(NotAuthenticated::Unavailable);
            }
            Ok(TokenVerdict::Refused) => return self.refuse(*hash, "refused"),
            Ok(TokenVerdict::Accepted(bearer)) => bearer,
        };
        self.end_outage();
        let account = match self.judge(&bearer, claims) {
            Ok(account) => account,
            Err(reason) => return self.refuse(*hash, reason),
        };
        let rest = claims.expires_ms.saturating_sub(time::unix_ms());
        let rest = Duration::from_millis(u64::try_from(rest).unwrap_or(0));
        if rest.is_zero() {
            return self.refuse(*hash, "expired");
        }
        self.metrics.answered(ReviewOutcome::Accepted);
        let most = rest.saturating_add(asked.elapsed());
        match self.known.accept(*hash, held, account, (asked, most)) {
            Some(held) => ReviewResult::Accepted(held),
            None => ReviewResult::NotNow(NotAuthenticated::TooMany),
        }
    }

    async fn ask(&self, held: &HeldToken) -> Result<TokenVerdict, NoReview> {
        match std::str::from_utf8(held.as_bytes()) {
            Ok(token) => self.reviewer.review(token, &self.audience).await,
            Err(_) => Ok(TokenVerdict::Refused),
        }
    }

    /// Whose the token is, or why it is nobody's that this gateway takes.
    fn judge(
        &self,
        bearer: &ReviewedBearer,
        claims: &TokenClaims,
    ) -> Result<ProvenAccount, &'static str> {
        // An API server that knows nothing of audiences says that a token is good for itself: anybody that the token was shown to
        // could show it here.
        if !bearer.audiences.contains(&self.audience) {
            return Err("audience");
        }
        if bearer.username != claims.subject {
            return Err("account");
        }
        account_name::account(bearer).ok_or("account")
    }

    fn refuse(&self, hash: SecretHash, reason: &'static str) -> ReviewResult {
        self.end_outage();
        self.metrics.answered(ReviewOutcome::Refused);
        if self.known.refuse(hash) {
            self.has_refused.store(true, Ordering::Relaxed);
        }
        ReviewResult::Refused(reason)
    }

    fn begin_outage(&self, NoReview(why): &NoReview) {
        let mut outage = self.outage.lock();
        outage.until = Some(Instant::now() + REST);
        if !std::mem::replace(&mut outage.is_logged, true) {
            tracing::error!(
                "tokens of ServiceAccounts cannot be reviewed: clients whose token is not known yet are asked to retry, and known \
                 ones continue for up to a minute: {why}"
            );
        }
    }

    fn end_outage(&self) {
        let mut outage = self.outage.lock();
        outage.until = None;
        if std::mem::take(&mut outage.is_logged) {
            tracing::info!("tokens of ServiceAccounts can be reviewed again");
        }
    }
}

/// Tells that a token is refused, and waits as long as its refusal does.
async fn wait_refused(check: &SecretCheck, caller: &Caller, reason: &'static str) {
    let refused = RefusedSecret {
        kind: TokenReviews::KIND,
        reason,
        of: None,
    };
    tokio::time::sleep(check.refuse(caller, &refused)).await;
}
