//! `kubekv token`: the tokens and the users of clients, in the file of `--credentials`.

mod create;
mod credentials_file;
mod file_option;
mod list;
mod password;
mod revoke;
mod time_to_live;

use clap::{Args, Subcommand};

use self::create::Create;
use self::list::ListTokens;
use self::password::SetPassword;
use self::revoke::RevokeToken;
use super::exit::CommandError;
use crate::cli::kv::print;

/// The options of `kubekv token`.
#[derive(Debug, Args)]
#[command(
    after_help = "The file holds no secrets: of a token a SHA-256, of a password an argon2id hash. A gateway with --credentials FILE reads it \
again within a second. The policy defines what the bearer of a token may do: docs/policy.md."
)]
pub(super) struct TokenOptions {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token, and print its secret: it is shown only now
    Create(Create),
    /// Print the tokens and the users, without their secrets
    List(ListTokens),
    /// Revoke a token: exit code 1 if there is no such one
    Revoke(RevokeToken),
    /// Give a user a password, the first line of standard input
    Password(SetPassword),
}

impl TokenOptions {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let said = match self.command {
            TokenCommand::Create(create) => create.make()?,
            TokenCommand::List(list) => list.said()?,
            TokenCommand::Revoke(revoke) => revoke.write()?,
            TokenCommand::Password(password) => password.write()?,
        };
        print::bytes(said.as_bytes())
    }
}
