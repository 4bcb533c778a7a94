//! Commands on the data directory of an embedded store.

use support::command::{embedded, run};
use support::running::Running;

#[test]
fn an_unused_store_can_be_checked_and_backed_up() {
    let directory = tempfile::tempdir().unwrap();
    let (store, copy) = (
        directory.path().join("store"),
        directory.path().join("copy"),
    );
    let (store_name, copy_name) = (store.to_str().unwrap(), copy.to_str().unwrap());
    let gateway = Running::start(&embedded(&store));
    gateway.run(&["put", "a", "1"]);
    assert_eq!(gateway.stop().code, 0);

    let report = run(&["check", store_name, "--json"]);
    assert_eq!(report.code, 0);
    let report = report.json();
    assert_eq!(
        (&report["entries"], &report["problems"]),
        (&1.into(), &serde_json::json!([]))
    );
    let done = run(&["backup", store_name, copy_name]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.text().contains("entries    1\n"), "{done:?}");
    assert_eq!(
        run(&["backup", store_name, copy_name]).code,
        6,
        "not over another"
    );

    let gateway = Running::start(&embedded(&copy));
    assert_eq!(gateway.run(&["get", "a"]).text(), "1\n");
}

#[test]
fn a_store_in_use_is_refused_with_advice() {
    let directory = tempfile::tempdir().unwrap();
    let (store, other) = (
        directory.path().join("store"),
        directory.path().join("other"),
    );
    let (path, other) = (store.to_str().unwrap(), other.to_str().unwrap());
    let (url, other_url) = (embedded(&store), format!("embedded:{other}"));
    let gateway = Running::start(&url);
    gateway.run(&["put", "a", "1"]);
    for (command, instead) in [
        (&["check", path][..], "it verified every record"),
        (&["backup", path, other], "kubekv export --output FILE"),
        (&["export", "--from", &url], "kubekv export --address"),
        (
            &["import", "--from", &url, "--to", &other_url],
            "stop the gateway",
        ),
        (&["import", "[]", "--to", &url], "kubekv import --address"),
    ] {
        let done = run(command);
        assert_eq!(done.code, 6, "{done:?}");
        let begins = format!(
            "kubekv: another kubekv is using this directory (pid {}): {path}; ",
            gateway.pid()
        );
        let last = done.err.lines().last().unwrap();
        assert!(last.starts_with(&begins), "{done:?}");
        assert!(last.contains(instead), "{done:?}");
    }
    assert_eq!(gateway.run(&["get", "a"]).text(), "1\n");
    assert_eq!(gateway.stop().code, 0);
}

#[test]
fn a_directory_without_a_store_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let done = run(&["check", directory.path().to_str().unwrap()]);
    assert_eq!(done.code, 6, "{done:?}");
    assert_eq!(done.err.lines().count(), 1);
    assert_eq!(run(&["backup"]).code, 2);
    assert_eq!(run(&["backup", "a", "b", "c"]).code, 2);
}
