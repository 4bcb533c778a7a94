//! What the gateways that led remembered of the past, as their logs tell it.
//!
//! A gateway that reads a cluster anew knows what there is, not what it was in between. Where an etcd watcher comes back
//! from before that, it is told the last change of each key; or that its index is cleared, where it may have been shown
//! what is gone by now.

use std::path::Path;

/// From an index on, whoever led knew every change after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    /// Which process says so.
    process: usize,
    from: u64,
    after: u64,
    /// It begins to lead; otherwise it read all anew.
    leads: bool,
}

/// What whoever led remembered, by index.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// From an index on, every change after another is known.
    eras: Vec<(u64, u64)>,
}

impl Memory {
    /// Reads the logs of every process there was.
    pub fn read(logs: &[impl AsRef<Path>]) -> Self {
        let mut lines = Vec::new();
        for (process, log) in logs.iter().enumerate() {
            let log = std::fs::read(log).unwrap();
            let log = String::from_utf8_lossy(&log);
            lines.extend(log.lines().filter_map(|text| line(process, text)));
        }
        Self::of(lines)
    }

    fn of(mut lines: Vec<Line>) -> Self {
        lines.sort_by_key(|line| (line.from, !line.leads));
        let mut leader = None;
        // What one that does not lead reads is nobody's business.
        lines.retain(|line| {
            if line.leads {
                leader = Some(line.process);
            }
            leader == Some(line.process)
        });
        let eras = lines.iter().map(|line| (line.from, line.after)).collect();
        Self { eras }
    }

    #[cfg(test)]
    pub fn whose_floor_is(after: u64) -> Self {
        Self {
            eras: vec![(0, after)],
        }
    }

    /// Up to where changes may not have been known to whoever told something between two indexes.
    pub fn floor(&self, from: u64, to: u64) -> u64 {
        let first = self.eras.partition_point(|(begun, _)| *begun <= from);
        let during = self.eras.iter().skip(first.saturating_sub(1));
        let during = during.take_while(|(begun, _)| *begun <= to.max(from));
        during.map(|(_, after)| *after).max().unwrap_or(0)
    }
}

fn line(process: usize, text: &str) -> Option<Line> {
    let leads = text.contains("clients can resume watches after");
    if !leads && !text.contains("the store was listed again") {
        return None;
    }
    let number = |name: &str| {
        let rest = text.split(&format!(" {name}=")).nth(1)?;
        rest.split(' ').next()?.parse().ok()
    };
    let after = number("after")?;
    // What is told from there on is what there was at the end.
    let from = number(if leads { "index" } else { "known" })?;
    Some(Line {
        process,
        from,
        after,
        leads,
    })
}

#[test]
fn whoever_leads_says_what_is_remembered() {
    let first = "INFO clients can resume watches after this revision, and more index=20 after=3";
    let second = "INFO clients can resume watches after this revision, and more index=60 after=10";
    let anew = |after: u64| {
        let known = after - 5;
        format!("INFO the store was listed again; of the known={known} after={after}")
    };
    let lines = [
        line(0, first),
        line(1, second),
        line(0, &anew(40)),
        line(1, &anew(30)),
        line(0, &anew(70)),
        line(0, "INFO something after=80"),
    ];
    let memory = Memory::of(lines.into_iter().flatten().collect());
    assert_eq!(memory.eras, [(20, 3), (35, 40), (60, 10)]);
    assert_eq!(memory.floor(25, 26), 3);
    assert_eq!(memory.floor(25, 36), 40, "in the gap itself");
    assert_eq!(memory.floor(25, 45), 40);
    assert_eq!(memory.floor(65, 90), 10);
    assert_eq!(memory.floor(50, 0), 40);
}
