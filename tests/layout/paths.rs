//! Module paths in a source: imports, re-exports and paths in code.

use crate::scan::{Token, tokens};

/// A path from the root of the crate, as written in the source: `["face", "http", "Server"]`.
pub(crate) type Path = Vec<String>;

/// The module of a file, from its name under `src`.
pub(crate) fn module(file: &str) -> Path {
    let stem = file.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if matches!(stem, "lib" | "main") {
        return Path::new();
    }
    stem.split('/').map(str::to_owned).collect()
}

/// Every path in a file that begins with `crate`, `self` or `super`; each branch of a group is a path.
pub(crate) fn named(file: &str, source: &str) -> Vec<Path> {
    named_by(file, &tokens(source))
}

/// The paths in a file, except those in `pub use` and in visibilities.
pub(crate) fn imported(file: &str, source: &str) -> Vec<Path> {
    let tokens = tokens(source);
    let mut kept = Vec::new();
    let mut rest = &tokens[..];
    while let Some(token) = rest.first() {
        let length = visibility(rest);
        if length == 0 {
            kept.push(token.clone());
            rest = &rest[1..];
            continue;
        }
        rest = &rest[length..];
        if rest.first() == Some(&Token::Word("use".to_owned())) {
            let end = rest.iter().position(|token| *token == Token::Sign(';'));
            rest = &rest[end.unwrap_or(rest.len())..];
        }
    }
    named_by(file, &kept)
}

/// The names a file re-exports, each with its path.
pub(crate) fn exported(file: &str, source: &str) -> Vec<(String, Path)> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let rest = &tokens[at..];
        let rest = match visibility(rest) {
            0 => continue,
            length => &rest[length..],
        };
        let [Token::Word(word), Token::Word(first), ..] = rest else {
            continue;
        };
        if word != "use" {
            continue;
        }
        let own = matches!(first.as_str(), "crate" | "self" | "super");
        // A path that begins with a module of this file.
        let from = if own { Path::new() } else { module(file) };
        let mut paths = Vec::new();
        follow(&rest[1..], &module(file), from, &mut paths);
        let named = paths.into_iter();
        found.extend(named.filter_map(|path| Some((path.last()?.clone(), path))));
    }
    found
}

/// The length of a visibility: `pub`, `pub(super)`, `pub(in crate::a)`.
fn visibility(tokens: &[Token]) -> usize {
    match tokens {
        [Token::Word(word), Token::Sign('('), ..] if word == "pub" => {
            let end = tokens.iter().position(|token| *token == Token::Sign(')'));
            end.map_or(0, |end| end + 1)
        }
        [Token::Word(word), ..] if word == "pub" => 1,
        _ => 0,
    }
}

fn named_by(file: &str, tokens: &[Token]) -> Vec<Path> {
    let mut found = Vec::new();
    // Inline modules: a `super` in `mod tests` is the file.
    let mut modules: Vec<Option<String>> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('{') => modules.push(opened(&tokens[..at])),
            Token::Sign('}') => {
                modules.pop();
            }
            Token::Word(word) if matches!(word.as_str(), "crate" | "self" | "super") => {
                if at > 0 && tokens[at - 1] == Token::Path {
                    continue;
                }
                let mut here = module(file);
                here.extend(modules.iter().flatten().cloned());
                follow(&tokens[at..], &here, Path::new(), &mut found);
            }
            Token::Word(_) | Token::Path | Token::Sign(_) => {}
        }
    }
    found
}

/// The name of the module whose brace opens after these tokens.
fn opened(before: &[Token]) -> Option<String> {
    match before {
        [.., Token::Word(module), Token::Word(name)] if module == "mod" => Some(name.clone()),
        _ => None,
    }
}

/// Follows a path and each branch of its groups; returns the number of tokens read.
fn follow(tokens: &[Token], here: &Path, mut path: Path, found: &mut Vec<Path>) -> usize {
    let mut at = 0;
    loop {
        match &tokens[at..] {
            [Token::Word(word), ..] => {
                match word.as_str() {
                    "crate" => path.clear(),
                    "self" if at == 0 && path.is_empty() => path.clone_from(here),
                    "self" => {}
                    "super" => {
                        if at == 0 && path.is_empty() {
                            path.clone_from(here);
                        }
                        path.pop();
                    }
                    name => path.push(name.to_owned()),
                }
                at += 1;
            }
            [Token::Sign('{'), ..] => {
                at += 1;
                while !matches!(tokens.get(at), None | Some(Token::Sign('}'))) {
                    let taken = follow(&tokens[at..], here, path.clone(), found);
                    at += taken.max(1);
                    // `as name` and the comma.
                    while !matches!(
                        tokens.get(at),
                        None | Some(Token::Sign('}') | Token::Word(_))
                    ) {
                        at += 1;
                    }
                    if tokens.get(at) == Some(&Token::Word("as".to_owned())) {
                        at += 2;
                    }
                    if tokens.get(at) == Some(&Token::Sign(',')) {
                        at += 1;
                    }
                }
                return at + 1;
            }
            _ => {
                found.push(path);
                return at;
            }
        }
        if tokens.get(at) != Some(&Token::Path) {
            found.push(path);
            return at;
        }
        at += 1;
    }
}

fn texts(file: &str, source: &str) -> Vec<String> {
    named(file, source)
        .iter()
        .map(|path| path.join(" "))
        .collect()
}

#[test]
fn every_branch_of_a_group_is_a_path() {
    let source =
        "use crate::{a::{self, B as C}, d::*, e}; use crate::f::G; fn f() { crate::h::i() }";
    assert_eq!(
        texts("face/x/y.rs", source),
        // The `self` of a group also counts as the file itself, which every module may import.
        ["a", "a B", "d", "e", "face x y", "f G", "h i"]
    );
}

#[test]
fn super_is_relative_to_the_inline_module() {
    let source = "use super::a; use super::super::{b, c::D}; use self::e; pub(super) fn f() {}\n\
                  mod tests { use super::*; use super::super::g; fn f(&self) { self.x } }";
    let found = texts("face/x/y.rs", source);
    assert_eq!(
        found,
        [
            "face x a",
            "face b",
            "face c D",
            "face x y e",
            "face x",
            "face x y",
            "face x g",
            "face x y tests",
            "face x y tests"
        ]
    );
    assert_eq!(texts("face/x/mod.rs", "use super::a;"), ["face a"]);
}
