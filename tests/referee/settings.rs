//! Settings of a run by hand, from `tests/differential`.

use std::str::FromStr;
use std::time::Duration;

use tokio::time::Instant;

/// How long, from which seed, on which store.
#[derive(Clone, Debug)]
pub struct Settings {
    pub seed: u64,
    /// One case alone.
    pub case: Option<u64>,
    /// Where the run ends by the clock; otherwise it ends after a number of cases.
    pub end: Option<Instant>,
    /// Where entries are kept.
    pub store: Store,
}

/// A store to run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    Memory,
    Embedded,
    /// The cluster that `KUBECONFIG` names.
    Kubernetes,
    /// An etcd 3.6 of its own.
    Etcd,
}

impl FromStr for Store {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "memory" => Ok(Self::Memory),
            "embedded" => Ok(Self::Embedded),
            "kubernetes" => Ok(Self::Kubernetes),
            "etcd" => Ok(Self::Etcd),
            _ => Err(()),
        }
    }
}

impl Settings {
    /// As long as a test may be, on this store.
    pub fn of_a_test(store: Store) -> Self {
        Self {
            seed: 1,
            case: None,
            end: None,
            store,
        }
    }

    /// Whether a run ends before the case of this number; without a time or a case it has so many.
    pub fn is_over(&self, number: u64, cases: u64) -> bool {
        match (self.case, self.end) {
            (Some(case), _) => number > case,
            (None, Some(end)) => Instant::now() > end,
            (None, None) => number >= cases,
        }
    }

    /// Reads them from the environment. Without any, the run is as long as a test may be.
    pub fn read() -> Self {
        let minutes: Option<f64> = variable("TESTS_MINUTES");
        Self {
            seed: variable("TESTS_SEED").unwrap_or(1),
            case: variable("TESTS_CASE"),
            end: minutes.map(|minutes| Instant::now() + Duration::from_secs_f64(minutes * 60.0)),
            store: variable("TESTS_STORE").unwrap_or(Store::Memory),
        }
    }
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test binary has no other options"
    )]
    let text = std::env::var(name).ok()?;
    let Ok(value) = text.parse() else {
        panic!("{name}={text} makes no sense");
    };
    Some(value)
}
