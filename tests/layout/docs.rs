//! References in the documents: every file and every test they name exists.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a test file that docs/holes.md names without one.
const FAILURE_MODES: &str = "tests/cluster/failure_modes";

/// The folders whose files documents name by their paths from the root.
const FOLDERS: [&str; 5] = ["src", "tests", "benches", "manifests", "crds"];

/// A file or folder that a document names, and perhaps a test in it.
#[derive(Debug, PartialEq, Eq)]
struct Reference {
    path: String,
    test: Option<String>,
}

/// The references in a document: `` `tests/x.rs` ``, `` `tests/x.rs::test` ``, and `` `::test` `` for another test of the
/// same file.
fn references(text: &str) -> Vec<Reference> {
    let mut found: Vec<Reference> = Vec::new();
    for line in text.lines() {
        for span in line.split('`').skip(1).step_by(2) {
            let (path, test) = match span.split_once("::") {
                Some((path, test)) => (path, Some(test.to_owned())),
                None => (span, None),
            };
            let path = if path.is_empty() {
                match found.last() {
                    Some(last) => last.path.clone(),
                    None => continue,
                }
            } else if test.is_some() && !path.contains('/') {
                format!("{FAILURE_MODES}/{path}")
            } else {
                path.to_owned()
            };
            let root = path.split_once('/').map(|(root, _)| root);
            if root.is_some_and(|root| FOLDERS.contains(&root)) && !path.contains([' ', '*', '{']) {
                found.push(Reference { path, test });
            }
        }
    }
    found
}

/// Why a reference leads nowhere, if it does.
fn fault(root: &Path, reference: &Reference) -> Option<String> {
    let path = root.join(&reference.path);
    if !path.exists() {
        return Some(format!("{} does not exist", reference.path));
    }
    let test = reference.test.as_ref()?;
    let source = fs::read_to_string(path).unwrap_or_default();
    (!source.contains(&format!("fn {test}(")))
        .then(|| format!("{} has no test {test}", reference.path))
}

/// README.md and the documents in docs.
fn documents(root: &Path) -> Vec<PathBuf> {
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let is_document = |path: &PathBuf| path.extension().is_some_and(|end| end == "md");
    docs.filter(is_document)
        .chain([root.join("README.md")])
        .collect()
}

#[test]
fn documents_name_files_and_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    for document in documents(root) {
        let text = fs::read_to_string(&document).unwrap();
        let found = references(&text);
        if document.ends_with("docs/holes.md") {
            let tests = found.iter().filter(|found| found.test.is_some()).count();
            assert!(tests > 20, "the tests in docs/holes.md are not found");
        }
        let name = document.file_name().unwrap().display();
        let wrong = found.iter().filter_map(|found| fault(root, found));
        faults.extend(wrong.map(|fault| format!("{name}: {fault}")));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn references_are_found_and_checked() {
    let text = "| `tests/layout/docs.rs::none`, `::references`, `writes.rs::w` | `src/x.rs` | `a b` `GET` |";
    let found = references(text);
    let named: Vec<_> = found
        .iter()
        .map(|found| (found.path.as_str(), found.test.as_deref()))
        .collect();
    assert_eq!(
        named,
        [
            ("tests/layout/docs.rs", Some("none")),
            ("tests/layout/docs.rs", Some("references")),
            ("tests/cluster/failure_modes/writes.rs", Some("w")),
            ("src/x.rs", None),
        ]
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let faults: Vec<_> = found
        .iter()
        .filter_map(|found| fault(root, found))
        .collect();
    assert_eq!(
        faults,
        [
            "tests/layout/docs.rs has no test none",
            "tests/cluster/failure_modes/writes.rs has no test w",
            "src/x.rs does not exist",
        ]
    );
}
