//! Subjects: the keys that a rule is about, by segments.

use std::net::Ipv6Addr;

use super::template::Template;
use super::variables::{Variable, Variables};

/// The longest subject, in bytes.
pub(super) const LONGEST: usize = 1_024;

/// Which keys around its path a subject names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// The key alone, and its spelling with a slash at the end.
    Key,
    /// These, and everything beneath.
    Beneath,
}

/// The keys that a rule is about, before variables are filled in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RuleSubject {
    path: Template,
    scope: Scope,
    /// Whether any digits follow the path, which ends with a colon then.
    any_port: bool,
}

/// A subject for one identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FilledSubject {
    /// Segments, none of them empty, with a slash between two.
    pub(super) path: String,
    pub(super) scope: Scope,
    pub(super) any_port: bool,
}

impl RuleSubject {
    /// Parses a subject; `prefix` goes before it. Errors are about the text without it.
    pub(super) fn parse(text: &str, prefix: &str, scope: Scope) -> Result<Self, String> {
        let text = without_slash(text);
        check_segments(text)?;
        let whole = match (prefix, text) {
            ("", path) | (path, "") => path.to_owned(),
            (prefix, path) => format!("{prefix}/{path}"),
        };
        if whole.len() > LONGEST {
            return Err(format!("a subject has at most {LONGEST} bytes"));
        }
        if whole.is_empty() && scope == Scope::Key {
            return Err("a key is not empty; beneath = [\"\"] is everything".to_owned());
        }
        let (path, any_port) = match whole.strip_suffix("{port}") {
            Some(path) if path.ends_with(':') => (path, true),
            _ => (whole.as_str(), false),
        };
        let path = Template::parse(path)?;
        Ok(Self {
            path,
            scope,
            any_port,
        })
    }

    /// Its keys for an identity; `None` where it names a variable that the identity has not.
    pub(super) fn fill(&self, variables: &Variables) -> Option<FilledSubject> {
        Some(FilledSubject {
            path: self.path.fill(variables)?,
            scope: self.scope,
            any_port: self.any_port,
        })
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = Variable> {
        self.path.variables()
    }
}

impl FilledSubject {
    /// A key that it names.
    pub(super) fn sample(&self) -> String {
        let port = if self.any_port { "0" } else { "" };
        format!("{}{port}", self.path)
    }

    /// As an error shows it.
    pub(super) fn text(&self) -> String {
        let port = if self.any_port { "{port}" } else { "" };
        let key = format!("{}{port}", self.path);
        match (self.scope, key.is_empty()) {
            (Scope::Key, _) => format!("the key '{key}'"),
            (Scope::Beneath, true) => "everything".to_owned(),
            (Scope::Beneath, false) => format!("'{key}' and beneath"),
        }
    }
}

/// A path without the slash at its end; a slash alone is no path.
pub(super) fn without_slash(text: &str) -> &str {
    match text.strip_suffix('/') {
        None | Some("") => text,
        Some(path) => path,
    }
}

/// Checks a path of segments, which may be empty as a whole.
pub(super) fn check_segments(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    if text.starts_with('/') {
        return Err("a subject does not begin with a slash".to_owned());
    }
    if text.contains(['*', '?']) {
        return Err("there are no patterns such as * and ? in subjects".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("a subject has no control characters".to_owned());
    }
    for segment in text.split('/') {
        check_segment(segment)?;
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), String> {
    if segment.is_empty() {
        return Err("a subject has no empty segment (//)".to_owned());
    }
    if matches!(segment, "." | "..") {
        return Err(format!("a subject has no segment '{segment}'"));
    }
    let mut rest = segment;
    while let Some((_, behind)) = rest.split_once('[') {
        let Some((address, after)) = behind.split_once(']') else {
            return Err("there are no patterns such as [a-z] in subjects".to_owned());
        };
        if address.parse::<Ipv6Addr>().is_err() {
            return Err(
                "there are no patterns such as [a-z] in subjects, only IPv6 addresses in brackets"
                    .to_owned(),
            );
        }
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RuleSubject, String> {
        RuleSubject::parse(text, "", Scope::Beneath)
    }

    fn filled(text: &str, variables: &Variables) -> Option<String> {
        Some(parse(text).unwrap().fill(variables)?.text())
    }

    #[test]
    fn subjects_are_paths_of_segments() {
        assert_eq!(parse("a"), parse("a/"));
        for bad in [
            "/",
            "/a",
            "a//b",
            "a//",
            ".",
            "..",
            "a/../b",
            "a/./b",
            "a*",
            "a/?",
            "nodes/[0-9]",
            "a[b",
            "a\nb",
            "{nam}",
            "{",
            "}",
            "a{name",
            "{port}",
            "x{port}",
            "x:{port}/y",
            "{name}/{name}",
            &"a".repeat(LONGEST + 1),
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for good in [
            "",
            "a",
            "a/b",
            "{ip}",
            "a-{name}/{namespace}",
            "x:{port}",
            "nodes/[fd00::1]:2376",
            "a b",
            "\u{e9}",
            "a..b",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        assert!(RuleSubject::parse("", "", Scope::Key).is_err());
    }

    #[test]
    fn an_address_before_a_port_is_written_as_clients_write_it() {
        let v4 = Variables::default().with_ip([10, 0, 0, 1].into());
        let v6 = Variables::default().with_ip("fd00::1".parse().unwrap());
        let port = |variables| filled("nodes/{ip}:{port}", variables).unwrap();
        assert_eq!(port(&v4), "'nodes/10.0.0.1:{port}' and beneath");
        assert_eq!(port(&v6), "'nodes/[fd00::1]:{port}' and beneath");
        assert_eq!(
            filled("nodes/{ip}", &v6).unwrap(),
            "'nodes/fd00::1' and beneath"
        );
        assert_eq!(filled("nodes/{ip}", &Variables::default()), None);
    }
}
