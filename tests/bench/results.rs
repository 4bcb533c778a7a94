//! Results: merging and comparing them.

use std::time::Duration;

use kubekv::bench::measure::{Latencies, OperationRecord};
use kubekv::bench::report::{
    ClientResult, Goal, LatencySummary, LoadSummary, Machine, NotMergeable, OperationResult,
    RunResult, compare, merge, text,
};
use kubekv::bench::watch::WatchSummary;

/// A result of a second with one operation, and these latencies in milliseconds.
fn result(latencies_ms: impl IntoIterator<Item = u64>) -> RunResult {
    let mut record = OperationRecord::default();
    for ms in latencies_ms {
        record.record_latency(Duration::from_millis(ms));
    }
    record.fail("refused".to_owned());
    RunResult {
        kubekv_bench: 1,
        version: String::new(),
        target: "consul://a:1".to_owned(),
        load: LoadSummary {
            clients: 4,
            rate: Some(500.0),
            seconds: 1.0,
            ..LoadSummary::default()
        },
        machine: Machine::this(),
        operations: [("put".to_owned(), OperationResult::new(&record, 1.0))].into(),
        client: ClientResult::default(),
        server: None,
        watch: None,
        docker: None,
        idle: None,
        not_sent: 1,
        longest_gap_ms: 5.0,
        limited_by: None,
    }
}

fn same(one: &LatencySummary, other: &LatencySummary) {
    assert_eq!(
        [one.p50_us, one.p90_us, one.p99_us, one.p999_us, one.max_us].map(f64::to_bits),
        [
            other.p50_us,
            other.p90_us,
            other.p99_us,
            other.p999_us,
            other.max_us
        ]
        .map(f64::to_bits)
    );
}

#[test]
fn merged_results_have_the_counts_and_quantiles_of_all() {
    let whole = result(1..=1_000);
    let mut slow = result(501..=1_000);
    slow.longest_gap_ms = 9.0;
    slow.limited_by = Some("client".to_owned());
    let parts = [result(1..=500), slow];
    for (at_once, seconds, per_second, clients) in [(true, 1.0, 1_000.0, 8), (false, 2.0, 500.0, 4)]
    {
        let merged = merge(&parts, at_once).unwrap();
        let put = &merged.operations["put"];
        assert_eq!((put.answered, put.failures["refused"]), (1_000, 2));
        same(&put.latency, &whole.operations["put"].latency);
        same(&put.service, &whole.operations["put"].service);
        assert_eq!(put.per_second.to_bits(), f64::to_bits(per_second));
        assert_eq!(merged.load.seconds.to_bits(), f64::to_bits(seconds));
        assert_eq!((merged.load.clients, merged.not_sent), (clients, 2));
        assert_eq!(merged.longest_gap_ms.to_bits(), 9.0_f64.to_bits());
        assert_eq!(merged.limited_by.as_deref(), Some("client"));
        assert!(text(&merged).contains("NOT THE SERVER'S LIMIT"));
    }
}

#[test]
fn merged_watchers_are_added() {
    let watched = |watchers, woken| {
        let mut one = result([1]);
        one.watch = Some(WatchSummary {
            watchers,
            woken,
            expected: 10,
            missed: 10 - woken,
            ..WatchSummary::default()
        });
        one
    };
    let parts = [watched(100, 10), watched(50, 7)];
    let sum = |at_once| {
        let sum = merge(&parts, at_once).unwrap().watch.unwrap();
        (sum.watchers, sum.expected, sum.woken, sum.missed)
    };
    assert_eq!(sum(true), (150, 20, 17, 3));
    assert_eq!(sum(false), (100, 20, 17, 3));
}

#[test]
fn results_that_cannot_be_merged_are_refused() {
    assert_eq!(merge(&[], true), Err(NotMergeable::None));
    let mut newer = result([1]);
    newer.kubekv_bench = 2;
    let refused = merge(&[result([1]), newer], true);
    assert_eq!(refused, Err(NotMergeable::Format(2)));
    let mut broken = result([1]);
    let put = broken.operations.get_mut("put").unwrap();
    "no histogram".clone_into(&mut put.latency.histogram);
    assert!(matches!(
        merge(&[broken], true),
        Err(NotMergeable::Histogram(_))
    ));
    assert!(Latencies::decode("no histogram").is_err());
}

/// Results with these rates.
fn rates<const N: usize>(rates: [u32; N]) -> Vec<RunResult> {
    let of = |rate: u32| {
        let mut one = result([1]);
        let put = one.operations.get_mut("put").unwrap();
        put.per_second = f64::from(rate);
        one
    };
    rates.into_iter().map(of).collect()
}

#[test]
fn compared_are_the_medians_of_rounds() {
    let rate = |one: &RunResult| Some(one.operations["put"].per_second);
    let (ours, theirs) = (rates([100, 900, 300]), rates([100, 100, 150]));
    let found = compare(&ours, &theirs, rate, Some(Goal::AtLeast(2.5))).unwrap();
    let figures = [
        found.ours,
        found.theirs,
        found.ratio,
        found.lowest,
        found.highest,
    ];
    assert_eq!(
        figures.map(f64::to_bits),
        [300.0, 100.0, 2.0, 1.0, 9.0].map(f64::to_bits)
    );
    assert!(found.is_missed);
    for (goal, is_missed) in [
        (Goal::AtLeast(2.0), false),
        (Goal::AtMost(2.0), false),
        (Goal::AtMost(1.9), true),
    ] {
        let found = compare(&ours, &theirs, rate, Some(goal)).unwrap();
        assert_eq!(found.is_missed, is_missed, "{goal:?}");
    }
    let even = compare(&rates([100, 300]), &rates([100, 100]), rate, None).unwrap();
    assert_eq!(even.ratio.to_bits(), 2.0_f64.to_bits());
    assert!(compare(&ours, &rates([1]), rate, None).is_none());
    assert!(compare(&rates([1]), &rates([0]), rate, None).is_none());
    assert!(compare(&[], &[], rate, None).is_none());
}
