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

/// The processes whose use of the machine is measured: those of a server, or of one and the stores behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerProcesses(pub Vec<u32>);

/// There is no process of this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--pid: there is no process {0}")]
pub struct NoProcess(pub u32);

impl ServerProcesses {
    /// The use of the machine by all of them together; `None` if there are none to measure.
    pub fn look(&self) -> Result<Option<ServerUse>, NoProcess> {
        let mut sum: Option<ServerUse> = None;
        for pid in &self.0 {
            let one = ServerUse::of(*pid).ok_or(NoProcess(*pid))?;
            sum = Some(sum.unwrap_or_default().plus(one));
        }
        Ok(sum)
    }
}

impl ServerUse {
    /// This and another process together.
    fn plus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            resident_bytes: self.resident_bytes.saturating_add(other.resident_bytes),
            written_bytes: self.written_bytes.saturating_add(other.written_bytes),
        }
    }

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
    fn processes_are_added_and_one_that_is_missing_is_named() {
        let own = std::process::id();
        let one = ServerUse::of(own).unwrap();
        let twice = ServerProcesses(vec![own, own]).look().unwrap().unwrap();
        assert!(twice.resident_bytes > one.resident_bytes / 2 * 3);
        assert_eq!(ServerProcesses::default().look(), Ok(None));
        let missing = ServerProcesses(vec![own, u32::MAX]).look();
        assert_eq!(missing, Err(NoProcess(u32::MAX)));
    }

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let stat = "1 (a) b) S 1 1 1 0 -1 4 0 0 0 0 100 50 0 0 20 0 1 0 5";
        let ticks = rustix::param::clock_ticks_per_second();
        assert_eq!(cpu(stat), Some(Duration::from_millis(150_000 / ticks)));
    }
}
