//! Tokens of Rust sources, as far as imports need them; comments and literals are skipped.

/// A word or a punctuation character of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A name or keyword.
    Word(String),
    /// `::`
    Path,
    /// Any other character.
    Sign(char),
}

/// The tokens of a source.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if let Some(length) = literal(rest) {
            length
        } else if first.is_alphanumeric() || first == '_' {
            let length = word(rest);
            found.push(Token::Word(rest[..length].to_owned()));
            length
        } else if rest.starts_with("::") {
            found.push(Token::Path);
            2
        } else {
            if !first.is_whitespace() {
                found.push(Token::Sign(first));
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len())
}

/// The length of a block comment; they nest.
fn comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of the string, character or lifetime at the beginning, if there is one.
fn literal(rest: &str) -> Option<usize> {
    let body = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - body.len();
    if prefix <= 1
        && let Some(raw) = body.strip_prefix('r')
    {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 1;
            let length = raw[start..].find(&end)? + start + end.len();
            return Some(prefix + 1 + length);
        }
    }
    if prefix > 1 {
        return None;
    }
    if body.starts_with('"') {
        return Some(prefix + quoted(body, '"'));
    }
    if !body.starts_with('\'') {
        return None;
    }
    // A lifetime has no closing quote after its first character.
    let inner = &body[1..];
    let first = inner.chars().next()?;
    if first != '\\' && !inner[first.len_utf8()..].starts_with('\'') {
        return (prefix == 0).then(|| 1 + word(inner));
    }
    Some(prefix + quoted(body, '\''))
}

/// The length of a literal with its quotes.
fn quoted(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    body.len()
}

#[test]
fn comments_and_literals_are_skipped() {
    let source = r##"
        // crate::a
        /* crate::b /* nested */ */
        /// crate::c
        fn f<'a>(x: &'a str) -> char { "crate::d \" crate::e"; r#"crate::" f"#; b"x"; 'x'; '\''; '{' }
        use crate::g;
    "##;
    let words: Vec<String> = tokens(source)
        .into_iter()
        .filter_map(|token| match token {
            Token::Word(word) => Some(word),
            Token::Path | Token::Sign(_) => None,
        })
        .collect();
    assert_eq!(words, ["fn", "f", "x", "str", "char", "use", "crate", "g"]);
}
