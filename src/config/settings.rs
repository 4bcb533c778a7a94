//! Settings: the text of each option with its origin, not yet parsed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The origin of a setting, which errors name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingOrigin {
    /// A flag, by its name without dashes.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(String),
    /// A key of a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column of the value in characters, from 1.
        column: usize,
        /// The key.
        key: String,
    },
    /// The default of the option of this name.
    Default(&'static str),
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::File {
                path,
                line,
                column,
                key,
            } => write!(f, "{}:{line}:{column}: {key}", path.display()),
            Self::Default(name) => write!(f, "the default of --{name}"),
        }
    }
}

/// A text with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The text, as it would be written after the flag.
    pub text: String,
    /// The origin of the text.
    pub origin: SettingOrigin,
}

/// Settings by the name of their option.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<&'static str, Setting>);

impl Settings {
    /// Sets an option; an earlier setting is replaced.
    pub fn set(&mut self, name: &'static str, text: impl Into<String>, origin: SettingOrigin) {
        let text = text.into();
        self.0.insert(name, Setting { text, origin });
    }

    /// Removes and returns the setting of an option.
    pub(crate) fn take(&mut self, name: &str) -> Option<Setting> {
        self.0.remove(name)
    }

    /// Replaces settings of this set by those of `above`.
    pub(crate) fn override_with(&mut self, above: Self) {
        self.0.extend(above.0);
    }

    /// The name of an option that no parser has taken.
    pub(crate) fn first_unused(&self) -> Option<&'static str> {
        self.0.keys().next().copied()
    }
}
