//! What is logged, and how.

use tracing_subscriber::EnvFilter;

use super::ConfigError;
use super::settings::Setting;

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
