//! Resume floors: the index after which each leader had observed every change, read from the gateways' logs.
//!
//! A gateway that relists its store knows the current entries but not the changes in between. An etcd watcher that
//! resumes below the floor receives only the last change of each key, or 401 (index cleared) if it may have observed an
//! entry that was deleted in between.

use std::path::Path;

/// A log line of a gateway: from the index `from` on it knew every change after the index `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FloorReport {
    /// The number of the process that logged it.
    process: usize,
    from: u64,
    after: u64,
    /// The gateway became the leader; otherwise it relisted the store.
    is_leader_start: bool,
}

/// The floors of the leaders, by the index from which each is in force.
#[derive(Clone, Debug, Default)]
pub struct ResumeFloors {
    /// Pairs of an index and the floor that is in force from it on.
    floors: Vec<(u64, u64)>,
}

impl ResumeFloors {
    /// Reads the logs of all processes.
    pub fn read(logs: &[impl AsRef<Path>]) -> Self {
        let mut reports = Vec::new();
        for (process, log) in logs.iter().enumerate() {
            let log = std::fs::read(log).unwrap();
            let log = String::from_utf8_lossy(&log);
            reports.extend(log.lines().filter_map(|text| parse_line(process, text)));
        }
        Self::of(reports)
    }

    fn of(mut reports: Vec<FloorReport>) -> Self {
        reports.sort_by_key(|report| (report.from, !report.is_leader_start));
        let mut leader = None;
        // Relists of a standby concern no client.
        reports.retain(|report| {
            if report.is_leader_start {
                leader = Some(report.process);
            }
            leader == Some(report.process)
        });
        let floors = reports
            .iter()
            .map(|report| (report.from, report.after))
            .collect();
        Self { floors }
    }

    #[cfg(test)]
    pub fn constant(after: u64) -> Self {
        Self {
            floors: vec![(0, after)],
        }
    }

    /// The highest floor of the leaders between two indexes: they may not have known changes up to it.
    pub fn floor(&self, from: u64, to: u64) -> u64 {
        let first = self.floors.partition_point(|(begun, _)| *begun <= from);
        let during = self.floors.iter().skip(first.saturating_sub(1));
        let during = during.take_while(|(begun, _)| *begun <= to.max(from));
        during.map(|(_, after)| *after).max().unwrap_or(0)
    }
}

fn parse_line(process: usize, text: &str) -> Option<FloorReport> {
    let is_leader_start = text.contains("clients can resume watches after");
    if !is_leader_start && !text.contains("the store was listed again") {
        return None;
    }
    let number = |name: &str| {
        let rest = text.split(&format!(" {name}=")).nth(1)?;
        rest.split(' ').next()?.parse().ok()
    };
    let after = number("after")?;
    // After a relist, watches deliver the state at its end from the index known before on.
    let from = number(if is_leader_start { "index" } else { "known" })?;
    Some(FloorReport {
        process,
        from,
        after,
        is_leader_start,
    })
}

#[test]
fn floor_is_the_one_of_the_leader_at_an_index() {
    let first =
        "INFO clients can resume watches after this revision; of earlier changes index=20 after=3";
    let second =
        "INFO clients can resume watches after this revision; of earlier changes index=60 after=10";
    let relist = |after: u64| {
        let known = after - 5;
        format!(
            "INFO the store was listed again; of the changes in between known={known} after={after}"
        )
    };
    let reports = [
        parse_line(0, first),
        parse_line(1, second),
        parse_line(0, &relist(40)),
        parse_line(1, &relist(30)),
        parse_line(0, &relist(70)),
        parse_line(0, "INFO something after=80"),
    ];
    let floors = ResumeFloors::of(reports.into_iter().flatten().collect());
    assert_eq!(floors.floors, [(20, 3), (35, 40), (60, 10)]);
    assert_eq!(floors.floor(25, 26), 3);
    assert_eq!(floors.floor(25, 36), 40, "in the gap itself");
    assert_eq!(floors.floor(25, 45), 40);
    assert_eq!(floors.floor(65, 90), 10);
    assert_eq!(floors.floor(50, 0), 40);
}
