//! The options that say where entries come from and where they go, as they were given.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use kubekv::config::{Place, Settings, TRANSFER};

use crate::cli::exit::{Failure, USAGE};

/// `--from` and what goes with it.
#[derive(Debug, Default)]
pub(super) struct From {
    settings: Settings,
    any: bool,
    /// `--address` was given, too.
    addressed: bool,
}

/// `--to` and what goes with it.
#[derive(Debug, Default)]
pub(super) struct To(From);

impl From {
    fn read(matches: &ArgMatches, begins: &str) -> Self {
        let mut found = Self::default();
        for (name, ..) in TRANSFER.iter().filter(|(name, ..)| is(name, begins)) {
            if let Some(text) = matches.get_one::<String>(name) {
                found.settings.set(name, text, Place::Flag(name));
                found.any = true;
            }
        }
        found.addressed = matches.value_source("address") == Some(ValueSource::CommandLine);
        found
    }

    /// What was given.
    pub(super) fn settings(self) -> Result<Settings, Failure> {
        if self.any && self.addressed {
            let line = "--address: a gateway is neither --from nor --to";
            return Err(Failure::new(USAGE, line));
        }
        Ok(self.settings)
    }
}

impl To {
    /// What was given.
    pub(super) fn settings(self) -> Result<Settings, Failure> {
        self.0.settings()
    }
}

/// Whether an option is one of those, `from` or `to`.
fn is(name: &str, begins: &str) -> bool {
    name.split('-').next() == Some(begins)
}

fn flags(begins: &'static str) -> impl Iterator<Item = Arg> {
    TRANSFER
        .into_iter()
        .filter(move |(name, ..)| is(name, begins))
        .map(|(name, value, help)| Arg::new(name).long(name).value_name(value).help(help))
}

impl Args for From {
    fn augment_args(command: Command) -> Command {
        command.args(flags("from"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for From {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Ok(Self::read(matches, "from"))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::read(matches, "from");
        Ok(())
    }
}

impl Args for To {
    fn augment_args(command: Command) -> Command {
        command.args(flags("to"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for To {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Ok(Self(From::read(matches, "to")))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self(From::read(matches, "to"));
        Ok(())
    }
}
