//! Settings of a manual run, from `tests/differential`.

use std::str::FromStr;
use std::time::Duration;

use tokio::time::Instant;

/// Duration, seed and store of a run.
#[derive(Clone, Debug)]
pub struct Settings {
    pub seed: u64,
    /// The only case to run, if any.
    pub case: Option<u64>,
    /// The time at which the run ends; without it the run ends after a number of cases.
    pub end: Option<Instant>,
    /// The store of the keyspace.
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
    /// Settings of an automatic test on this store: a fixed number of cases.
    pub fn of_a_test(store: Store) -> Self {
        Self {
            seed: 1,
            case: None,
            end: None,
            store,
        }
    }

    /// Whether a run ends before the case of this number; without a time or a case it has this number.
    pub fn is_over(&self, number: u64, cases: u64) -> bool {
        match (self.case, self.end) {
            (Some(case), _) => number > case,
            (None, Some(end)) => Instant::now() > end,
            (None, None) => number >= cases,
        }
    }

    /// Reads the settings from the environment. Without any, they are those of an automatic test.
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
        panic!("{name}={text} is invalid");
    };
    Some(value)
}
