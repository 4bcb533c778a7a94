//! Query of a URL: `url.ParseQuery` of Go 1.15, which takes `;` for `&`.

use std::fmt::Write as _;

/// The parameters of a request, in order; one without `=` has an empty value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::face) struct Query {
    pairs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A percent sign is not followed by two hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid URL escape")]
pub(in crate::face) struct BadEscape;

impl Query {
    /// Reads what follows the question mark.
    pub(in crate::face) fn parse(text: &[u8]) -> Result<Self, BadEscape> {
        let mut pairs = Vec::new();
        for part in text.split(|byte| matches!(byte, b'&' | b';')) {
            if part.is_empty() {
                continue;
            }
            let mut halves = part.splitn(2, |byte| *byte == b'=');
            let name = unescape(halves.next().unwrap_or_default())?;
            let value = unescape(halves.next().unwrap_or_default())?;
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// Whether the parameter is there, with or without a value.
    pub(in crate::face) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The value of the parameter's first occurrence; empty where there is none.
    pub(in crate::face) fn get(&self, name: &str) -> &[u8] {
        self.first(name).unwrap_or_default()
    }

    fn first(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self.pairs.iter().find(|(own, _)| own == name.as_bytes())?;
        Some(value)
    }

    /// Every value of the parameter.
    pub(in crate::face) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.pairs
            .iter()
            .filter(move |(own, _)| own == name.as_bytes())
            .map(|(_, value)| value.as_slice())
    }

    /// The parameters sorted by name and encoded again: `Values.Encode`.
    pub(in crate::face) fn encode(&self) -> String {
        let mut pairs: Vec<_> = self.pairs.iter().collect();
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        let encoded: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
            .collect();
        encoded.join("&")
    }
}

fn unescape(text: &[u8]) -> Result<Vec<u8>, BadEscape> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let high = bytes.next().and_then(hex).ok_or(BadEscape)?;
                let low = bytes.next().and_then(hex).ok_or(BadEscape)?;
                high << 4 | low
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    Ok(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

fn escape(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(*byte)),
            byte => {
                let _written = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn queries_are_read_as_go_does() {
        let query = Query::parse(b"recurse&index=7;wait=1s&a+b=%2f+&wait=2s&&=x").unwrap();
        assert!(query.has("recurse") && query.has("") && !query.has("nope"));
        assert_eq!(query.get("index"), b"7");
        assert_eq!(query.get("wait"), b"1s", "the first counts");
        assert_eq!(query.all("wait").count(), 2);
        assert_eq!(query.get("a b"), b"/ ");
        assert_eq!(
            query.encode(),
            "=x&a+b=%2F+&index=7&recurse=&wait=1s&wait=2s"
        );
    }

    #[test]
    fn bad_escapes_are_refused() {
        for text in ["a=%", "a=%2", "%zz", "a=%+1"] {
            assert_eq!(Query::parse(text.as_bytes()), Err(BadEscape), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _read = Query::parse(&bytes);
        }

        #[test]
        fn what_is_encoded_is_read_again(pairs: Vec<(Vec<u8>, Vec<u8>)>) {
            let mut pairs = pairs;
            pairs.retain(|(name, value)| !name.is_empty() || !value.is_empty());
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
            let query = Query { pairs };
            prop_assert_eq!(Query::parse(query.encode().as_bytes()), Ok(query));
        }
    }
}
