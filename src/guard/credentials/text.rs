//! `CredentialText`: the text of a credentials file, as `kubekv token` changes it. What it does not change stays as it is.

use std::fmt::Write as _;

use super::password_hash::PasswordHash;
use super::table::{CredentialTable, token_hash};
use super::table_parser::check_name;
use crate::guard::policy::PolicyError;

/// The text of a credentials file, and what it says.
#[derive(Debug)]
pub struct CredentialText {
    text: String,
    table: CredentialTable,
}

/// A token that is made.
#[derive(Clone, Copy)]
pub struct NewToken<'a> {
    /// Its own name, a UUID.
    pub accessor: &'a str,
    /// The name by which a policy knows its bearer.
    pub name: &'a str,
    /// Its secret; the file gets its hash.
    pub secret: &'a str,
    /// When it ends.
    pub expires: Option<jiff::Timestamp>,
    /// What it is for.
    pub description: Option<&'a str>,
}

impl std::fmt::Debug for NewToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken")
            .field("accessor", &self.accessor)
            .finish_non_exhaustive()
    }
}

impl CredentialText {
    /// Takes a text, which must be a good one.
    pub fn parse(text: String) -> Result<Self, PolicyError> {
        let table = CredentialTable::parse(&text)?;
        Ok(Self { text, table })
    }

    /// What it says.
    pub fn table(&self) -> &CredentialTable {
        &self.table
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same with one token more.
    ///
    /// # Errors
    ///
    /// Where the token, or the text with it, would not be good.
    pub fn with_token(&self, token: &NewToken<'_>) -> Result<Self, String> {
        check_name(token.name)?;
        let mut text = self.appendable("token");
        let mut secret = String::new();
        for byte in token_hash(token.secret.as_bytes()).0 {
            // Writing to a string does not fail.
            let _never = write!(secret, "{byte:02x}");
        }
        let mut field = |name: &str, value: &str| {
            let _never = writeln!(text, "{name} = {}", quoted(value));
        };
        field("accessor", token.accessor);
        field("name", token.name);
        field("secret", &format!("sha256:{secret}"));
        if let Some(expires) = token.expires {
            field("expires", &format!("{expires:.0}"));
        }
        if let Some(description) = token.description {
            field("description", description);
        }
        Self::parse(text).map_err(|error| error.to_string())
    }

    /// The same without a token; `None` where there is no such one.
    ///
    /// # Errors
    ///
    /// Where its table is not one of its own (`[[token]]`), which can be cut out.
    pub fn without_token(&self, accessor: &str) -> Result<Option<Self>, String> {
        let mut tokens = self.table.tokens.iter();
        let Some(token) = tokens.find(|token| token.accessor.eq_ignore_ascii_case(accessor)) else {
            return Ok(None);
        };
        let start = token.place.start;
        let before = self.text.get(..start).unwrap_or_default();
        let after = self.text.get(token.place.end..).unwrap_or_default();
        // The rest of its last line, which may have a comment.
        let after = after.split_once('\n').map_or("", |(_, after)| after);
        let text = match after.trim_start_matches(['\n', '\r']) {
            "" => format!("{}\n", before.trim_end()),
            after => format!("{before}{after}"),
        };
        let changed = Self::parse(text.trim_start().to_owned()).ok();
        let others = |table: &CredentialTable| {
            let tokens = table.tokens.iter();
            let others = tokens.filter(|one| one.accessor != token.accessor);
            let others =
                others.map(|one| (one.accessor.to_string(), one.name.to_string(), one.secret));
            (others.collect::<Vec<_>>(), table.users.len())
        };
        let is_same = |changed: &Self| {
            changed.table.tokens.len() + 1 == self.table.tokens.len()
                && others(&changed.table) == others(&self.table)
        };
        let changed = changed.filter(is_same);
        changed
            .map(Some)
            .ok_or_else(|| "its table is not written as [[token]]: remove it by hand".to_owned())
    }

    /// The same where a user has this password; the user is added if there is no such one.
    ///
    /// # Errors
    ///
    /// Where the user, or the text with it, would not be good.
    pub fn with_password(&self, name: &str, password: &PasswordHash) -> Result<Self, String> {
        check_name(name)?;
        let value = quoted(password.as_str());
        let user = self.table.users.iter().find(|user| &*user.name == name);
        let text = if let Some(user) = user {
            let before = self.text.get(..user.place.start).unwrap_or_default();
            let after = self.text.get(user.place.end..).unwrap_or_default();
            format!("{before}{value}{after}")
        } else {
            let mut text = self.appendable("user");
            // Writing to a string does not fail.
            let _never = writeln!(text, "name = {}\npassword = {value}", quoted(name));
            text
        };
        Self::parse(text).map_err(|error| error.to_string())
    }

    /// The text, and the head of one more table.
    fn appendable(&self, table: &str) -> String {
        let mut text = self.text.trim_end().to_owned();
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        // Writing to a string does not fail.
        let _never = writeln!(text, "[[{table}]]");
        text
    }
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
