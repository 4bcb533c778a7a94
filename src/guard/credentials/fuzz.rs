//! Fuzz target of the parser of credentials files, and of the changes that `kubekv token` makes to one: any text is a good file, or
//! is refused in one line; what a change does not change stays.

use super::table::{CredentialTable, token_hash};
use super::text::{CredentialText, NewToken};

/// Of a token that is added; no input knows its hash.
const SECRET: &str = "of the fuzz target";
const ACCESSOR: &str = "00000000-0000-4000-8000-00000000000f";

/// Parses a text, and changes it.
pub(crate) fn credentials(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let parsed = match CredentialText::parse(text.to_owned()) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(!error.message.contains('\n'), "{error:?}");
            assert!(error.place.line <= text.lines().count() + 1, "{error:?}");
            return;
        }
    };
    let table = parsed.table();
    for token in table.tokens() {
        let found = table.token(token.secret, i64::MIN);
        assert_eq!(found, Ok(token), "it is found by its secret");
        let Ok(Some(without)) = parsed.without_token(&token.accessor) else {
            continue;
        };
        assert_eq!(without.table().tokens().len() + 1, table.tokens().len());
        assert!(without.table().token(token.secret, i64::MIN).is_err());
    }
    for user in table.users() {
        assert_eq!(table.user(user.name.as_bytes()), Some(user));
    }
    let token = NewToken {
        accessor: ACCESSOR,
        name: "fuzz",
        secret: SECRET,
        expires: None,
        description: None,
    };
    if let Ok(with) = parsed.with_token(&token) {
        assert!(with.table().token(token_hash(SECRET.as_bytes()), 0).is_ok());
        assert_eq!(others(with.table()), others(table), "the others stay");
    }
}

fn others(table: &CredentialTable) -> Vec<(&str, &str)> {
    let tokens = table.tokens().iter();
    let others = tokens.filter(|token| &*token.accessor != ACCESSOR);
    others
        .map(|token| (&*token.accessor, &*token.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn any_text_is_a_file_of_credentials_or_refused() {
        let seeds = fuzz::seeds("credentials");
        for seed in &seeds {
            CredentialTable::parse(std::str::from_utf8(seed).unwrap()).unwrap();
        }
        fuzz::run(&seeds, 5_000, credentials);
    }
}
