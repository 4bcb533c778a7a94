//! The plan of a report: what each level measures, within its time.

use std::collections::BTreeSet;

use kubekv::bench::field::System;
use kubekv::bench::suite::{GroupPace, LoadCommand, PlanGroup, ReportLevel, ReportPlan};

use super::cells;

const LEVELS: [ReportLevel; 3] = [ReportLevel::Quick, ReportLevel::Standard, ReportLevel::Full];

#[test]
fn each_level_fits_into_its_time() {
    for level in LEVELS {
        let (estimate, budget) = (ReportPlan::new(level).estimate(), level.budget());
        let budget = budget.as_secs_f64();
        assert!(estimate < budget, "{level:?}: {estimate} of {budget} s");
        // A level that leaves most of its time unused measures too little.
        assert!(
            estimate > budget / 20.0,
            "{level:?}: {estimate} of {budget} s"
        );
    }
}

#[test]
fn every_level_has_all_primitives_and_no_cell_twice() {
    for level in LEVELS {
        let plan = ReportPlan::new(level);
        let keys: BTreeSet<&str> = plan.stages[0]
            .groups
            .iter()
            .map(|group| group.key.as_str())
            .collect();
        for key in [
            "get", "list", "put-own", "put-one", "create", "cas", "lock", "wake",
        ] {
            assert!(keys.contains(key), "{level:?} lacks {key}");
        }
        let ids: Vec<String> = cells(&plan)
            .into_iter()
            .map(|(stage, group, deployment)| stage.cell(group, deployment))
            .collect();
        let unique: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "{level:?}");
    }
}

#[test]
fn the_standard_plan_searches_for_the_hosts_that_each_store_carries() {
    let plan = ReportPlan::new(ReportLevel::Standard);
    let all = cells(&plan);
    let mut systems: BTreeSet<&str> = BTreeSet::new();
    for (_, group, deployment) in &all {
        if let LoadCommand::Carried(_) = group.command {
            systems.insert(deployment.system.key());
        }
    }
    let wanted = [
        "consul",
        "etcd2",
        "kubekv",
        "kubekv-on-etcd",
        "kubekv-on-kubernetes",
        "zookeeper",
    ];
    assert_eq!(systems, BTreeSet::from(wanted));
    let is_asked = |system: System| all.iter().any(|(_, _, one)| one.system == system);
    assert!(is_asked(System::ApiServer) && is_asked(System::Etcd3));
    let layers: BTreeSet<&str> = all.iter().map(|(_, _, one)| one.security.key()).collect();
    assert_eq!(layers.len(), 8, "{layers:?}");
}

#[test]
fn a_group_that_needs_another_one_comes_after_it() {
    for level in LEVELS {
        for stage in ReportPlan::new(level).stages {
            let mut known: Vec<String> = Vec::new();
            for group in stage.groups {
                for needed in [group.pace.needs(), group.command.needs()] {
                    let is_known = |key: &str| known.iter().any(|one| one == key);
                    assert!(
                        needed.is_none_or(is_known),
                        "{} before {needed:?}",
                        group.key
                    );
                }
                known.push(group.key);
            }
        }
    }
}

#[test]
fn latencies_are_measured_at_half_of_what_the_slowest_does() {
    let plan = ReportPlan::new(ReportLevel::Standard);
    let mut latencies = 0;
    for stage in &plan.stages {
        let is_latency = |group: &&PlanGroup| matches!(group.pace, GroupPace::HalfOf(_));
        latencies += stage.groups.iter().filter(is_latency).count();
    }
    assert_eq!(latencies, 5);
}

#[test]
fn a_part_of_the_plan_has_what_it_depends_on() {
    let only = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let plan = ReportPlan::new(ReportLevel::Quick).only(&texts);
        let groups = plan.stages.iter().flat_map(|stage| {
            let of = |group| format!("{}/{}", stage.key, group);
            stage.groups.iter().map(move |group| of(&group.key))
        });
        groups.collect::<Vec<String>>()
    };
    assert_eq!(
        only(&["get-latency"]),
        ["primitives/get", "primitives/get-latency"]
    );
    assert_eq!(only(&["networks-10/"]), ["networks-10/container-start"]);
    assert_eq!(only(&["nothing"]), Vec::<String>::new());
    assert!(only(&[]).len() > 8);
    let plan = ReportPlan::new(ReportLevel::Quick).only_systems(&["consul".to_owned()]);
    let all = cells(&plan);
    assert!(!all.is_empty());
    assert!(all.iter().all(|(_, _, one)| one.system == System::Consul));
}
