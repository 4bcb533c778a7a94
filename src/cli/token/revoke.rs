//! `kubekv token revoke`.

use clap::Args;

use super::credentials_file::CredentialsFile;
use super::file_option::FileOption;
use crate::cli::exit::{CommandError, NO};

/// The options of `kubekv token revoke`.
#[derive(Debug, Args)]
pub(super) struct RevokeToken {
    #[command(flatten)]
    place: FileOption,
    /// The token's accessor, as kubekv token list prints it
    accessor: String,
}

impl RevokeToken {
    pub(super) fn write(self) -> Result<String, CommandError> {
        let Self { place, accessor } = self;
        let file = CredentialsFile::locked(&place.file)?;
        let changed = file.read()?.without_token(&accessor);
        let changed = changed.map_err(|why| file.unusable(format!(": {why}")))?;
        let Some(changed) = changed else {
            let what = format!(
                "there is no token with the accessor {}",
                accessor.escape_debug()
            );
            return Err(CommandError::new(NO, what));
        };
        file.write(&changed)?;
        Ok(format!("revoked {}\n", accessor.to_lowercase()))
    }
}
