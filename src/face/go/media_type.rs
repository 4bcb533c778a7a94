//! Content type of a body: `mime.ParseMediaType`.

/// Why a content type cannot be read, in Go's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::face) enum BadMediaType {
    /// Nothing before the parameters.
    #[error("mime: no media type")]
    Missing,
    /// A single word, followed by something other than a slash.
    #[error("mime: expected slash after first token")]
    NoSlash,
    /// Nothing after the slash.
    #[error("mime: expected token after slash")]
    NoSubtype,
    /// Something between the type and its parameters.
    #[error("mime: unexpected content after media subtype")]
    Trailing,
    /// A parameter that is not `name=value`.
    #[error("mime: invalid media parameter")]
    Parameter,
    /// A parameter that occurs twice.
    #[error("mime: duplicate parameter name")]
    Duplicate,
}

/// The type in small letters, without its parameters, which are checked.
pub(in crate::face) fn media_type(header: &[u8]) -> Result<Vec<u8>, BadMediaType> {
    let end = header
        .iter()
        .position(|byte| *byte == b';')
        .unwrap_or(header.len());
    let (base, parameters) = header.split_at(end);
    let base = base.trim_ascii().to_ascii_lowercase();
    check_type(&base)?;
    check_parameters(parameters)?;
    Ok(base)
}

fn check_type(base: &[u8]) -> Result<(), BadMediaType> {
    let (main, rest) = token(base);
    if main.is_empty() {
        return Err(BadMediaType::Missing);
    }
    if rest.is_empty() {
        return Ok(());
    }
    let rest = rest.strip_prefix(b"/").ok_or(BadMediaType::NoSlash)?;
    match token(rest) {
        ([], _) => Err(BadMediaType::NoSubtype),
        (_, []) => Ok(()),
        (_, _) => Err(BadMediaType::Trailing),
    }
}

fn check_parameters(text: &[u8]) -> Result<(), BadMediaType> {
    let mut names = Vec::new();
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() {
        // A semicolon at the very end is let through.
        if rest.trim_ascii() == b";" {
            return Ok(());
        }
        let (name, after) = parameter(rest).ok_or(BadMediaType::Parameter)?;
        if names.contains(&name) {
            return Err(BadMediaType::Duplicate);
        }
        names.push(name);
        rest = after.trim_ascii_start();
    }
    Ok(())
}

/// The name of the parameter that the text begins with, and the rest after it.
fn parameter(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let rest = text.strip_prefix(b";")?.trim_ascii_start();
    let (name, rest) = token(rest);
    if name.is_empty() {
        return None;
    }
    let rest = rest
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let rest = match rest.strip_prefix(b"\"") {
        Some(quoted) => after_quote(quoted)?,
        None => match token(rest) {
            ([], _) => return None,
            (_, rest) => rest,
        },
    };
    Some((name.to_ascii_lowercase(), rest))
}

/// The rest after the closing quote.
fn after_quote(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    loop {
        match rest {
            [b'"', after @ ..] => return Some(after),
            [b'\r' | b'\n', ..] | [] => return None,
            [b'\\', _, after @ ..] | [_, after @ ..] => rest = after,
        }
    }
}

/// The token (RFC 2045) that the text begins with, and the rest after it.
fn token(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !is_token(*byte));
    text.split_at(end.unwrap_or(text.len()))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br#"()<>@,;:\"/[]?="#.contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn types_are_read_as_go_does() {
        let form = b"application/x-www-form-urlencoded".to_vec();
        let with = |rest: &[u8]| media_type(&[&form, rest].concat());
        assert_eq!(with(b""), Ok(form.clone()));
        assert_eq!(with(b"; charset=UTF-8"), Ok(form.clone()));
        assert_eq!(with(b" ; a=\"b\\\";c\" ;"), Ok(form.clone()));
        assert_eq!(with(b"; x"), Err(BadMediaType::Parameter));
        assert_eq!(with(b"; x=\"y"), Err(BadMediaType::Parameter));
        assert_eq!(with(b"; x=1; X=2"), Err(BadMediaType::Duplicate));
        assert_eq!(media_type(b"Text/HTML"), Ok(b"text/html".to_vec()));
        assert_eq!(media_type(b";"), Err(BadMediaType::Missing));
        assert_eq!(media_type(b"a b"), Err(BadMediaType::NoSlash));
        assert_eq!(media_type(b"a/"), Err(BadMediaType::NoSubtype));
        assert_eq!(media_type(b"a/b c"), Err(BadMediaType::Trailing));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(header in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _type = media_type(&header);
        }

        #[test]
        fn parameters_do_not_change_the_type(name in "[a-z]{1,5}", value in "[a-z0-9]{1,5}") {
            let header = format!("a/b; {name}={value}");
            prop_assert_eq!(media_type(header.as_bytes()), Ok(b"a/b".to_vec()));
        }
    }
}
