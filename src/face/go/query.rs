//! Query of a URL: `url.ParseQuery`, with `;` as Go 1.15 reads it (Consul 1.8) and as Go 1.17 and later do (etcd 3.4).

use super::escape::{escape_query, unescape_query};

/// Names with their values, in the order they came in.
pub(super) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The meaning of a `;` in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Semicolon {
    /// It separates parameters, as `&` does: up to Go 1.16.
    Separates,
    /// A parameter with one is an error: from Go 1.17 on.
    IsError,
}

/// Why a query cannot be read, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::face) enum QueryError {
    /// A `%` without two hexadecimal digits.
    #[error("invalid URL escape \"{0}\"")]
    Escape(String),
    /// A `;`, which older clients used as a separator.
    #[error("invalid semicolon separator in query")]
    Semicolon,
    /// More parameters than are read; Go reads any number.
    #[error("a query of more than {MAX_PARAMETERS} parameters")]
    TooMany,
}

/// The most parameters of a query that is read as Go 1.15 does.
const MAX_PARAMETERS: usize = 1_024;

/// Has the pairs of a query that can be read taken, one after another. Go reads to the end. It reports the first error, but a
/// semicolon's replaces that of a bad escape before it.
pub(super) fn parse_pairs(
    text: &[u8],
    semicolon: Semicolon,
    mut take: impl FnMut(Vec<u8>, Vec<u8>),
) -> Result<(), QueryError> {
    let separates = |byte: &u8| match byte {
        b'&' => true,
        b';' => semicolon == Semicolon::Separates,
        _ => false,
    };
    let mut outcome = Ok(());
    for part in text.split(separates) {
        if part.contains(&b';') {
            outcome = Err(QueryError::Semicolon);
            continue;
        }
        if part.is_empty() {
            continue;
        }
        let mut halves = part.splitn(2, |byte| *byte == b'=');
        let name = unescape_query(halves.next().unwrap_or_default());
        let value = unescape_query(halves.next().unwrap_or_default());
        match (name, value) {
            (Ok(name), Ok(value)) => take(name, value),
            (Err(bad), _) | (_, Err(bad)) => {
                let bad = QueryError::Escape(bad.escape_ascii().to_string());
                outcome = outcome.and(Err(bad));
            }
        }
    }
    outcome
}

/// The first value of this name.
pub(super) fn first<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a [u8]> {
    let (_, value) = pairs.iter().find(|(own, _)| own == name.as_bytes())?;
    Some(value)
}

/// The parameters of a request as Go 1.15 reads them; one without `=` has an empty value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::face) struct Query {
    pairs: Pairs,
}

impl Query {
    /// Reads what follows the question mark.
    pub(in crate::face) fn parse(text: &[u8]) -> Result<Self, QueryError> {
        // Each is looked at for every parameter that is asked for.
        let separators = text.iter().filter(|byte| matches!(byte, b'&' | b';'));
        if separators.count() >= MAX_PARAMETERS {
            return Err(QueryError::TooMany);
        }
        let mut pairs = Pairs::new();
        parse_pairs(text, Semicolon::Separates, |name, value| {
            pairs.push((name, value));
        })?;
        Ok(Self { pairs })
    }

    /// Whether the parameter is there, with or without a value.
    pub(in crate::face) fn has(&self, name: &str) -> bool {
        first(&self.pairs, name).is_some()
    }

    /// The value of the parameter's first occurrence; empty where there is none.
    pub(in crate::face) fn get(&self, name: &str) -> &[u8] {
        first(&self.pairs, name).unwrap_or_default()
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
            .map(|(name, value)| format!("{}={}", escape_query(name), escape_query(value)))
            .collect();
        encoded.join("&")
    }
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
            let refused = Query::parse(text.as_bytes()).unwrap_err();
            assert!(matches!(refused, QueryError::Escape(_)), "{text}");
        }
    }

    #[test]
    fn a_query_of_too_many_parameters_is_refused() {
        let many = |count: usize| vec!["a"; count].join("&");
        assert!(Query::parse(many(MAX_PARAMETERS).as_bytes()).is_ok());
        let refused = Query::parse(many(MAX_PARAMETERS + 1).as_bytes());
        assert_eq!(refused, Err(QueryError::TooMany));
        let long = "a".repeat(1 << 20);
        assert!(Query::parse(long.as_bytes()).is_ok(), "as a request line");
    }

    fn word() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..40)
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes: Vec<u8>) {
            let _read = Query::parse(&bytes);
        }

        #[test]
        fn encoded_queries_are_parsed_back(
            pairs in prop::collection::vec((word(), word()), 0..20)
        ) {
            let mut pairs = pairs;
            pairs.retain(|(name, value)| !name.is_empty() || !value.is_empty());
            pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
            let query = Query { pairs };
            prop_assert_eq!(Query::parse(query.encode().as_bytes()), Ok(query));
        }
    }
}
