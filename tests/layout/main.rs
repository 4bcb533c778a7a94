//! Layout of the sources: which module may import which, names, heads and lengths.

#![cfg(test)]
#![expect(
    clippy::string_slice,
    reason = "the scanner steps from character to character"
)]

mod circles;
mod components;
mod paths;
mod rules;
mod scan;
mod words;

mod tree {
    use std::fs;
    use std::path::{Path, PathBuf};

    use crate::circles::circles;
    use crate::rules::complaints;
    use crate::words::{ambiguous, head};

    /// Names that mean the same wherever they are declared: what each face has alike, the error of a module as Rust programs
    /// name it, and a command of the command line beside what it does.
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

    fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// The sources under a folder of the checkout, by name.
    fn read(folder: &str) -> Vec<(String, String)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files = Vec::new();
        sources(&root, &mut files);
        assert!(files.len() > 10, "the sources are elsewhere");
        let read = files.into_iter().map(|file| {
            let name = file.strip_prefix(&root).unwrap().to_str().unwrap();
            (name.to_owned(), fs::read_to_string(&file).unwrap())
        });
        read.collect()
    }

    #[test]
    fn the_rooms_are_apart() {
        let files = read("src");
        let found: Vec<_> = files
            .iter()
            .flat_map(|(name, source)| complaints(name, source))
            .collect();
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }

    #[test]
    fn files_import_each_other_in_one_direction() {
        let found = circles(&read("src"));
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }

    #[test]
    fn heads_name_what_a_file_holds() {
        let all = [read("src"), read("benches")].concat();
        let found: Vec<_> = all
            .iter()
            .filter_map(|(name, source)| head(name, source))
            .collect();
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }

    #[test]
    fn a_type_has_its_name_to_itself() {
        let found = ambiguous(&read("src"), &SHARED_NAMES);
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }
}
