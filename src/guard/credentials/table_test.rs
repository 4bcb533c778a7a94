//! Credentials: what is refused, whose a secret is, and how the text is changed.

use super::*;
use crate::model::{Credentials, SecretHash, ShownSecrets};

const ACCESSOR: &str = "0f2a1b3c-0000-4000-8000-000000000001";
const PASSWORD: &str =
    "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn token(rest: &str) -> String {
    let secret = "ab".repeat(32);
    format!(
        "[[token]]\naccessor = \"{ACCESSOR}\"\nname = \"a\"\nsecret = \"sha256:{secret}\"\n{rest}\n"
    )
}

fn error(text: &str) -> String {
    CredentialTable::parse(text).unwrap_err().to_string()
}

#[test]
fn a_file_that_cannot_be_used_is_refused_where_it_is_bad() {
    for (text, says) in [
        (
            "[[tokn]]".to_owned(),
            "1:3: tokn: no such field; is it token?",
        ),
        (
            token("expire = \"x\""),
            "5:1: expire: no such field; is it expires?",
        ),
        (
            token("expires = \"soon\""),
            "5:11: expires 'soon': not a time as RFC 3339",
        ),
        (token("expires = 2026-12-31"), "not a time"),
        (token("expires = 7"), "5:11: expires: not a string"),
        (
            token("").replace(ACCESSOR, "x"),
            "2:12: accessor 'x': not a UUID",
        ),
        (
            token("").replace("\"a\"", "\"\""),
            "a name has 1 to 256 characters",
        ),
        (
            token("").replace("\"a\"", "\"a\\n\""),
            "no control characters",
        ),
        (token("") + &token(""), "6:1: there is a token '0f2a1b3c"),
        (
            token("").replace(&"ab".repeat(32), &"00".repeat(32)),
            "4:10: secret: not sha256: and the 64 hexadecimal digits",
        ),
        (
            token("") + &token("").replace(ACCESSOR, "0f2a1b3c-0000-4000-8000-000000000002"),
            "has the secret of another one",
        ),
        (
            "[[user]]\nname = \"a\"\n".to_owned(),
            "1:1: password is missing",
        ),
        (
            "[[user]]\nname = \"a:b\"\npassword = \"\"\n".to_owned(),
            "first colon",
        ),
        (
            format!("[[user]]\nname = \"a\"\npassword = \"{PASSWORD}\"\n").repeat(2),
            "4:1: there is a user 'a' already",
        ),
    ] {
        let error = error(&text);
        assert!(error.contains(says), "{error}: {text}");
    }
}

#[test]
fn no_error_shows_a_secret() {
    let plain = "hunter2-hunter2";
    for text in [
        token("").replace("sha256:ab", plain),
        token("").replace(&"ab".repeat(32), plain),
        format!("[[user]]\nname = \"a\"\npassword = \"{plain}\"\n"),
        format!("[[user]]\nname = \"a\"\npassword = {plain}\n"),
        format!("[[token]]\nsecret = \"{plain}\n"),
    ] {
        let error = error(&text);
        assert!(!error.contains(plain), "{error}");
        assert!(!error.contains("abab"), "{error}");
    }
}

#[test]
fn a_token_is_known_by_its_secret_until_it_ends() {
    let hash = SecretHash([0xab; 32]);
    for (expires, known_at, gone_at) in [
        ("", i64::MAX, None),
        (
            "expires = \"2026-01-01T00:00:00Z\"",
            1_767_225_599_999,
            Some(1_767_225_600_000),
        ),
        (
            "expires = 2026-01-01T01:00:00+01:00",
            1_767_225_599_999,
            Some(1_767_225_600_000),
        ),
    ] {
        let table = CredentialTable::parse(&token(expires)).unwrap();
        assert_eq!(&*table.token(hash, known_at).unwrap().name, "a");
        assert_eq!(table.next_expiry(0), gone_at);
        if let Some(at) = gone_at {
            assert_eq!(
                table.token(hash, at),
                Err(BadToken::Expired(ACCESSOR.into()))
            );
            assert_eq!(table.next_expiry(at), None);
        }
        assert_eq!(table.token(SecretHash::NONE, 0), Err(BadToken::Unknown));
    }
}

#[test]
fn a_verified_password_counts_until_the_file_has_another_one() {
    let file = |password: &str| {
        let text = format!("[[user]]\nname = \"a\"\npassword = \"{password}\"\n");
        std::sync::Arc::new(CredentialTable::parse(&text).unwrap())
    };
    let verified = std::sync::Arc::new(verified_passwords::VerifiedPasswords::new().unwrap());
    let hash = verified.hash(b"a", b"secret");
    assert_ne!(hash, verified.hash(b"as", b"ecret"));
    let proves = |table: &std::sync::Arc<CredentialTable>, hash| {
        let known = KnownSecrets {
            table: std::sync::Arc::clone(table),
            verified: std::sync::Arc::clone(&verified),
            reviewed: None,
        };
        let secrets = ShownSecrets {
            password: Some(hash),
            token: None,
        };
        let credentials = Credentials {
            secrets,
            ..Credentials::default()
        };
        let vouched = known.vouched_for(&credentials);
        let proofs = known.proofs((&credentials, &vouched), 0);
        (proofs.user.as_deref().map(str::to_owned), proofs.unknown)
    };
    let table = file(PASSWORD);
    assert_eq!(proves(&table, hash), (None, Some("password")));
    let by = table.users()[0].password.clone();
    verified.add(hash, "a".into(), by);
    assert_eq!(proves(&table, hash), (Some("a".to_owned()), None));
    assert_eq!(
        proves(&table, verified.hash(b"a", b"Secret")),
        (None, Some("password"))
    );
    let other = file(&PASSWORD.replace("$AAAA", "$AAAB"));
    assert_eq!(proves(&other, hash), (None, Some("password")));
    // With the same hash in another file it still counts, and once it is void it is forgotten.
    verified.retain(&file(PASSWORD));
    assert_eq!(proves(&table, hash), (Some("a".to_owned()), None));
    verified.retain(&other);
    assert_eq!(proves(&table, hash), (None, Some("password")));
}

fn text(text: &str) -> CredentialText {
    CredentialText::parse(text.to_owned()).unwrap()
}

const NEW: NewToken<'static> = NewToken {
    accessor: "0f2a1b3c-0000-4000-8000-000000000009",
    name: "node-10.0.0.1",
    secret: "the secret",
    expires: None,
    description: Some("a \"host\" \\ of\nmine"),
};

#[test]
fn what_is_added_is_found_and_what_was_there_stays() {
    let first = text("# Ours.\n\n").with_token(&NEW).unwrap();
    assert!(
        first.as_str().starts_with("# Ours.\n\n[[token]]\n"),
        "{}",
        first.as_str()
    );
    assert!(!first.as_str().contains("the secret"));
    let token = first.table().token(token_hash(b"the secret"), 0).unwrap();
    assert_eq!(token.description, "a \"host\" \\ of\nmine");
    let twice = first.with_token(&NEW).unwrap_err();
    assert!(twice.contains("already"), "{twice}");
    let hash = PasswordHash::parse(PASSWORD).unwrap();
    let with_user = first.with_password("ops", &hash).unwrap();
    assert!(with_user.as_str().starts_with(first.as_str()));
    let other = PasswordHash::parse(&PASSWORD.replace("$AAAA", "$AAAB")).unwrap();
    let changed = with_user.with_password("ops", &other).unwrap();
    assert_eq!(changed.table().users()[0].password, other);
    assert_eq!(
        changed.as_str().replace("$AAAB", "$AAAA"),
        with_user.as_str()
    );
    assert!(with_user.with_password("a:b", &hash).is_err());
}

#[test]
fn what_is_revoked_is_cut_out_alone() {
    let other = token("# about a").replace(ACCESSOR, "0f2a1b3c-0000-4000-8000-000000000002");
    let other = other.replace(&"ab".repeat(32), &"cd".repeat(32));
    for (before, after) in [
        (
            format!("# head\n{}# tail\n", token("")),
            "# head\n# tail\n".to_owned(),
        ),
        (
            format!("{}{other}", token("description = \"x\" # y\n")),
            other.clone(),
        ),
        (format!("{other}\n{}", token("")), other.clone()),
        (token(""), "\n".to_owned()),
    ] {
        let changed = text(&before).without_token(&ACCESSOR.to_uppercase());
        let changed = changed.unwrap().unwrap();
        assert_eq!(changed.as_str().trim_end(), after.trim_end(), "{before}");
        assert!(changed.without_token(ACCESSOR).unwrap().is_none());
    }
    let inline = format!(
        "token = [{{accessor = \"{ACCESSOR}\", name = \"a\", secret = \"sha256:{}\"}}]\n",
        "ab".repeat(32)
    );
    let why = text(&inline).without_token(ACCESSOR).unwrap_err();
    assert!(why.contains("by hand"), "{why}");
}
