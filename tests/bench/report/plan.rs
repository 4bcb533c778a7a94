//! The plan of a report: what each level measures, within its time.

use std::collections::BTreeSet;

use kubekv::bench::field::{ProcessEnd, System};
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
fn a_leader_ends_in_both_ways_on_each_shared_store_as_entries_grow() {
    let plan = ReportPlan::new(ReportLevel::Standard);
    for size in [1_000, 10_000, 100_000] {
        let stage = format!("entries-{size}");
        let stage = plan.stages.iter().find(|one| one.key == stage).unwrap();
        let of = |end: ProcessEnd| {
            let of = stage.groups.iter();
            let mut of = of.filter(|group| group.command == LoadCommand::TakeOver(end));
            let (writes, reads) = (of.next().unwrap(), of.next().unwrap());
            assert_eq!((writes.row.as_str(), reads.row.as_str()), ("write", "read"));
            let systems = writes.deployments.iter().map(|one| one.system);
            systems.collect::<BTreeSet<System>>()
        };
        let shared = BTreeSet::from([System::KubekvOnEtcd, System::KubekvOnKubernetes]);
        assert_eq!(of(ProcessEnd::Stopped), shared);
        let killed = of(ProcessEnd::Killed);
        for system in [System::Etcd2, System::Consul, System::ZooKeeper] {
            assert!(killed.contains(&system), "{system:?}");
        }
        assert!(killed.is_superset(&shared));
    }
}

#[test]
fn memory_of_sessions_and_of_connections_is_measured_once_on_new_servers_each() {
    for level in [ReportLevel::Standard, ReportLevel::Full] {
        let plan = ReportPlan::new(level);
        for key in ["sessions", "connections"] {
            let id = format!("idle-{key}");
            let stage = plan.stages.iter().find(|one| one.key == id).unwrap();
            let [group] = stage.groups.as_slice() else {
                panic!("{stage:?}");
            };
            assert_eq!((group.key.as_str(), group.rounds), (key, 1));
            assert!(stage.fills.is_empty());
        }
    }
}

#[test]
fn the_full_plan_asks_each_store_by_each_protocol_that_docker_speaks() {
    let plan = ReportPlan::new(ReportLevel::Full);
    let all = cells(&plan);
    let faces = |wanted: &str, system: System| {
        let of = all.iter().filter(|(stage, group, one)| {
            let id = format!("{}/{}", stage.key, group.key);
            id == wanted && one.system == system
        });
        let of: BTreeSet<&str> = of.map(|(_, _, one)| one.protocol.scheme()).collect();
        of
    };
    for system in [
        System::KubekvEmbedded,
        System::KubekvOnEtcd,
        System::KubekvOnKubernetes,
    ] {
        for id in [
            "primitives/get",
            "primitives/cas-one",
            "primitives/wake",
            "networks-100/container-start",
            "hosts-100/start-among",
        ] {
            assert_eq!(
                faces(id, system),
                BTreeSet::from(["consul", "etcd2", "zk"]),
                "{id}"
            );
        }
    }
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
