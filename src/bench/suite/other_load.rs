//! The load on the machine by others than the client and the server that is measured.

use std::time::Duration;

use tokio::time::Instant;

use crate::bench::measure::{NoProcess, ServerProcesses};

/// A look at the processors of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct MachineLook {
    at: Instant,
    /// The time that all processors together ran programs, or were taken away by the hypervisor.
    busy: Duration,
    /// The time of this process, of the children that it waited for, and of the server.
    ours: Duration,
}

impl MachineLook {
    /// Looks now. What cannot be read is zero.
    pub(super) fn now(server: &ServerProcesses) -> Result<Self, NoProcess> {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let server = server.look()?.unwrap_or_default();
        Ok(Self {
            at: Instant::now(),
            busy: ticks(busy(&read("/proc/stat"))),
            ours: ticks(own(&read("/proc/self/stat"))) + server.cpu,
        })
    }

    /// The share of all processors that others used since an earlier look, 0 to 1.
    pub(super) fn others_since(self, earlier: Self) -> f64 {
        let busy = self.busy.saturating_sub(earlier.busy);
        let ours = self.ours.saturating_sub(earlier.ours);
        let elapsed = self.at.saturating_duration_since(earlier.at).as_secs_f64();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let cores = u32::try_from(cores).map_or(1.0, f64::from);
        busy.saturating_sub(ours).as_secs_f64() / (elapsed * cores).max(1e-9)
    }
}

/// The ticks of programs in `/proc/stat`: user, nice, system and stolen ones. Interrupts are of nobody.
fn busy(stat: &str) -> u64 {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "));
    let fields: Vec<u64> = line
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    [0, 1, 2, 7]
        .into_iter()
        .filter_map(|place: usize| fields.get(place))
        .sum()
}

/// The ticks of a process and of the children that it waited for, in its `stat`: fields 14 to 17 after the name.
fn own(stat: &str) -> u64 {
    let rest = stat.rsplit_once(')').map_or("", |(_name, rest)| rest);
    let fields = rest.split_ascii_whitespace().skip(11).take(4);
    fields.filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn ticks(count: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let ms = count.saturating_mul(1_000).checked_div(per_second);
    Duration::from_millis(ms.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_stolen_time_are_counted_and_interrupts_are_not() {
        let stat = "cpu  100 20 30 9000 400 5 6 7 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(busy(stat), 157);
        assert_eq!(busy(""), 0);
        let process = "1 (a) b) S 1 1 1 0 -1 4 0 0 0 0 100 50 20 10 20 0 1 0 5";
        assert_eq!(own(process), 180);
    }

    #[test]
    fn what_is_ours_is_not_of_others() {
        let at = Instant::now();
        let look = |seconds: u64, busy: u64, ours: u64| MachineLook {
            at: at + Duration::from_secs(seconds),
            busy: Duration::from_secs(busy),
            ours: Duration::from_secs(ours),
        };
        let cores = std::thread::available_parallelism().unwrap().get();
        let cores = f64::from(u32::try_from(cores).unwrap());
        let others = look(10, 25, 12).others_since(look(0, 10, 2));
        assert!((others - 0.5 / cores).abs() < 1e-9, "{others}");
        assert!(look(10, 20, 15).others_since(look(0, 10, 2)) < 1e-9);
    }
}
