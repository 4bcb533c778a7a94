//! Documentation of the command, checked against the command.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use kubekv::config::OPTIONS;
use kubekv::fairness::MemoryLimits;
use support::command::binary;

use support::command::run;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

#[test]
fn every_option_and_exit_code_is_documented() {
    let text = std::fs::read_to_string(docs().join("running.md")).unwrap();
    for option in &OPTIONS {
        let row = format!("| `{}` | ", option.name);
        let row = text.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("{} is not in docs/running.md", option.name));
        let default = row.split(" | ").nth(1).unwrap().trim_matches('`');
        assert_eq!(default, option.default, "{}", option.name);
    }
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let known = |name: &str| OPTIONS.iter().any(|option| option.name == name);
    for row in rows {
        let name = row.trim_start_matches("| `").split('`').next().unwrap();
        assert!(
            known(name) || name.starts_with("kubekv_"),
            "{name} is not an option"
        );
    }
    let help = run(&["--help"]);
    let codes = help.text().lines().filter_map(|line| {
        let code = line.trim_start().split("  ").next()?;
        code.parse::<u8>().ok()
    });
    let codes: Vec<u8> = codes.collect();
    assert_eq!(codes, (0..=8).collect::<Vec<u8>>());
    for code in codes {
        assert!(
            text.lines()
                .any(|line| line.starts_with(&format!("| {code} | "))),
            "{code}"
        );
    }
}

/// The settings of a section of a unit file, each once.
fn settings<'a>(unit: &'a str, section: &str) -> BTreeMap<&'a str, &'a str> {
    let lines = unit.lines().skip_while(|line| *line != section).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let settings = lines.filter(|line| !line.starts_with('#'));
    settings.filter_map(|line| line.split_once('=')).collect()
}

/// A size as systemd and Kubernetes write it, in bytes.
fn size(text: &str) -> u64 {
    let text = text.trim_end_matches('i');
    let (number, unit) = text.split_at(text.len() - 1);
    let shift = match unit {
        "M" => 20,
        "G" => 30,
        other => panic!("{other}: no unit"),
    };
    number.parse::<u64>().unwrap() << shift
}

#[test]
fn the_unit_file_limits_memory_and_core_dumps_as_the_documents_and_manifests_say() {
    let unit = std::fs::read_to_string(docs().join("systemd/kubekv.service")).unwrap();
    let service = settings(&unit, "[Service]");
    let of = |name| *service.get(name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!([of("MemorySwapMax"), of("LimitCORE")], ["0", "0"]);
    let (most, high) = (size(of("MemoryMax")), size(of("MemoryHigh")));

    // A pod has as much.
    let pods = docs().join("../manifests/base/deployment.yaml");
    let pods = std::fs::read_to_string(pods).unwrap();
    let (_, limit) = pods.split_once("limits: {memory: ").unwrap();
    assert_eq!(size(limit.split('}').next().unwrap()), most);

    // The kernel slows it down before it ends it, and not before it takes what it means to take.
    let shares = MemoryLimits::of_memory(most);
    let shares = [
        shares.bodies,
        shares.answers,
        shares.watch_queues,
        shares.watch_commits,
        shares.list_cache * 2,
        shares.entries,
    ];
    let shares = u64::try_from(shares.iter().sum::<usize>()).unwrap();
    assert!(shares < high && high < most, "{shares}, {high}, {most}");

    let text = std::fs::read_to_string(docs().join("running.md")).unwrap();
    let said = format!(
        "with {} GiB of memory, no swap and no core dumps",
        most >> 30
    );
    assert!(text.contains(&said), "{said}");
    let connections = OPTIONS.iter().find(|one| one.name == "max-connections");
    let connections: u64 = connections.unwrap().default.parse().unwrap();
    assert!(of("LimitNOFILE").parse::<u64>().unwrap() > connections);
}

#[test]
#[ignore = "needs systemd-analyze: tests/run"]
fn systemd_accepts_the_unit_file() {
    let unit = std::fs::read_to_string(docs().join("systemd/kubekv.service")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kubekv.service");
    let unit = unit.replace("/usr/local/bin/kubekv", binary());
    std::fs::write(&path, unit).unwrap();
    let output = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&path)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    // It also checks units of this machine that the unit refers to.
    let about: Vec<&str> = stderr
        .lines()
        .filter(|line| line.contains("kubekv"))
        .collect();
    assert!(about.is_empty(), "{stderr}");
    assert!(output.status.success(), "{stderr}");
    // What is left is what a server needs: the network, and resource limits of its own.
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--threshold=13"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}
