//! Levels of a report: how much is measured, for how long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How much of everything a report measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportLevel {
    /// A first look, in five minutes.
    Quick,
    /// What figures are quoted from, in three quarters of an hour.
    Standard,
    /// The long series as well, over a night.
    Full,
}

/// The times of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelTimes {
    /// How often most cells are measured.
    pub rounds: u32,
    /// How often latencies at a rate, Docker hosts, watchers and the load of a single client are.
    pub latency_rounds: u32,
    /// How long a round of it is, in seconds.
    pub seconds: f64,
    /// The load before each round that is not measured, in seconds.
    pub warm_up: f64,
    /// How long watchers settle, in seconds.
    pub settle: f64,
    /// How long a round with Docker hosts is, in seconds.
    pub docker_seconds: f64,
}

impl ReportLevel {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Standard => "standard",
            Self::Full => "full",
        }
    }

    /// The times of its cells.
    pub fn times(self) -> LevelTimes {
        match self {
            Self::Quick => LevelTimes {
                rounds: 2,
                latency_rounds: 2,
                seconds: 0.4,
                warm_up: 0.15,
                settle: 0.2,
                docker_seconds: 1.5,
            },
            Self::Standard => LevelTimes {
                rounds: 3,
                latency_rounds: 2,
                seconds: 0.8,
                warm_up: 0.25,
                settle: 0.3,
                docker_seconds: 2.5,
            },
            Self::Full => LevelTimes {
                rounds: 5,
                latency_rounds: 3,
                seconds: 8.0,
                warm_up: 2.0,
                settle: 2.0,
                docker_seconds: 20.0,
            },
        }
    }

    /// How long it may take on two cores. Cells that were disturbed are measured again only within it.
    pub fn budget(self) -> Duration {
        match self {
            Self::Quick => Duration::from_secs(5 * 60),
            Self::Standard => Duration::from_secs(45 * 60),
            Self::Full => Duration::from_secs(8 * 3_600),
        }
    }
}
