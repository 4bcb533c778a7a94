//! Documentation of the command, checked against the command.

use std::path::{Path, PathBuf};
use std::process::Command;

use kubekv::config::OPTIONS;
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
