//! Tests of passwords that many requests show at once, with the number of their verifications, on a clock that stands still.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::known_secrets::KnownSecrets;
use super::secret_check::{SecretCheck, UnverifiedLogin};
use super::table::CredentialTable;
use crate::guard::PolicyMode;
use crate::model::{Caller, Credentials, FaceName};
use crate::space::NotAuthenticated;

const UNKNOWN: Result<(), NotAuthenticated> = Err(NotAuthenticated::Unknown);

struct Site {
    check: Arc<SecretCheck>,
    registry: Registry,
}

/// A file in which Ann has this password, hashed at the least cost.
fn file(password: &str) -> Arc<CredentialTable> {
    let params = Params::new(8, 1, 1, None).unwrap();
    let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = cheap.hash_password(password.as_bytes()).unwrap();
    let text = format!("[[user]]\nname = \"ann\"\npassword = \"{hash}\"\n");
    Arc::new(CredentialTable::parse(&text).unwrap())
}

/// As many users as there are costs, in this order; all have the same password.
fn file_of_costs(costs: &[u32]) -> Arc<CredentialTable> {
    let user = |cost: &u32| {
        let params = Params::new(8, *cost, 1, None).unwrap();
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon.hash_password(b"right").unwrap();
        format!("[[user]]\nname = \"user-{cost}\"\npassword = \"{hash}\"\n")
    };
    let text: String = costs.iter().map(user).collect();
    Arc::new(CredentialTable::parse(&text).unwrap())
}

impl Site {
    fn new() -> Self {
        let mut registry = Registry::default();
        let check = SecretCheck::new(PolicyMode::Enforce, None, &mut registry);
        Self {
            check: Arc::new(check.unwrap()),
            registry,
        }
    }

    /// Shows a password as a request from a host does, while this file is in force.
    async fn show(
        &self,
        (host, table): (u8, &Arc<CredentialTable>),
        (user, password): (&str, &str),
    ) -> Result<(), NotAuthenticated> {
        let known = KnownSecrets {
            table: Arc::clone(table),
            verified: Arc::clone(&self.check.verified),
            reviewed: None,
        };
        let (user, password) = (user.as_bytes().to_vec(), password.as_bytes().to_vec());
        let hash = known.verified.hash(&user, &password);
        if known.user_of(hash).is_some() {
            return Ok(());
        }
        let caller = Caller::Client {
            face: FaceName::Consul,
            peer: SocketAddr::from(([10, 0, 0, host], 1)),
            credentials: Credentials::default(),
        };
        let login = UnverifiedLogin {
            user,
            password,
            hash,
        };
        let verified = self.check.verify(&caller, login, known.clone()).await;
        assert_eq!(verified.is_ok(), known.user_of(hash).is_some());
        verified.map(drop)
    }

    fn metric(&self, name: &str) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap().trim().to_owned()
    }

    fn verifications(&self) -> String {
        self.metric("credentials_verifications_total")
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_password_from_one_address_is_verified_once_for_all() {
    let (site, file) = (Site::new(), file("right"));
    let shows = (0..64).map(|_| site.show((1, &file), ("ann", "right")));
    assert_eq!(join_all(shows).await, vec![Ok(()); 64]);
    assert_eq!(site.verifications(), "1");
}

#[tokio::test(start_paused = true)]
async fn the_same_password_from_many_addresses_is_verified_once_for_all() {
    let (site, file) = (Site::new(), file("right"));
    let shows = (0..64).map(|host| site.show((host, &file), ("ann", "right")));
    assert_eq!(join_all(shows).await, vec![Ok(()); 64]);
    assert_eq!(site.verifications(), "1");
}

#[tokio::test(start_paused = true)]
async fn the_same_guess_is_verified_once_and_each_of_its_refusals_waits() {
    let (site, file) = (Site::new(), file("right"));
    let began = tokio::time::Instant::now();
    let shows = (0..8).map(|_| site.show((1, &file), ("ann", "wrong")));
    assert_eq!(join_all(shows).await, vec![UNKNOWN; 8]);
    assert_eq!(site.verifications(), "1");
    let refusals = "credentials_refusals_total{kind=\"password\",reason=\"wrong\"}";
    assert_eq!(site.metric(refusals), "8");
    // The first waits 100 ms, and then the others the longer the more they are.
    assert_eq!(began.elapsed(), Duration::from_millis(3_300));
    // Somebody's password is nobody else's.
    assert_eq!(site.show((2, &file), ("eve", "right")).await, UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_answered_when_the_first_hangs_up() {
    let (site, file) = (Site::new(), file("right"));
    let show = |password| Box::pin(site.show((1, &file), ("ann", password)));
    let mut guess = show("wrong");
    assert_eq!((&mut guess).now_or_never(), None);
    // In line behind the guess.
    let (mut first, mut second) = (show("right"), show("right"));
    assert_eq!((&mut first).now_or_never(), None);
    assert_eq!((&mut second).now_or_never(), None);
    drop(first);
    assert_eq!((second.await, guess.await), (Ok(()), UNKNOWN));
    assert_eq!(site.verifications(), "2");
    // Begun.
    let (mut first, mut second) = (show("guess"), show("guess"));
    assert_eq!((&mut first).now_or_never(), None);
    assert_eq!((&mut second).now_or_never(), None);
    drop(first);
    assert_eq!(second.await, UNKNOWN);
    assert_eq!(site.verifications(), "3");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_in_the_line_of_another_address() {
    let (site, file) = (Site::new(), file("right"));
    let show = |host, password| Box::pin(site.show((host, &file), ("ann", password)));
    let (mut guess, mut behind) = (show(1, "wrong"), show(1, "right"));
    assert_eq!((&mut guess).now_or_never(), None);
    assert_eq!((&mut behind).now_or_never(), None);
    let began = tokio::time::Instant::now();
    assert_eq!(show(2, "right").await, Ok(()));
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!((guess.await, behind.await), (UNKNOWN, Ok(())));
    assert_eq!(site.verifications(), "2");
}

#[tokio::test(start_paused = true)]
async fn a_verification_by_an_older_file_is_for_nobody_who_comes_after_it() {
    let (site, old, new) = (Site::new(), file("old"), file("new"));
    let show = |file| Box::pin(site.show((1, file), ("ann", "new")));
    let mut before = show(&old);
    assert_eq!((&mut before).now_or_never(), None);
    assert_eq!(show(&new).await, Ok(()));
    assert_eq!(before.await, UNKNOWN);
}

/// Or else whoever's password costs otherwise than the first one's is known to exist by the time that a guess takes.
#[tokio::test(start_paused = true)]
async fn a_user_that_does_not_exist_costs_as_any_that_does() {
    let (site, file) = (Site::new(), file_of_costs(&[1, 2, 3, 4]));
    let stand_in = |name: &str| {
        let hash = site.check.verified.hash(name.as_bytes(), b"");
        Arc::clone(&file.stand_in(hash).unwrap().name)
    };
    let names: Vec<_> = (0..64).map(|number| format!("nobody-{number}")).collect();
    let mut found: Vec<_> = names.iter().map(|name| stand_in(name)).collect();
    let again: Vec<_> = names.iter().map(|name| stand_in(name)).collect();
    assert_eq!(found, again, "each is always the same");
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 4, "{found:?}");
    // The password of whoever stands in is not theirs.
    for name in &names[..4] {
        assert_eq!(site.show((1, &file), (name, "right")).await, UNKNOWN);
    }
    let nobody = CredentialTable::default();
    assert!(
        nobody
            .stand_in(site.check.verified.hash(b"a", b""))
            .is_none()
    );
}
