//! `kubekv token create`.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use kubekv::guard::credentials::NewToken;
use kubekv::model::time;
use uuid::Uuid;

use super::credentials_file::CredentialsFile;
use super::file_option::FileOption;
use super::time_to_live;
use crate::cli::exit::CommandError;

/// The options of `kubekv token create`.
#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    place: FileOption,
    /// The name by which the policy knows its bearer; several tokens may have the same
    #[arg(long)]
    name: String,
    /// How long it is good, such as 90d or 12h; without it, until it is revoked
    #[arg(long, value_name = "TIME", value_parser = time_to_live::parse)]
    ttl: Option<Duration>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

impl Create {
    pub(super) fn make(self) -> Result<String, CommandError> {
        let Self {
            place,
            name,
            ttl,
            description,
        } = self;
        let file = CredentialsFile::locked(&place.file)?;
        let text = file.read_or_new()?;
        // As Consul makes them: 122 random bits each.
        let [accessor, secret] = [(); 2].map(|()| Uuid::new_v4().to_string());
        let token = NewToken {
            accessor: &accessor,
            name: &name,
            secret: &secret,
            expires: ttl.map(after),
            description: description.as_deref(),
        };
        let text = text.with_token(&token);
        let text = text.map_err(|why| file.unusable(format!(": {why}")))?;
        file.write(&text)?;
        Ok(format!("accessor {accessor}\nsecret {secret}\n"))
    }
}

fn after(ttl: Duration) -> Timestamp {
    let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
    let end = time::unix_ms().saturating_add(ttl);
    Timestamp::from_millisecond(end).unwrap_or(Timestamp::MAX)
}
