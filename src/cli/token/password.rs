//! `kubekv token password`.

use std::io::{self, BufRead as _, Read as _};

use clap::Args;
use kubekv::guard::credentials::PasswordHash;

use super::credentials_file::CredentialsFile;
use super::file_option::FileOption;
use crate::cli::exit::{CommandError, USAGE};

/// The options of `kubekv token password`.
#[derive(Debug, Args)]
pub(super) struct SetPassword {
    #[command(flatten)]
    place: FileOption,
    /// The user's name, by which the policy knows it; another password of it is replaced
    #[arg(long)]
    name: String,
}

impl SetPassword {
    pub(super) fn write(self) -> Result<String, CommandError> {
        let Self { place, name } = self;
        let password = read_password()?;
        let hash = PasswordHash::make(&password);
        let hash = hash.map_err(|why| CommandError::new(USAGE, why))?;
        let file = CredentialsFile::locked(&place.file)?;
        let text = file.read_or_new()?.with_password(&name, &hash);
        let text = text.map_err(|why| file.unusable(format!(": {why}")))?;
        file.write(&text)?;
        Ok(format!(
            "the user {} has this password now\n",
            name.escape_debug()
        ))
    }
}

/// The first line of standard input, without its end.
fn read_password() -> Result<Vec<u8>, CommandError> {
    let longest = PasswordHash::LONGEST;
    // The end of the line, and one byte that shows that it is too long.
    let most = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(3);
    let mut line = Vec::new();
    io::stdin().lock().take(most).read_until(b'\n', &mut line)?;
    let password = line.strip_suffix(b"\n").unwrap_or(&line);
    let password = password.strip_suffix(b"\r").unwrap_or(password);
    if password.is_empty() || password.len() > longest {
        let what = format!("a password has 1 to {longest} bytes: the first line of standard input");
        return Err(CommandError::new(USAGE, what));
    }
    Ok(password.to_vec())
}
