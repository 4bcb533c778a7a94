//! Rules for names and file heads: a head is a noun phrase, and a type's name has one meaning.

use std::collections::BTreeMap;

use crate::scan::{Token, tokens};

/// First words of heads that describe instead of naming.
const DESCRIBES: [&str; 7] = ["What", "Who", "Whom", "Where", "How", "Whether", "Why"];

/// The violation in a file whose head is missing or no noun phrase.
pub(crate) fn head(file: &str, source: &str) -> Option<String> {
    let Some(head) = source.lines().find_map(|line| line.strip_prefix("//! ")) else {
        return Some(format!("{file}: no head (//! ...)"));
    };
    let first = head.split(|c: char| !c.is_alphanumeric()).next();
    DESCRIBES
        .contains(&first.unwrap_or_default())
        .then(|| format!("{file}: the head describes instead of naming: {head}"))
}

/// The names of the public types of a source.
fn declared(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or("");
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut public = false;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Word(word) if word == "pub" => public = true,
            Token::Word(word) if matches!(word.as_str(), "struct" | "enum" | "trait" | "type") => {
                if let (true, Some(Token::Word(name))) = (public, tokens.get(at + 1)) {
                    found.push(name.clone());
                }
                public = false;
            }
            Token::Sign(';' | '{' | '}' | ',') => public = false,
            Token::Word(_) | Token::Path | Token::Sign(_) => {}
        }
    }
    found
}

/// Names that several files declare, one line each, except those with the same meaning everywhere.
pub(crate) fn ambiguous(files: &[(String, String)], same: &[&str]) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (file, source) in files {
        for name in declared(source) {
            places.entry(name).or_default().push(file);
        }
    }
    let several = places
        .into_iter()
        .filter(|(name, files)| files.len() > 1 && !same.contains(&name.as_str()));
    several
        .map(|(name, files)| format!("{name} is declared in {}", files.join(", ")))
        .collect()
}

#[test]
fn descriptive_and_missing_heads_are_found() {
    assert!(head("a.rs", "//! What is known.\n").is_some());
    assert!(head("a.rs", "use b;\n").is_some());
    assert!(head("a.rs", "//! Whatever-named cache.\n").is_none());
    assert!(head("a.rs", "//! The cache.\n//! What it holds.\n").is_none());
}

#[test]
fn names_declared_twice_are_found() {
    let file = |name: &str, source: &str| (name.to_owned(), source.to_owned());
    let files = [
        file(
            "a.rs",
            "pub(crate) struct Step; struct Own; pub fn f(x: Slot) {}",
        ),
        file(
            "b.rs",
            "pub enum Step {}\npub(super) type Slot = u8; pub struct Error;",
        ),
        file(
            "c.rs",
            "struct Step; struct Own; pub struct Error;\n#[cfg(test)]\nmod tests { pub struct Slot; }",
        ),
    ];
    assert_eq!(
        ambiguous(&files, &["Error"]),
        ["Step is declared in a.rs, b.rs"]
    );
}
