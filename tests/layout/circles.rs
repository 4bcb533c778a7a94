//! Import circles between files: groups of files of which each imports the others, directly or through more.
//!
//! A re-export counts as the file that defines the name; `mod` lines, `pub use` and tests count as no import.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::paths::{Path, exported, imported, module};

/// Files by name, and the files each imports.
type Imports<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Limit for following re-exports: more are a circle of re-exports.
const REEXPORTS: usize = 16;

/// The circles among these files, given with their sources: one line each, its members in the order of imports.
pub(crate) fn circles(files: &[(String, String)]) -> Vec<String> {
    let imports = imports(files);
    let mut found: Vec<String> = Vec::new();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for file in imports.keys() {
        if done.contains(file) {
            continue;
        }
        if let Some(circle) = shortest_circle(&imports, file) {
            // One line for a group is enough: once that circle is opened, the next run finds the others.
            done.extend(&circle);
            found.push(format!("import circle: {} -> {file}", circle.join(" -> ")));
        }
    }
    found
}

fn imports(files: &[(String, String)]) -> Imports<'_> {
    let modules: BTreeMap<Path, &str> = files
        .iter()
        .map(|(name, _)| (module(name), name.as_str()))
        .collect();
    let exports: BTreeMap<&str, Vec<(String, Path)>> = files
        .iter()
        .map(|(name, source)| (name.as_str(), exported(name, source)))
        .collect();
    let edges = files.iter().map(|(name, source)| {
        let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
        let targets = imported(name, code).into_iter();
        let targets = targets.filter_map(|path| defined_in(&modules, &exports, path));
        let others = targets.filter(|target| target != name);
        (name.as_str(), others.collect())
    });
    edges.collect()
}

/// The file that defines the item at a path.
fn defined_in<'a>(
    modules: &BTreeMap<Path, &'a str>,
    exports: &BTreeMap<&str, Vec<(String, Path)>>,
    mut path: Path,
) -> Option<&'a str> {
    for _ in 0..REEXPORTS {
        let depth = (1..=path.len())
            .rev()
            .find(|depth| modules.contains_key(&path[..*depth]))?;
        let file = modules[&path[..depth]];
        let reexport = path.get(depth).and_then(|name| {
            let all = exports[file].iter();
            all.clone().find(|(exported, _)| exported == name)
        });
        match reexport {
            Some((_, target)) => {
                let rest = path.split_off(depth + 1);
                path.clone_from(target);
                path.extend(rest);
            }
            None => return Some(file),
        }
    }
    None
}

/// The shortest way from a file through its imports back to it.
fn shortest_circle<'a>(imports: &Imports<'a>, file: &'a str) -> Option<Vec<&'a str>> {
    let mut from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([file]);
    while let Some(next) = queue.pop_front() {
        for target in imports.get(next).into_iter().flatten() {
            if *target == file {
                let mut circle = vec![next];
                while circle[0] != file {
                    circle.insert(0, from[circle[0]]);
                }
                return Some(circle);
            }
            if !from.contains_key(target) {
                from.insert(target, next);
                queue.push_back(target);
            }
        }
    }
    None
}

fn found(files: &[(&str, &str)]) -> Vec<String> {
    let owned = files
        .iter()
        .map(|(name, source)| ((*name).to_owned(), (*source).to_owned()));
    circles(&owned.collect::<Vec<_>>())
}

#[test]
fn an_import_circle_of_any_length_is_found() {
    let files = [
        ("a/mod.rs", "mod b; mod c; mod d;"),
        ("a/b.rs", "use super::c::C;"),
        ("a/c.rs", "fn f() { crate::a::d::g() }"),
        ("a/d.rs", "use crate::a::b::B;"),
    ];
    assert_eq!(
        found(&files),
        ["import circle: a/b.rs -> a/c.rs -> a/d.rs -> a/b.rs"]
    );
}

#[test]
fn a_reexport_counts_as_the_file_that_defines_the_name() {
    let files = [
        (
            "a/mod.rs",
            "mod b; mod c; pub use self::b::B; pub(crate) use c::C;",
        ),
        ("a/b.rs", "use super::C;"),
        ("a/c.rs", "use crate::a::B;"),
    ];
    assert_eq!(found(&files), ["import circle: a/b.rs -> a/c.rs -> a/b.rs"]);
}

#[test]
fn reexports_visibilities_comments_and_tests_are_not_imports() {
    let files = [
        ("a/mod.rs", "mod b; pub use self::b::B; pub struct A;"),
        (
            "a/b.rs",
            "use super::A; pub(super) struct B; pub(in crate::c) struct C; // crate::c::D",
        ),
        (
            "c.rs",
            "use crate::a::B; fn f(self) { self.g() }\n#[cfg(test)]\nmod tests { use crate::d::E; }",
        ),
        ("d.rs", "use crate::c::D;"),
    ];
    assert_eq!(found(&files), Vec::<String>::new());
}
