//! The use of the machine by the server process.

use std::time::Duration;

/// The use of the machine by a process so far; what cannot be read is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServerUse {
    /// The processor time of all its threads.
    pub cpu: Duration,
    /// Its resident memory, in bytes.
    pub resident_bytes: u64,
    /// The bytes that it caused to be written to disk.
    pub written_bytes: u64,
}

impl ServerUse {
    /// Of the process of an id; `None` if there is none.
    pub fn of(pid: u32) -> Option<Self> {
        let file = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}"));
        let stat = file("stat").ok()?;
        let kib = line_number(&file("status").ok()?, "VmRSS:").unwrap_or(0);
        Some(Self {
            cpu: cpu(&stat)?,
            resident_bytes: kib << 10,
            written_bytes: line_number(&file("io").unwrap_or_default(), "write_bytes:")
                .unwrap_or(0),
        })
    }
}

/// The processor time in a line of `stat`: fields 14 and 15 after the name in parentheses, in ticks.
fn cpu(stat: &str) -> Option<Duration> {
    let (_name, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let ms = (user + system).saturating_mul(1_000).checked_div(ticks)?;
    Some(Duration::from_millis(ms))
}

fn line_number(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_no_process_has_none() {
        let own = ServerUse::of(std::process::id()).unwrap();
        assert!(own.resident_bytes > 1 << 20);
        assert_eq!(ServerUse::of(u32::MAX), None);
    }

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let stat = "1 (a) b) S 1 1 1 0 -1 4 0 0 0 0 100 50 0 0 20 0 1 0 5";
        let ticks = rustix::param::clock_ticks_per_second();
        assert_eq!(cpu(stat), Some(Duration::from_millis(150_000 / ticks)));
    }
}
