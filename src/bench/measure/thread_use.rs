//! The processor time of a thread, and the time it waited for a processor.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The use of the processor by a thread so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadUse {
    /// How long it ran.
    pub ran: Duration,
    /// How long it was ready to run and had no processor. Zero where the kernel does not count it.
    pub waited: Duration,
}

impl ThreadUse {
    /// Of the calling thread.
    pub fn now() -> Self {
        let counted = std::fs::read_to_string("/proc/thread-self/schedstat");
        let counted = counted.ok().and_then(|text| Self::parse(&text));
        counted.unwrap_or_else(|| {
            let time = clock_gettime(ClockId::ThreadCPUTime);
            Self {
                ran: Duration::new(
                    u64::try_from(time.tv_sec).unwrap_or(0),
                    u32::try_from(time.tv_nsec).unwrap_or(0),
                ),
                waited: Duration::ZERO,
            }
        })
    }

    /// Of all threads of this process, by their ids.
    pub fn of_all() -> BTreeMap<u32, Self> {
        let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
            return BTreeMap::new();
        };
        let of = |entry: std::fs::DirEntry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let counted = std::fs::read_to_string(entry.path().join("schedstat")).ok()?;
            Some((id, Self::parse(&counted)?))
        };
        threads.flatten().filter_map(of).collect()
    }

    /// Parses a line of `schedstat`: nanoseconds run, nanoseconds waited, time slices.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let mut next = || fields.next()?.parse().ok().map(Duration::from_nanos);
        let (ran, waited) = (next()?, next()?);
        (ran > Duration::ZERO).then_some(Self { ran, waited })
    }

    /// The use since an earlier one.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            ran: self.ran.saturating_sub(earlier.ran),
            waited: self.waited.saturating_sub(earlier.waited),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_thread_uses_the_processor_and_a_sleeping_one_does_not() {
        let before = ThreadUse::now();
        let mut spent = ThreadUse::default();
        let mut sum = 0_u64;
        while spent.ran < Duration::from_millis(20) {
            sum = (0..100_000).fold(sum, |sum, number| sum.wrapping_mul(31).wrapping_add(number));
            spent = ThreadUse::now().since(before);
        }
        assert_ne!(sum, 1);
        let before = ThreadUse::now();
        std::thread::sleep(Duration::from_millis(50));
        assert!(ThreadUse::now().since(before).ran < Duration::from_millis(20));
    }

    #[test]
    fn a_kernel_that_does_not_count_is_noticed() {
        assert_eq!(ThreadUse::parse("0 0 0"), None);
        assert_eq!(ThreadUse::parse(""), None);
        let read = ThreadUse::parse("5 7 1\n").unwrap();
        assert_eq!(read.waited, Duration::from_nanos(7));
    }
}
