//! Parser of a credentials file.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use toml::de::DeTable;
use uuid::Uuid;

use super::password_hash::PasswordHash;
use super::table::{CredentialTable, CredentialToken, CredentialUser};
use crate::guard::policy::PolicyError;
use crate::guard::policy::fields::{Fields, Placed, PolicyText, at, line_starts, tables};
use crate::guard::policy::parse::fingerprint;
use crate::model::SecretHash;

/// The longest name and description, in characters.
const LONGEST_NAME: usize = 256;
const LONGEST_DESCRIPTION: usize = 1024;

impl CredentialTable {
    /// Parses the text of a credentials file, of at most [`CredentialTable::MAX_BYTES`]. The first error is returned; it never
    /// shows a secret or a hash.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        parse(text)
    }
}

fn parse(text: &str) -> Result<CredentialTable, PolicyError> {
    let lines = line_starts(text);
    let source = PolicyText {
        text,
        lines: &lines,
    };
    let mut top = source.top(("file", CredentialTable::MAX_BYTES), &["token", "user"])?;
    let mut table = CredentialTable {
        tokens: Vec::new(),
        users: Vec::new(),
        by_secret: HashMap::new(),
        by_name: HashMap::new(),
        fingerprint: fingerprint(text),
    };
    let mut accessors = HashSet::new();
    for (offset, fields) in tables(&mut top, "token")? {
        let token = token(source, offset, fields)?;
        if !accessors.insert(Arc::clone(&token.accessor)) {
            let what = format!("there is a token '{}' already", token.accessor);
            return Err(source.error(offset, what));
        }
        let place = table.tokens.len();
        if table.by_secret.insert(token.secret, place).is_some() {
            let what = format!(
                "the token '{}' has the secret of another one",
                token.accessor
            );
            return Err(source.error(offset, what));
        }
        table.tokens.push(token);
    }
    for (offset, fields) in tables(&mut top, "user")? {
        let user = user(source, offset, fields)?;
        let name = Arc::clone(&user.name);
        if table.by_name.insert(name, table.users.len()).is_some() {
            let what = format!("there is a user '{}' already", user.name.escape_debug());
            return Err(source.error(offset, what));
        }
        table.users.push(user);
    }
    Ok(table)
}

fn token(
    text: PolicyText<'_>,
    offset: usize,
    table: DeTable<'_>,
) -> Result<CredentialToken, PolicyError> {
    let known = ["accessor", "name", "secret", "expires", "description"];
    let mut fields = Fields::new(text, offset, table, &known)?;
    let end = fields.end();
    let placed = fields.required("accessor")?;
    let accessor = Uuid::try_parse(&placed.text);
    let accessor = accessor.map_err(|_| "not a UUID".to_owned());
    let accessor = at(text, "accessor", &placed, accessor)?;
    let name = name(text, &fields.required("name")?)?;
    let placed = fields.required("secret")?;
    // Not shown: it may be the secret itself.
    let wrong = "secret: not sha256: and the 64 hexadecimal digits of the secret's SHA-256";
    // That of all zeros stands for secrets that are not known: whoever shows one would be taken for its bearer in mode `warn`.
    let secret = hash(&placed.text).filter(|secret| *secret != SecretHash::NONE);
    let secret = secret.ok_or_else(|| text.error(placed.offset, wrong))?;
    let expires = fields.time("expires")?.map(|placed| {
        let time = placed.text.parse::<jiff::Timestamp>();
        let time = time.map_err(|_| {
            "not a time as RFC 3339 writes it, such as 2026-12-31T00:00:00Z".to_owned()
        });
        at(text, "expires", &placed, time)
    });
    let description = fields.string("description")?;
    let description = description.map_or(Ok(String::new()), |placed| {
        let is_short = placed.text.chars().count() <= LONGEST_DESCRIPTION;
        let checked = is_short.then(|| placed.text.clone());
        let checked =
            checked.ok_or_else(|| format!("longer than {LONGEST_DESCRIPTION} characters"));
        at(text, "description", &placed, checked)
    })?;
    Ok(CredentialToken {
        accessor: accessor.hyphenated().to_string().into(),
        name,
        secret,
        expires: expires.transpose()?.map(jiff::Timestamp::as_millisecond),
        description,
        place: offset..end,
    })
}

fn user(
    text: PolicyText<'_>,
    offset: usize,
    table: DeTable<'_>,
) -> Result<CredentialUser, PolicyError> {
    let mut fields = Fields::new(text, offset, table, &["name", "password"])?;
    let place = fields.span("password");
    let placed = fields.required("name")?;
    let name = name(text, &placed)?;
    if name.contains(':') {
        let what = "the user of a request ends at its first colon".to_owned();
        return at(text, "name", &placed, Err(what));
    }
    let placed = fields.required("password")?;
    // Not shown: it may be the password itself.
    let password = PasswordHash::parse(&placed.text);
    let password = password.map_err(|why| text.error(placed.offset, format!("password: {why}")));
    Ok(CredentialUser {
        name,
        password: password?,
        place,
    })
}

fn name(text: PolicyText<'_>, placed: &Placed) -> Result<Arc<str>, PolicyError> {
    let checked = check_name(&placed.text).map(|()| placed.text.as_str().into());
    at(text, "name", placed, checked)
}

/// Whether a token or a user may have this name.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_good = (1..=LONGEST_NAME).contains(&name.chars().count());
    if is_good && !name.contains(char::is_control) {
        Ok(())
    } else {
        Err(format!(
            "a name has 1 to {LONGEST_NAME} characters, and no control characters"
        ))
    }
}

/// The hash that `sha256:` and hexadecimal digits write.
fn hash(text: &str) -> Option<SecretHash> {
    let digits = text.strip_prefix("sha256:")?;
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (place, byte) in hash.iter_mut().enumerate() {
        let pair = digits.get(place * 2..place * 2 + 2)?;
        let is_hex = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        *byte = u8::from_str_radix(pair, 16).ok().filter(|_| is_hex)?;
    }
    Some(SecretHash(hash))
}
