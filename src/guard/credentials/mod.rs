//! Credentials: the tokens and the users of clients (`--credentials`), and who shows one of them.
//!
//! The file is a text in TOML (docs/policy.md). It holds no secret: of a token its SHA-256, which is enough for what nobody can
//! guess, and of a password an argon2id hash. What a policy makes of a name, it says itself.

mod failed_attempts;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod known_secrets;
mod metrics;
mod password_hash;
mod secret_check;
#[cfg(test)]
mod secret_check_test;
mod table;
mod table_parser;
#[cfg(test)]
mod table_test;
mod text;
mod turns;
mod verified_passwords;

pub(super) use known_secrets::KnownSecrets;
pub use password_hash::PasswordHash;
pub(super) use secret_check::{RefusedSecret, SecretCheck, UnverifiedLogin};
pub(super) use table::BadToken;
pub use table::{CredentialTable, CredentialToken, CredentialUser, token_hash};
pub use text::{CredentialText, NewToken};
pub(super) use turns::{PlaceInLine, VerificationTurns};
