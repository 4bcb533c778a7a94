//! Log settings: level or filter, and line format.

use std::ffi::OsString;

use tracing_subscriber::EnvFilter;

use super::settings::{Setting, SettingOrigin, Settings};
use super::{ConfigError, file};

/// The log settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// A level, or a filter of `tracing`; valid.
    pub filter: String,
    /// The format of a line.
    pub format: LogFormat,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The log format that the command line, the environment or the file requests, as far as they can be read.
///
/// Errors before the log starts have this format, too. Invalid options are ignored here: [`super::load`] reports them.
pub fn requested_format(
    arguments: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> LogFormat {
    let mut asked = Settings::default();
    let mut set = |name: &str, text: String| match name {
        "log-format" => asked.set("log-format", text, SettingOrigin::Flag("log-format")),
        "config" => asked.set("config", text, SettingOrigin::Flag("config")),
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
    let Setting { text, origin } = setting;
    // A filter would take a word that is not a level for the name of a module, and log nothing else.
    let word = text.chars().all(|c| c.is_ascii_alphanumeric());
    let level = text
        .parse::<tracing_subscriber::filter::LevelFilter>()
        .is_ok();
    if (word && !level) || EnvFilter::builder().parse(text).is_err() {
        let what = format!("{text:?} is not a level: want error, warn, info, debug or trace");
        return Err(ConfigError::at(origin, what));
    }
    Ok(text.clone())
}

/// Reads `text` or `json`.
pub(super) fn format(setting: &Setting) -> Result<LogFormat, ConfigError> {
    match setting.text.as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(ConfigError::at(
            &setting.origin,
            format!("{other:?} is not a format: want text or json"),
        )),
    }
}
