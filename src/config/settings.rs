//! Texts and where they came from, before anybody asked what they mean.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a text came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
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
    /// Nobody gave it: the option's name.
    Default(&'static str),
}

impl fmt::Display for Place {
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

/// A text with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The text, as one would write it after the flag.
    pub text: String,
    /// Where it came from.
    pub place: Place,
}

/// Texts by the name of their option.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<&'static str, Setting>);

impl Settings {
    /// Sets an option, over what it was.
    pub fn set(&mut self, name: &'static str, text: impl Into<String>, place: Place) {
        let text = text.into();
        self.0.insert(name, Setting { text, place });
    }

    /// Takes what an option was given.
    pub(crate) fn take(&mut self, name: &str) -> Option<Setting> {
        self.0.remove(name)
    }

    /// Puts other settings over these.
    pub(crate) fn override_with(&mut self, above: Self) {
        self.0.extend(above.0);
    }

    /// The name of some option nobody took.
    pub(crate) fn left(&self) -> Option<&'static str> {
        self.0.keys().next().copied()
    }
}
