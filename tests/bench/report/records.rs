//! Records of reports: what is resumed, summed up, judged and refused.

use kubekv::bench::field::{Deployment, SecurityLayer};
use kubekv::bench::suite::{
    CellRecord, GroupFigure, ReportLevel, ReportPlan, ReportRecord, disturbance, summarize, verdict,
};
use kubekv::bench::target::TargetProtocol;

use super::{build, measured, round};

fn cell(rates: &[f64]) -> CellRecord {
    CellRecord {
        rounds: rates
            .iter()
            .map(|rate| round("get", *rate, 1e6 / rate))
            .collect(),
        ..CellRecord::default()
    }
}

#[test]
fn a_record_comes_back_from_json_as_it_was() {
    let record = measured(ReportLevel::Quick, 2.0);
    let text = serde_json::to_string(&record).unwrap();
    let read: ReportRecord = serde_json::from_str(&text).unwrap();
    assert_eq!(read, record);
}

#[test]
fn a_report_goes_on_only_with_the_same_plan_build_and_machine() {
    let new = |level| ReportRecord::new(ReportPlan::new(level), build(), 0);
    let there = new(ReportLevel::Quick);
    assert_eq!(there.require_same(&new(ReportLevel::Quick)), Ok(()));
    let why = |there: &ReportRecord, here: &ReportRecord| {
        let error = there.require_same(here).unwrap_err();
        error.to_string()
    };
    let other = why(&there, &new(ReportLevel::Standard));
    assert!(other.contains("another plan (quick)"), "{other}");
    let mut here = new(ReportLevel::Quick);
    here.build.commit = Some("def456".to_owned());
    let other = why(&there, &here);
    assert!(
        other.contains("abc123") && other.contains("def456"),
        "{other}"
    );
    // Other arguments, such as --against, are the same build.
    let mut here = new(ReportLevel::Quick);
    here.build.arguments.push("--against".to_owned());
    assert_eq!(there.require_same(&here), Ok(()));
    let mut here = new(ReportLevel::Quick);
    here.machine.cores += 1;
    assert!(why(&there, &here).contains("another machine"));
    let mut newer = new(ReportLevel::Quick);
    newer.kubekv_report = 99;
    assert!(why(&newer, &there).contains("format 99"));
}

#[test]
fn a_cell_without_rounds_is_measured_again() {
    let mut record = measured(ReportLevel::Quick, 2.0);
    let id = "primitives/get/kubekv/consul";
    assert!(record.has(id));
    record.cells.insert(
        id.to_owned(),
        CellRecord {
            failed: Some("it ended".to_owned()),
            ..CellRecord::default()
        },
    );
    assert!(!record.has(id));
    assert!(!record.has("primitives/get/nothing"));
}

#[test]
fn a_summary_has_the_median_with_the_lowest_and_highest_round() {
    let summary = summarize(&cell(&[100.0, 400.0, 200.0]), "get").unwrap();
    let rate = summary.rate;
    assert!((rate.lowest - 100.0).abs() < 1e-9 && (rate.highest - 400.0).abs() < 1e-9);
    assert!((rate.median - 200.0).abs() < 1e-9, "{rate:?}");
    assert_eq!(
        (summary.answered, summary.resident_bytes),
        (3_000, Some(5 << 20))
    );
    assert!((summary.written_bytes.unwrap().median - 4_096.0).abs() < 1e-9);
    assert!((summary.cores.unwrap().median - 0.5).abs() < 1e-9);
    assert_eq!(summarize(&cell(&[100.0]), "put"), None);
}

#[test]
fn writes_that_lost_are_in_no_rate() {
    let mut one = cell(&[1_000.0]);
    let operations = &mut one.rounds[0].result.operations;
    operations.get_mut("get").unwrap().conflicts = 250;
    let summary = summarize(&one, "get").unwrap();
    assert!((summary.rate.median - 750.0).abs() < 1e-9, "{summary:?}");
}

#[test]
fn the_worse_one_loses_whichever_figure_it_is() {
    let (slow, fast) = (cell(&[100.0, 110.0]), cell(&[200.0, 210.0]));
    for figure in [GroupFigure::Rate, GroupFigure::P50] {
        let found = verdict(&slow, &fast, "get", figure).unwrap();
        assert!(found.loses && !found.is_close, "{figure:?}: {found:?}");
        let found = verdict(&fast, &slow, "get", figure).unwrap();
        assert!(!found.loses, "{figure:?}: {found:?}");
    }
    let found = verdict(
        &cell(&[90.0, 105.0]),
        &cell(&[100.0, 100.0]),
        "get",
        GroupFigure::Rate,
    );
    assert!(found.unwrap().is_close);
    assert_eq!(
        verdict(&slow, &CellRecord::default(), "get", GroupFigure::Rate),
        None
    );
}

#[test]
fn rounds_that_others_disturbed_or_that_differ_are_noticed() {
    let judge = |one: &CellRecord| disturbance(&one.rounds, "get", GroupFigure::Rate);
    assert_eq!(judge(&cell(&[100.0, 120.0, 110.0])), None);
    let differ = judge(&cell(&[100.0, 200.0])).unwrap();
    assert_eq!(differ, "its rounds differ by 67 %");
    let mut loaded = cell(&[100.0, 101.0]);
    loaded.rounds[1].other_load = 0.4;
    assert_eq!(
        judge(&loaded).unwrap(),
        "others used 40 % of the processors"
    );
}

#[test]
fn kubekv_is_compared_with_the_server_of_its_protocol_and_with_its_store() {
    let rivals = |one: Deployment| -> Vec<String> {
        one.rivals().into_iter().map(Deployment::name).collect()
    };
    assert_eq!(
        rivals(Deployment::embedded(TargetProtocol::Consul)),
        ["Consul"]
    );
    assert_eq!(
        rivals(Deployment::on_etcd(TargetProtocol::Etcd2)),
        ["etcd v2", "etcd v3"]
    );
    assert_eq!(
        rivals(Deployment::on_kubernetes(TargetProtocol::Etcd2)),
        ["etcd v2", "etcd v3", "kube-apiserver"]
    );
    let secured = Deployment::embedded(TargetProtocol::Consul).with(SecurityLayer::Audit);
    assert_eq!(
        rivals(secured),
        ["Consul, TLS, certificates and its access lists"]
    );
    assert_eq!(rivals(Deployment::real(TargetProtocol::Etcd2)), [""; 0]);
}
