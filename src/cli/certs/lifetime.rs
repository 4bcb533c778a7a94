//! Lifetimes of certificates and revocation lists: from an hour ago to some days from now.

use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use kubekv::model::time;

/// Seconds in a day.
const DAY: u64 = 24 * 60 * 60;

/// Seconds for which a certificate is valid before it is made: clocks of hosts differ.
const BEFORE: u64 = 60 * 60;

/// The longest lifetime in days: a hundred years.
const LONGEST: u64 = 36_500;

/// From and until when, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct CertificateLifetime {
    pub(super) from: u64,
    pub(super) until: u64,
}

impl CertificateLifetime {
    /// This one, but no longer than its authority's.
    pub(super) fn within(self, authority_until: u64) -> Self {
        let Self { from, until } = self;
        Self {
            from,
            until: until.min(authority_until),
        }
    }
}

/// Reads a number of days.
pub(super) fn parser() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(1..=LONGEST)
}

/// So many days.
pub(super) fn from_now(days: u32) -> CertificateLifetime {
    let now = now();
    CertificateLifetime {
        from: now.saturating_sub(BEFORE),
        until: now.saturating_add(u64::from(days) * DAY),
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    u64::try_from(time::unix_ms() / 1000).unwrap_or(0)
}

/// A time since 1970 for what makes certificates: it has a type of its own.
pub(super) fn since_1970(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The day in UTC: `2027-11-29`.
pub(super) fn day(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%Y-%m-%d").to_string()
}
