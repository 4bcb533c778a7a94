//! Runs of the command: a small one on kubekv alone, one on the real servers, and what it refuses.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use kubekv::bench::suite::ReportRecord;
use support::command::{Done, binary, done, kubekv, run};
use support::components::component;
use support::until::until;

fn read(directory: &Path) -> ReportRecord {
    let text = fs::read(directory.join("report.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// A report of a part of the quick plan into a directory, with an empty PATH.
fn report(directory: &Path, more: &[&str]) -> Done {
    let out = directory.to_str().unwrap();
    let fixed = ["bench", "report", "--quick", "--out", out];
    let output = kubekv()
        .args(fixed)
        .args(more)
        .env("PATH", "/nonexistent")
        .output();
    done(output.unwrap())
}

#[test]
fn a_small_report_is_measured_and_not_measured_again() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("report");
    let part = ["--only", "primitives/put-one", "--system", "kubekv"];
    let first = report(&out, &part);
    assert_eq!(first.code, 0, "{first:?}");
    let record = read(&out);
    let cells: Vec<&str> = record.cells.keys().map(String::as_str).collect();
    assert_eq!(
        cells,
        ["consul", "etcd2", "zk"].map(|face| format!("primitives/put-one/kubekv/{face}"))
    );
    for (id, cell) in &record.cells {
        assert_eq!((cell.failed.as_ref(), cell.rounds.len()), (None, 2), "{id}");
        for round in &cell.rounds {
            assert!(round.result.operations["put"].answered > 0, "{id}");
            // An embedded store syncs each write.
            assert!(
                round.result.server.as_ref().unwrap().written_bytes > 0,
                "{id}"
            );
        }
    }
    // The table that documents show is printed as well.
    let summary = fs::read_to_string(out.join("summary.md")).unwrap();
    assert_eq!(first.text(), summary);
    for name in ["report.md", "report.html"] {
        let page = fs::read_to_string(out.join(name)).unwrap();
        assert!(page.contains("Write one key that all write"), "{name}");
    }
    assert!(!out.join("servers").exists(), "data is left");
    let again = report(&out, &part);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(!again.err.contains("starting servers"), "{again:?}");
    assert_eq!(read(&out).cells, record.cells);
    // Another plan is not mixed with it.
    let other = report(&out, &["--only", "primitives/get", "--system", "kubekv"]);
    assert_eq!(other.code, 2, "{other:?}");
    assert!(other.err.contains("another plan"), "{other:?}");
    // It can be compared with itself.
    let json = out.join("report.json");
    let same = report(
        &out,
        &[&part[..], &["--against", json.to_str().unwrap()]].concat(),
    );
    assert_eq!(same.code, 0, "{same:?}");
    let text = fs::read_to_string(out.join("report.md")).unwrap();
    assert!(text.contains("## Against another report") && !text.contains("WORSE"));
}

/// A report of a part of the standard plan into a directory, with an empty PATH.
fn standard_report(directory: &Path, more: &[&str]) -> Done {
    let mut command = kubekv();
    command.args(["bench", "report", "--out"]).arg(directory);
    let output = command.args(more).env("PATH", "/nonexistent").output();
    done(output.unwrap())
}

#[test]
fn a_server_that_is_killed_is_started_again_and_answers_with_what_it_had() {
    let directory = tempfile::tempdir().unwrap();
    let part = [
        ["--only", "entries-1000/entries-take-over"],
        ["--system", "kubekv"],
    ];
    let made = standard_report(directory.path(), part.as_flattened());
    assert_eq!(made.code, 0, "{made:?}");
    let record = complete(directory.path());
    assert_eq!(record.cells.len(), 2, "{:?}", record.cells.keys());
    for (id, cell) in &record.cells {
        for row in ["write", "read"] {
            let row = &cell.rounds[0].result.operations[row];
            // It was gone: no answer comes before its process has started.
            assert_eq!(row.answered, 1, "{id}");
            assert!(row.latency.p50_us > 1_000.0, "{id}: {row:?}");
        }
    }
}

#[test]
fn memory_of_connections_is_measured() {
    let directory = tempfile::tempdir().unwrap();
    let part = [["--only", "idle-connections/"], ["--system", "kubekv"]];
    let made = standard_report(directory.path(), part.as_flattened());
    assert_eq!(made.code, 0, "{made:?}");
    let record = complete(directory.path());
    assert_eq!(record.cells.len(), 3, "{:?}", record.cells.keys());
    for (id, cell) in &record.cells {
        let idle = cell.rounds[0].result.idle.as_ref().unwrap();
        assert_eq!(idle.open, 2_000, "{id}");
        let looks = [idle.resident_bytes_before, idle.resident_bytes_idle];
        assert!(
            looks.iter().all(|look| *look > Some(1 << 20)),
            "{id}: {idle:?}"
        );
    }
    let page = fs::read_to_string(directory.path().join("report.md")).unwrap();
    assert!(page.contains("### Memory of a connection"), "{page}");
}

#[test]
fn programs_that_are_missing_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let part = [
        "--only",
        "primitives/get",
        "--system",
        "consul",
        "--system",
        "etcd3",
    ];
    let done = report(directory.path(), &part);
    assert_eq!(done.code, 0, "{done:?}");
    let record = read(directory.path());
    assert_eq!(record.cells.len(), 0);
    assert_eq!(
        record.missing["consul/consul"],
        "no program consul in PATH: give --with consul=FILE"
    );
    let page = fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(page.contains("Not measured: etcd3/etcd3: no program etcd in PATH"));
}

#[test]
fn a_server_that_does_not_start_is_a_failed_cell_with_its_output() {
    let directory = tempfile::tempdir().unwrap();
    let fake = directory.path().join("consul");
    let script =
        "#!/bin/sh\n[ \"$1\" = version ] && echo Consul v0.0.0 && exit\necho no disk; exit 9\n";
    fs::write(&fake, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&fake, mode).unwrap();
    let named = format!("consul={}", fake.display());
    let out = directory.path().join("report");
    let part = [
        "--only",
        "primitives/put-own",
        "--system",
        "consul",
        "--with",
        &named,
    ];
    let done = report(&out, &part);
    assert_eq!(done.code, 0, "{done:?}");
    let failed = read(&out).cells["primitives/put-own/consul/consul"]
        .failed
        .clone()
        .unwrap();
    assert!(
        failed.contains("exit status: 9") && failed.contains("no disk"),
        "{failed}"
    );
}

#[test]
fn nonsense_is_refused_in_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let out = out.to_str().unwrap();
    for (more, want) in [
        (&["--only", "nothing"][..], "nothing in the plan"),
        (&["--system", "redis"], "redis"),
        (&["--with", "redis=/bin/true"], "redis"),
        (&["--with", "consul"], "NAME=FILE"),
        (&["--with", "consul=/no/such/file"], "/no/such/file"),
        (&["--full"], "--quick"),
        (&["--against", "Cargo.toml"], "Cargo.toml"),
        (&["--attacks", "Cargo.toml"], "has no tables"),
    ] {
        let done = run(&[&["bench", "report", "--out", out, "--quick"], more].concat());
        assert_eq!((done.code, done.text()), (2, ""), "{more:?}: {done:?}");
        assert!(done.err.contains(want), "{more:?}: {done:?}");
        assert!(!Path::new(out).exists(), "{more:?}");
    }
}

#[test]
fn a_plan_is_printed_with_its_time() {
    let done = run(&["bench", "report", "--plan"]);
    assert_eq!(done.code, 0, "{done:?}");
    let text = done.text();
    assert!(
        text.contains("Docker hosts carried: 2 groups, 16 cells"),
        "{text}"
    );
    let last = text.lines().last().unwrap();
    assert!(last.contains(" min  altogether"), "{last}");
}

#[test]
fn a_program_started_by_a_report_ends_with_its_parent() {
    // The shell is the parent: it starts the program, prints both ids, and is killed.
    let script = format!(
        "{} bench attached $$ -- sleep 600 & echo $!; wait",
        binary()
    );
    let mut shell = Command::new("sh")
        .args(["-c", &script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let out = shell.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
    let pid = line.trim().to_owned();
    let command = || fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    until("it becomes the program", || {
        command().starts_with("sleep\0")
    });
    shell.kill().unwrap();
    shell.wait().unwrap();
    until("it ends", || !command().starts_with("sleep\0"));
}

#[test]
fn two_reports_cannot_be_made_in_one_directory_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let lock = fs::File::create(directory.path().join("lock")).unwrap();
    lock.try_lock().unwrap();
    let done = report(directory.path(), &["--system", "kubekv"]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(
        done.err.contains("another report is being made"),
        "{done:?}"
    );
}

/// A report with the real servers' programs.
fn with_components(directory: &Path, arguments: &[&str]) -> Done {
    let programs = [
        ("consul", component("consul").join("consul")),
        ("etcd2", component("etcd").join("etcd")),
        ("etcd3", component("etcd-3.6").join("etcd")),
        ("zookeeper", component("zookeeper").join("zookeeper")),
        (
            "kube-apiserver",
            component("kubernetes").join("kube-apiserver"),
        ),
        ("kubectl", component("kubernetes").join("kubectl")),
    ];
    let mut command = kubekv();
    command.args(["bench", "report"]).args(arguments);
    command.arg("--out").arg(directory);
    for (name, path) in &programs {
        command
            .arg("--with")
            .arg(format!("{name}={}", path.display()));
    }
    done(command.output().unwrap())
}

/// The record of a report in which every cell was measured.
fn complete(directory: &Path) -> ReportRecord {
    let record = read(directory);
    assert!(record.missing.is_empty(), "{:?}", record.missing);
    for (id, cell) in &record.cells {
        assert!(
            cell.failed.is_none() && !cell.rounds.is_empty(),
            "{id}: {cell:?}"
        );
        for round in &cell.rounds {
            let mut rows = round.result.operations.values();
            assert!(rows.all(|row| row.failures.is_empty()), "{id}: {round:?}");
        }
    }
    record
}

#[test]
#[ignore = "needs etcd and Consul: tests/run"]
fn layers_of_security_are_measured() {
    let directory = tempfile::tempdir().unwrap();
    let part = [
        ["--only", "security/layers-put"],
        ["--system", "kubekv"],
        ["--system", "consul"],
        ["--system", "etcd2"],
    ];
    let done = with_components(directory.path(), part.as_flattened());
    assert_eq!(done.code, 0, "{done:?}");
    // Six of kubekv over Consul's API and two over etcd's; two of each real server.
    let record = complete(directory.path());
    assert_eq!(record.cells.len(), 12, "{:?}", record.cells.keys());
}

#[test]
#[ignore = "needs etcd and kube-apiserver: tests/run"]
fn a_gateway_that_stands_by_takes_over() {
    let directory = tempfile::tempdir().unwrap();
    let part = [
        ["--only", "entries-1000/entries-take-over"],
        ["--only", "entries-1000/entries-hand-over"],
        ["--system", "kubekv-on-etcd"],
        ["--system", "kubekv-on-kubernetes"],
    ];
    let done = with_components(directory.path(), part.as_flattened());
    assert_eq!(done.code, 0, "{done:?}");
    let record = complete(directory.path());
    assert_eq!(record.cells.len(), 8, "{:?}", record.cells.keys());
    for store in ["kubekv-on-etcd", "kubekv-on-kubernetes"] {
        let waited = |group: &str, row: &str| {
            let cell = &record.cells[&format!("entries-1000/{group}/{store}/etcd2")];
            cell.rounds[0].result.operations[row].latency.p50_us / 1e6
        };
        for row in ["write", "read"] {
            // A leader that dies tells nobody: what answered at once was not another gateway.
            let killed = waited("entries-take-over", row);
            assert!(killed > 0.1, "{store}: {row}: {killed}");
            assert!(waited("entries-hand-over", row) > 0.0, "{store}: {row}");
        }
    }
}

#[test]
#[ignore = "needs etcd and kube-apiserver: tests/run"]
fn an_api_server_is_asked_directly() {
    let directory = tempfile::tempdir().unwrap();
    let part = [
        ["--only", "primitives/put-alone"],
        ["--system", "kube-apiserver"],
    ];
    let done = with_components(directory.path(), part.as_flattened());
    assert_eq!(done.code, 0, "{done:?}");
    let record = complete(directory.path());
    let asked = record.cells["primitives/put-alone/kube-apiserver/kube"].backend;
    assert!(asked.unwrap().requests > 0.5, "{asked:?}");
}

#[test]
#[ignore = "needs etcd, Consul, ZooKeeper and kube-apiserver: tests/run"]
fn the_real_servers_are_measured_beside_kubekv() {
    let directory = tempfile::tempdir().unwrap();
    // Each group takes a minute: with one, every server is started, loaded and asked for its costs.
    let part = ["--quick", "--only", "primitives/create"];
    // On a busy disk an etcd lets requests time out, and a cell fails: the same command goes on with it.
    for _again in 0..3 {
        let done = with_components(directory.path(), &part);
        assert_eq!(done.code, 0, "{done:?}");
        let mut cells = read(directory.path()).cells.into_values();
        if cells.all(|cell| cell.failed.is_none()) {
            break;
        }
    }
    let record = complete(directory.path());
    assert_eq!(record.cells.len(), 9, "one of each deployment");
    let asked = record.cells["primitives/create/kubekv-on-etcd/etcd2"]
        .backend
        .unwrap();
    assert!(asked.requests > 0.0 && asked.bytes > 256.0, "{asked:?}");
    let asked = record.cells["primitives/create/kubekv-on-kubernetes/etcd2"].backend;
    assert!(asked.unwrap().requests > 0.5, "{asked:?}");
    let versions = ["etcd Version: 3.", "Consul v1.", "ZooKeeper 3."];
    for version in versions {
        let mut all = record.deployments.values();
        assert!(all.any(|one| one.version.contains(version)), "{version}");
    }
    // Nothing is left behind.
    assert!(!directory.path().join("servers").exists());
}
