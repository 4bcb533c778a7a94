//! Memory limits: the shares of the gateway's memory that requests, answers, watches and entries may take.

/// The longest list cache of a face, in bytes.
const LONGEST_LIST_CACHE: usize = 64 << 20;

/// The memory that each kind of use may take, in bytes. What is left, 15 of 100 parts, is for the history, connections,
/// and what the allocator keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimits {
    /// All of it.
    pub memory: usize,
    /// Request bodies: a tenth.
    pub bodies: usize,
    /// Answers: 15 of 100 parts.
    pub answers: usize,
    /// Encoded events that wait for slow watchers: a twentieth.
    pub watch_queues: usize,
    /// Commits that wait for watches: a twentieth.
    pub watch_commits: usize,
    /// The list cache of one face: a fortieth, at most 64 MiB.
    pub list_cache: usize,
    /// Entries: 45 of 100 parts. Writes that make the keyspace grow are refused beyond it.
    pub entries: usize,
}

impl MemoryLimits {
    /// The shares of so many bytes.
    pub fn of_memory(bytes: u64) -> Self {
        let memory = usize::try_from(bytes).unwrap_or(usize::MAX);
        let percent = |share: usize| memory / 100 * share;
        Self {
            memory,
            bodies: percent(10),
            answers: percent(15),
            watch_queues: percent(5),
            watch_commits: percent(5),
            list_cache: (memory / 40).min(LONGEST_LIST_CACHE),
            entries: percent(45),
        }
    }
}

impl Default for MemoryLimits {
    /// Of 4 GiB.
    fn default() -> Self {
        Self::of_memory(4 << 30)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_leave_memory_for_the_rest() {
        for memory in [64 << 20, 1 << 30, 4 << 30, u64::MAX] {
            let limits = MemoryLimits::of_memory(memory);
            // Two faces have a cache each.
            let shared = [
                limits.bodies,
                limits.answers,
                limits.watch_queues,
                limits.watch_commits,
                limits.list_cache * 2,
                limits.entries,
            ];
            let sum: usize = shared.iter().sum();
            assert!(sum <= limits.memory / 100 * 85 + 200, "{limits:?}");
        }
        assert_eq!(MemoryLimits::of_memory(64 << 30).list_cache, 64 << 20);
    }
}
