//! `kubekv token list`.

use std::fmt::Write as _;

use clap::Args;
use jiff::Timestamp;
use kubekv::guard::credentials::CredentialToken;
use kubekv::model::time;

use super::credentials_file::CredentialsFile;
use super::file_option::FileOption;
use crate::cli::exit::CommandError;

/// The options of `kubekv token list`.
#[derive(Debug, Args)]
pub(super) struct ListTokens {
    #[command(flatten)]
    place: FileOption,
}

/// What is shown of a token or a user.
type Row = [String; 4];

impl ListTokens {
    pub(super) fn said(self) -> Result<String, CommandError> {
        let text = CredentialsFile::new(&self.place.file).read()?;
        let table = text.table();
        let now = time::unix_ms();
        let tokens = table.tokens().iter().map(|token| row(token, now));
        let users = table.users().iter().map(|user| {
            let name = user.name.escape_debug().to_string();
            [
                "(password)".to_owned(),
                name,
                "never".to_owned(),
                String::new(),
            ]
        });
        let head = ["ACCESSOR", "NAME", "EXPIRES", "DESCRIPTION"].map(str::to_owned);
        let rows: Vec<Row> = std::iter::once(head).chain(tokens).chain(users).collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let [first, second, third] = [0, 1, 2].map(width);
        let mut said = String::new();
        for [accessor, name, expires, description] in &rows {
            let line =
                format!("{accessor:first$}  {name:second$}  {expires:third$}  {description}");
            // Writing to a string does not fail.
            let _never = writeln!(said, "{}", line.trim_end());
        }
        Ok(said)
    }
}

fn row(token: &CredentialToken, now: i64) -> Row {
    let expires = token.expires.map(|at| {
        let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX);
        let expired = if token.is_expired(now) {
            " (expired)"
        } else {
            ""
        };
        format!("{at:.0}{expired}")
    });
    [
        token.accessor.as_ref().to_owned(),
        token.name.escape_debug().to_string(),
        expires.unwrap_or_else(|| "never".to_owned()),
        token.description.escape_debug().to_string(),
    ]
}
