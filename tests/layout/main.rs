//! Layout of the sources: which module may import which, names, heads and lengths.

#![cfg(test)]
#![expect(
    clippy::string_slice,
    reason = "the scanner steps from character to character"
)]

mod circles;
mod components;
mod docs;
mod paths;
mod rules;
mod scan;
mod words;

mod tree {
    use std::fs;
    use std::path::{Path, PathBuf};

    use crate::circles::circles;
    use crate::rules::violations;
    use crate::words::{ambiguous, head};

    /// Names that mean the same wherever they are declared: the parts that each face has, the error of a module, and a command
    /// of the command line beside its implementation.
    const SHARED_NAMES: [&str; 8] = [
        "ApiRequest",
        "Endpoint",
        "Error",
        "Face",
        "Import",
        "Reply",
        "Route",
        "Watch",
    ];

    /// The sources under a folder.
    pub(crate) fn collect_sources(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect_sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// The sources under a folder of the checkout, by name.
    fn read(folder: &str) -> Vec<(String, String)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files = Vec::new();
        collect_sources(&root, &mut files);
        assert!(files.len() > 10, "too few sources found: wrong folder");
        let read = files.into_iter().map(|file| {
            let name = file.strip_prefix(&root).unwrap().to_str().unwrap();
            (name.to_owned(), fs::read_to_string(&file).unwrap())
        });
        read.collect()
    }

    #[test]
    fn modules_follow_the_import_rules() {
        let files = read("src");
        let found: Vec<_> = files
            .iter()
            .flat_map(|(name, source)| violations(name, source))
            .collect();
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }

    #[test]
    fn files_import_each_other_in_one_direction() {
        let found = circles(&read("src"));
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }

    #[test]
    fn file_heads_are_noun_phrases() {
        let all = [read("src"), read("tests"), read("benches")].concat();
        let found: Vec<_> = all
            .iter()
            .filter_map(|(name, source)| head(name, source))
            .collect();
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }

    #[test]
    fn public_type_names_are_unique() {
        let found = ambiguous(&read("src"), &SHARED_NAMES);
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }
}
