//! What is logged, and how.

use std::ffi::OsString;

use tracing_subscriber::EnvFilter;

use super::settings::{Place, Setting, Settings};
use super::{ConfigError, file};

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A level, or a filter of `tracing`; checked.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which format a command line, the environment or the file asks for, as far as it can be read: for what is said before,
/// or instead of, the log. Whatever is wrong with them is told by [`super::load`].
pub fn format_asked(
    arguments: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> LogFormat {
    let mut asked = Settings::default();
    let mut set = |name: &str, text: String| match name {
        "log-format" => asked.set("log-format", text, Place::Flag("log-format")),
        "config" => asked.set("config", text, Place::Flag("config")),
        _ => {}
    };
    for (name, value) in variables {
        match (name.to_str(), value.into_string()) {
            (Some("KUBEKV_LOG_FORMAT"), Ok(text)) => set("log-format", text),
            (Some("KUBEKV_CONFIG"), Ok(text)) => set("config", text),
            _ => {}
        }
    }
    let mut arguments = arguments
        .into_iter()
        .filter_map(|text| text.into_string().ok());
    while let Some(argument) = arguments.next() {
        let Some(flag) = argument.strip_prefix("--") else {
            continue;
        };
        match flag.split_once('=') {
            Some((name, value)) => set(name, value.to_owned()),
            None if matches!(flag, "log-format" | "config") => {
                set(flag, arguments.next().unwrap_or_default());
            }
            None => {}
        }
    }
    let file = asked.take("config");
    let format = asked
        .take("log-format")
        .or_else(|| file::read(&file?).ok()?.take("log-format"));
    match format {
        Some(setting) if setting.text == "json" => LogFormat::Json,
        Some(_) | None => LogFormat::Text,
    }
}

/// Reads a level or filter.
pub(super) fn filter(setting: &Setting) -> Result<String, ConfigError> {
    let Setting { text, place } = setting;
    // A bare word that is no level would be taken for the name of a module, and everything else be silent.
    let word = text.chars().all(|c| c.is_ascii_alphanumeric());
    let level = text
        .parse::<tracing_subscriber::filter::LevelFilter>()
        .is_ok();
    if (word && !level) || EnvFilter::builder().parse(text).is_err() {
        let what = format!("{text:?} is no level: want error, warn, info, debug or trace");
        return Err(ConfigError::at(place, what));
    }
    Ok(text.clone())
}

/// Reads `text` or `json`.
pub(super) fn format(setting: &Setting) -> Result<LogFormat, ConfigError> {
    match setting.text.as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(ConfigError::at(
            &setting.place,
            format!("{other:?} is no format: want text or json"),
        )),
    }
}
