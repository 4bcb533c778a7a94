//! The commands on an embedded store's directory.

use crate::command::{embedded, run};
use crate::running::Running;

#[test]
fn a_store_is_checked_and_copied_while_nobody_uses_it() {
    let directory = tempfile::tempdir().unwrap();
    let (store, copy) = (
        directory.path().join("store"),
        directory.path().join("copy"),
    );
    let (store_name, copy_name) = (store.to_str().unwrap(), copy.to_str().unwrap());
    let gateway = Running::start(&embedded(&store));
    gateway.run(&["put", "a", "1"]);
    let done = run(&["check", store_name]);
    assert_eq!(done.code, 6, "a store in use is refused: {done:?}");
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
fn a_directory_without_a_store_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let done = run(&["check", directory.path().to_str().unwrap()]);
    assert_eq!(done.code, 6, "{done:?}");
    assert_eq!(done.err.lines().count(), 1);
    assert_eq!(run(&["backup"]).code, 2);
    assert_eq!(run(&["backup", "a", "b", "c"]).code, 2);
}
