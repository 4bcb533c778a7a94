//! The flags of `--from` and `--to`, not yet parsed.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use kubekv::config::{SettingOrigin, Settings, TRANSFER_OPTIONS};

use crate::cli::exit::{CommandError, USAGE};

/// `--from` and its credential flags.
#[derive(Debug, Default)]
pub(super) struct FromOptions {
    settings: Settings,
    is_given: bool,
    /// Whether `--address` was given, too.
    has_address: bool,
}

/// `--to` and its credential flags.
#[derive(Debug, Default)]
pub(super) struct ToOptions(FromOptions);

impl FromOptions {
    fn read(matches: &ArgMatches, flag: &str) -> Self {
        let mut found = Self::default();
        for (name, ..) in TRANSFER_OPTIONS
            .iter()
            .filter(|(name, ..)| belongs_to(name, flag))
        {
            if let Some(text) = matches.get_one::<String>(name) {
                found.settings.set(name, text, SettingOrigin::Flag(name));
                found.is_given = true;
            }
        }
        // Not every command has it.
        let knows_address = matches.try_contains_id("address").is_ok();
        found.has_address =
            knows_address && matches.value_source("address") == Some(ValueSource::CommandLine);
        found
    }

    /// The settings of the flags.
    pub(super) fn settings(self) -> Result<Settings, CommandError> {
        if self.is_given && self.has_address {
            let message =
                "--address: not together with --from or --to, which do not use a running gateway";
            return Err(CommandError::new(USAGE, message));
        }
        Ok(self.settings)
    }
}

impl ToOptions {
    /// The settings of the flags.
    pub(super) fn settings(self) -> Result<Settings, CommandError> {
        self.0.settings()
    }
}

/// Whether the option belongs to this flag, `from` or `to`.
fn belongs_to(name: &str, flag: &str) -> bool {
    name.split('-').next() == Some(flag)
}

fn flags(flag: &'static str) -> impl Iterator<Item = Arg> {
    TRANSFER_OPTIONS
        .into_iter()
        .filter(move |(name, ..)| belongs_to(name, flag))
        .map(|(name, value, help)| Arg::new(name).long(name).value_name(value).help(help))
}

impl Args for FromOptions {
    fn augment_args(command: Command) -> Command {
        command.args(flags("from"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FromOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Ok(Self::read(matches, "from"))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::read(matches, "from");
        Ok(())
    }
}

impl Args for ToOptions {
    fn augment_args(command: Command) -> Command {
        command.args(flags("to"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ToOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Ok(Self(FromOptions::read(matches, "to")))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self(FromOptions::read(matches, "to"));
        Ok(())
    }
}
