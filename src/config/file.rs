//! The TOML configuration file (`--config`).

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::options::{self, ValueKind};
use super::settings::{Setting, SettingOrigin, Settings};
use super::{ConfigError, OptionSpec};

/// Reads the file that a setting names.
pub(super) fn read(path: &Setting) -> Result<Settings, ConfigError> {
    let Setting { text, origin } = path;
    let file = PathBuf::from(text);
    let content = std::fs::read_to_string(&file)
        .map_err(|error| ConfigError::at(origin, format!("cannot read {text}: {error}")))?;
    parse(&file, &content)
}

/// Parses the content of a file.
fn parse(path: &Path, content: &str) -> Result<Settings, ConfigError> {
    let fail = |offset: usize, what: &str| {
        let (line, column) = position(content, offset);
        ConfigError(format!("{}:{line}:{column}: {what}", path.display()))
    };
    let table = DeTable::parse(content).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        // Some messages of the parser have several lines; an error here has one.
        fail(offset, &error.message().replace('\n', ", "))
    })?;
    let mut settings = Settings::default();
    for (key, value) in table.into_inner() {
        let name = key.get_ref().as_ref();
        let known = options::find(name).filter(|option| option.is_allowed_in_file());
        let option = known.ok_or_else(|| fail(key.span().start, &unknown(name)))?;
        let offset = value.span().start;
        let text = value_text(option, &value)
            .ok_or_else(|| fail(offset, &format!("{name}: not {}", kind_name(option.kind))))?;
        let (line, column) = position(content, offset);
        let origin = SettingOrigin::File {
            path: path.to_owned(),
            line,
            column,
            key: name.to_owned(),
        };
        settings.set(option.name, text, origin);
    }
    Ok(settings)
}

fn unknown(name: &str) -> String {
    let dashed = name.replace('_', "-");
    match options::find(&dashed) {
        Some(_) if dashed != name => format!("{name}: no such option: it is spelled {dashed}"),
        _ => format!("{}: no such option", name.escape_debug()),
    }
}

/// The value as it would be written after the flag; `None` where it is not of the option's kind.
fn value_text(option: &OptionSpec, value: &Spanned<DeValue<'_>>) -> Option<String> {
    let value = value.get_ref();
    match option.kind {
        ValueKind::Text => value.as_str().map(str::to_owned),
        ValueKind::Switch => value.as_bool().map(|on| on.to_string()),
        ValueKind::Number => {
            let number = value.as_integer()?;
            let digits = u64::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(digits.to_string())
        }
    }
}

fn kind_name(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Text => "a string",
        ValueKind::Switch => "true or false",
        ValueKind::Number => "a whole number",
    }
}

/// Line and column of a byte, both from 1; the column in characters.
fn position(content: &str, offset: usize) -> (usize, usize) {
    let before = content.get(..offset).unwrap_or(content);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    let column = before
        .get(line_start..)
        .map_or(0, |text| text.chars().count())
        + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(content: &str) -> String {
        parse(Path::new("k.toml"), content).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_file_line_and_column() {
        assert_eq!(
            error("consul = \"off\"\n  consull = \"off\""),
            "k.toml:2:3: consull: no such option"
        );
        assert_eq!(
            error("max-connections = \"7\""),
            "k.toml:1:19: max-connections: not a whole number"
        );
        assert_eq!(
            error("# é\nmax-connections = -7"),
            "k.toml:2:19: max-connections: not a whole number"
        );
        assert_eq!(
            error("allow_plaintext = true"),
            "k.toml:1:1: allow_plaintext: no such option: it is spelled allow-plaintext"
        );
        assert_eq!(
            error("config = \"x\""),
            "k.toml:1:1: config: no such option"
        );
        assert!(error("consul = ").starts_with("k.toml:1:10: "));
        assert!(
            error("consul = \"off\"\nconsul = \"off\"").starts_with("k.toml:2:1: duplicate key")
        );
        assert!(error("[consul]\nat = 1").starts_with("k.toml:1:1: consul: not a string"));
    }

    proptest! {
        #[test]
        fn an_error_is_one_line_for_any_content(content in "[ -~\n\u{e9}]{0,80}") {
            if let Err(ConfigError(line)) = parse(Path::new("k.toml"), &content) {
                prop_assert!(line.starts_with("k.toml:"), "{line}");
                prop_assert!(!line.contains('\n'), "{line}");
            }
        }

        #[test]
        fn any_text_arrives_unchanged(text in "\\PC{0,40}") {
            let content = toml::Table::from_iter([("store".to_owned(), toml::Value::from(text.clone()))]);
            let mut settings = parse(Path::new("k.toml"), &content.to_string()).unwrap();
            prop_assert_eq!(settings.take("store").unwrap().text, text);
        }
    }
}
