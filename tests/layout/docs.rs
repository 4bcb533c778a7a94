//! References in the documents: every file and every test they name exists.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tree::collect_sources;

/// The folder of a test file that docs/holes.md names without one.
const FAILURE_MODES: &str = "tests/cluster/failure_modes";

/// The folders whose files documents name by their paths from the root.
const FOLDERS: [&str; 5] = ["src", "tests", "benches", "manifests", "crds"];

/// How the name of a source file ends.
const SOURCE: &str = ".rs";

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
                Some((path, test)) if path.is_empty() || path.ends_with(SOURCE) => {
                    (path, Some(test.to_owned()))
                }
                // A path of Rust, or a filter of the log.
                Some(_) => continue,
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
            let is_named = root.is_some_and(|root| FOLDERS.contains(&root));
            if (is_named || path.ends_with(SOURCE)) && !path.contains([' ', '*', '{']) {
                found.push(Reference { path, test });
            }
        }
    }
    found
}

/// Why a reference leads nowhere, if it does. A file without a folder of the root is one of these sources, by the end of its
/// path.
fn fault(root: &Path, sources: &[PathBuf], reference: &Reference) -> Option<String> {
    let path = root.join(&reference.path);
    if !FOLDERS
        .iter()
        .any(|folder| reference.path.starts_with(&format!("{folder}/")))
    {
        return (!sources
            .iter()
            .any(|source| source.ends_with(&reference.path)))
        .then(|| format!("no source is called {}", reference.path));
    }
    if !path.exists() {
        return Some(format!("{} does not exist", reference.path));
    }
    let test = reference.test.as_ref()?;
    let source = fs::read_to_string(path).unwrap_or_default();
    (!source.contains(&format!("fn {test}(")))
        .then(|| format!("{} has no test {test}", reference.path))
}

/// README.md, CONTRIBUTING.md and the documents in docs.
fn documents(root: &Path) -> Vec<PathBuf> {
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let is_document = |path: &PathBuf| path.extension().is_some_and(|end| end == "md");
    docs.filter(is_document)
        .chain([root.join("README.md"), root.join("CONTRIBUTING.md")])
        .collect()
}

#[test]
fn documents_name_files_and_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in ["src", "tests", "benches"] {
        collect_sources(&root.join(folder), &mut sources);
    }
    let mut faults = Vec::new();
    for document in documents(root) {
        let text = fs::read_to_string(&document).unwrap();
        let found = references(&text);
        if document.ends_with("docs/holes.md") {
            let tests = found.iter().filter(|found| found.test.is_some()).count();
            assert!(tests > 20, "the tests in docs/holes.md are not found");
        }
        let name = document.file_name().unwrap().display();
        let wrong = found
            .iter()
            .filter_map(|found| fault(root, &sources, found));
        faults.extend(wrong.map(|fault| format!("{name}: {fault}")));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn references_are_found_and_checked() {
    let text = "| `tests/layout/docs.rs::none`, `::references`, `writes.rs::w` | `src/x.rs` | `a b` `GET` | `tree.rs`, `space/tree.rs`, `ree.rs`, `space::tree` |";
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
            ("tree.rs", None),
            ("space/tree.rs", None),
            ("ree.rs", None),
        ]
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = [root.join("src/space/tree.rs")];
    let faults: Vec<_> = found
        .iter()
        .filter_map(|found| fault(root, &sources, found))
        .collect();
    assert_eq!(
        faults,
        [
            "tests/layout/docs.rs has no test none",
            "tests/cluster/failure_modes/writes.rs has no test w",
            "src/x.rs does not exist",
            "no source is called ree.rs",
        ]
    );
}
