//! `KnownTokens`: the tokens that were reviewed, by their hashes, each until its answer does not count any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;

use crate::guard::policy::ProvenAccount;
use crate::model::{HeldToken, SecretHash, WeakToken};

/// How long an answer counts, if the token does not end before.
pub(super) const GOOD_FOR: Duration = Duration::from_secs(60);

/// After how long a token that is used is asked about again.
pub(super) const RENEWED_AFTER: Duration = Duration::from_secs(30);

/// How long a refused token is refused without another question.
pub(super) const REFUSED_FOR: Duration = Duration::from_secs(5);

/// The most tokens that are known to be good, and the most that are known to be refused.
const MOST_GOOD: usize = 16_384;
const MOST_REFUSED: usize = 4_096;

/// The tokens that were reviewed.
#[derive(Debug, Default)]
pub(in crate::guard) struct KnownTokens {
    good: RwLock<HashMap<SecretHash, GoodToken>>,
    refused: Mutex<HashMap<SecretHash, Instant>>,
}

/// A token that is good until it is not.
#[derive(Debug)]
struct GoodToken {
    account: Arc<ProvenAccount>,
    until: Instant,
    renew_at: Instant,
    usage: Mutex<TokenUsage>,
}

/// Who shows a token now.
#[derive(Debug)]
struct TokenUsage {
    /// All requests hold the same, so that it is there as long as one of them.
    holder: WeakToken,
    is_renewed: bool,
}

/// What is known of a token that a request shows.
#[derive(Debug)]
pub(in crate::guard) enum ReviewState {
    /// It is good. It is to be renewed where that is so.
    Good {
        /// The token, as all who hold it do.
        held: HeldToken,
        /// Whether this caller renews it: nobody else does, and its time has come.
        renew: bool,
    },
    /// It was refused a moment ago.
    Refused,
    /// Nothing.
    Unknown,
}

/// What is due.
#[derive(Debug, Default)]
pub(super) struct DueTokens {
    /// Tokens that requests hold, and that are to be renewed.
    pub(super) renew: Vec<(SecretHash, HeldToken)>,
    /// Whether one has ended that a request holds.
    pub(super) has_ended: bool,
}

impl KnownTokens {
    /// Whose a token is, as long as it is good.
    pub(in crate::guard) fn account(&self, hash: SecretHash) -> Option<Arc<ProvenAccount>> {
        let good = self.good.read();
        let token = good.get(&hash)?;
        (token.until > Instant::now()).then(|| Arc::clone(&token.account))
    }

    /// What is known of a token that a request shows, which holds it from now on.
    pub(super) fn state(&self, hash: SecretHash, token: &[u8]) -> ReviewState {
        let now = Instant::now();
        let good = self.good.read();
        if let Some(known) = good.get(&hash).filter(|known| known.until > now) {
            let mut usage = known.usage.lock();
            let held = usage.hold(|| HeldToken::new(token));
            let renew = known.renew_at <= now && !std::mem::replace(&mut usage.is_renewed, true);
            return ReviewState::Good { held, renew };
        }
        drop(good);
        match self.refused.lock().get(&hash) {
            Some(until) if *until > now => ReviewState::Refused,
            Some(_) | None => ReviewState::Unknown,
        }
    }

    /// Remembers that a token is good, for so long at most after it was asked about: an answer that comes late is no newer for it.
    /// Returns the token as all who hold it do; `None` where there is no room, because as many are in use.
    pub(super) fn accept(
        &self,
        hash: SecretHash,
        held: &HeldToken,
        account: ProvenAccount,
        (asked, most): (Instant, Duration),
    ) -> Option<HeldToken> {
        let now = Instant::now();
        let mut good = self.good.write();
        if good.len() >= MOST_GOOD && !good.contains_key(&hash) {
            good.retain(|_, token| token.until > now && token.is_held());
            if good.len() >= MOST_GOOD {
                return None;
            }
        }
        let before = good.get(&hash);
        let held = before
            .and_then(|token| token.usage.lock().holder.upgrade())
            .unwrap_or_else(|| held.clone());
        let token = GoodToken {
            account: Arc::new(account),
            until: asked + GOOD_FOR.min(most),
            renew_at: asked + RENEWED_AFTER,
            usage: Mutex::new(TokenUsage {
                holder: held.downgrade(),
                is_renewed: false,
            }),
        };
        good.insert(hash, token);
        Some(held)
    }

    /// Remembers that a token is refused; returns whether it was good until now.
    pub(super) fn refuse(&self, hash: SecretHash) -> bool {
        let now = Instant::now();
        let mut refused = self.refused.lock();
        if refused.len() >= MOST_REFUSED {
            refused.retain(|_, until| *until > now);
            if refused.len() >= MOST_REFUSED {
                refused.clear();
            }
        }
        refused.insert(hash, now + REFUSED_FOR);
        drop(refused);
        self.good.write().remove(&hash).is_some()
    }

    /// A token could not be renewed now; it is good until its time is over.
    pub(super) fn not_renewed(&self, hash: SecretHash) {
        if let Some(token) = self.good.read().get(&hash) {
            token.usage.lock().is_renewed = false;
        }
    }

    /// What is due now; what has ended is forgotten.
    pub(super) fn due(&self) -> DueTokens {
        let now = Instant::now();
        let mut due = DueTokens::default();
        let mut has_ended = false;
        for (hash, token) in self.good.read().iter() {
            has_ended |= token.until <= now;
            if token.renew_at > now || token.until <= now {
                continue;
            }
            let mut usage = token.usage.lock();
            if let Some(held) = usage.holder.upgrade()
                && !std::mem::replace(&mut usage.is_renewed, true)
            {
                due.renew.push((*hash, held));
            }
        }
        if has_ended {
            self.good.write().retain(|_, token| {
                let is_good = token.until > now;
                due.has_ended |= !is_good && token.is_held();
                is_good
            });
        }
        due
    }

    /// How many are known to be good.
    pub(super) fn count(&self) -> usize {
        self.good.read().len()
    }
}

impl GoodToken {
    fn is_held(&self) -> bool {
        self.usage.lock().holder.upgrade().is_some()
    }
}

impl TokenUsage {
    /// The token that all hold; `token` makes it, if nobody does.
    fn hold(&mut self, token: impl FnOnce() -> HeldToken) -> HeldToken {
        self.holder.upgrade().unwrap_or_else(|| {
            let held = token();
            self.holder = held.downgrade();
            held
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> ProvenAccount {
        ProvenAccount {
            namespace: "shop".into(),
            name: "cart".into(),
            pod: None,
            credential: None,
        }
    }

    fn hash(number: usize) -> SecretHash {
        let mut hash = SecretHash::NONE;
        hash.0[..8].copy_from_slice(&number.to_le_bytes());
        hash
    }

    fn accept(known: &KnownTokens, number: usize, held: &HeldToken) -> bool {
        let asked = (Instant::now(), GOOD_FOR);
        let accepted = known.accept(hash(number), held, account(), asked);
        accepted.is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_in_use_are_not_forgotten_for_others_and_all_are_bounded() {
        let known = KnownTokens::default();
        let held = HeldToken::new(b"t");
        for number in 0..MOST_GOOD {
            assert!(accept(&known, number, &held));
        }
        assert!(!accept(&known, MOST_GOOD, &held), "all are in use");
        assert!(accept(&known, 0, &held), "a known one is renewed");
        drop(held);
        let one = HeldToken::new(b"t");
        assert!(accept(&known, MOST_GOOD, &one));
        assert_eq!(known.count(), 1);
        for number in 0..=MOST_REFUSED {
            known.refuse(hash(number));
        }
        assert_eq!(known.refused.lock().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn all_requests_hold_one_token_and_one_of_them_renews_it() {
        let known = KnownTokens::default();
        let first = HeldToken::new(b"t");
        let second = HeldToken::new(b"t");
        let asked = (Instant::now(), GOOD_FOR);
        let of = |held| known.accept(hash(1), held, account(), asked).unwrap();
        assert_eq!(of(&first), first);
        assert_eq!(of(&second), first, "whoever was first holds it for both");
        tokio::time::advance(RENEWED_AFTER).await;
        let renews = || match known.state(hash(1), b"t") {
            ReviewState::Good { held, renew } => {
                assert_eq!(held, first);
                renew
            }
            ReviewState::Refused | ReviewState::Unknown => panic!("it is good"),
        };
        assert_eq!([renews(), renews()], [true, false]);
        assert!(known.due().renew.is_empty());
        known.not_renewed(hash(1));
        assert_eq!(known.due().renew.len(), 1);
    }
}
