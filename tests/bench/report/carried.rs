//! The search for the number of Docker hosts that are carried, on kubekv alone.

use kubekv::bench::field::{Deployment, Launcher, Programs};
use kubekv::bench::suite::{
    CarriedSearch, Conductor, GroupFigure, GroupPace, LoadCommand, PlanGroup, PlanStage,
    ReportLevel, ReportPlan, ReportRecord,
};
use kubekv::bench::target::TargetProtocol;
use support::command::binary;

use super::build;

/// A plan with one short search.
fn plan() -> ReportPlan {
    let group = PlanGroup {
        key: "hosts".to_owned(),
        title: "Docker hosts that one store carries".to_owned(),
        shape: String::new(),
        command: LoadCommand::Carried(CarriedSearch {
            first: 3,
            step_seconds: 60,
            search_seconds: 1,
            after: None,
        }),
        arguments: ["--networks", "1", "--containers", "2"]
            .map(str::to_owned)
            .to_vec(),
        row: "container start".to_owned(),
        figure: GroupFigure::Hosts,
        pace: GroupPace::Closed,
        series: None,
        rounds: 1,
        seconds: 1.0,
        warm_up: 0.1,
        deployments: vec![Deployment::embedded(TargetProtocol::Etcd2)],
    };
    let stage = PlanStage {
        key: "fleet".to_owned(),
        title: "Docker hosts carried".to_owned(),
        fills: Vec::new(),
        fill_seconds: 0,
        groups: vec![group],
    };
    ReportPlan {
        level: ReportLevel::Standard,
        stages: vec![stage],
    }
}

#[test]
fn a_fleet_is_measured_and_what_ended_the_search_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let launcher = Launcher::new(binary().into());
    let programs = Programs::default();
    let conductor = Conductor {
        launcher: &launcher,
        programs: &programs,
        directory: directory.path().to_owned(),
        progress: &|_: &str| {},
        save: &|_: &mut ReportRecord| Ok(()),
    };
    let mut record = ReportRecord::new(plan(), build(), 0);
    conductor.run(&mut record).unwrap();
    let cell = &record.cells["fleet/hosts/kubekv/etcd2"];
    let first = &cell.fleets[0];
    assert_eq!(first.hosts, 3, "{cell:?}");
    assert!(first.client_cores.is_some(), "{cell:?}");
    assert!(cell.stopped_by.is_some(), "{cell:?}");
    // A machine that is busy with other tests may not carry even these.
    match (&first.overload, cell.rounds.first()) {
        (None, Some(best)) => assert!(best.result.docker.as_ref().unwrap().hosts >= 3),
        (Some(_), None) => assert!(cell.failed.is_some(), "{cell:?}"),
        _ => panic!("{cell:?}"),
    }
}
