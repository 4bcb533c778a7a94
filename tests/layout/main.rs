//! The rooms stay apart: who may know whom is read from the imports.

#![cfg(test)]
#![expect(
    clippy::string_slice,
    reason = "the scanner steps from character to character"
)]

mod components;
mod paths;
mod rules;
mod scan;

mod tree {
    use std::fs;
    use std::path::{Path, PathBuf};

    use crate::rules::complaints;

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

    #[test]
    fn the_rooms_are_apart() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        sources(&root, &mut files);
        assert!(files.len() > 100, "the sources are elsewhere");
        let mut found = Vec::new();
        for file in files {
            let name = file.strip_prefix(&root).unwrap().to_str().unwrap();
            let source = fs::read_to_string(&file).unwrap();
            found.extend(complaints(name, &source));
        }
        assert!(found.is_empty(), "\n{}\n", found.join("\n"));
    }
}
