//! Form of a request: `Request.ParseForm` (Go 1.19, which etcd 3.4 of Debian 12 is built with).

use super::media_type::{BadMediaType, media_type};
use super::query::{Pairs, QueryError, Semicolon, first, parse_pairs};

/// The longest body that is read as a form, in bytes; Go's own limit.
pub(in crate::face) const MAX_BODY: usize = 10 << 20;

/// Why a form cannot be read, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::face) enum BadForm {
    /// A field cannot be read.
    #[error(transparent)]
    Field(#[from] QueryError),
    /// The body's type cannot be read.
    #[error(transparent)]
    Type(#[from] BadMediaType),
}

/// The fields of a request, those of its body before those of its query: where a name occurs more than once, the
/// first one counts, so the body's does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::face) struct Form {
    fields: Pairs,
}

impl Form {
    /// Reads all fields.
    #[cfg(test)]
    fn parse(content_type: &[u8], body: &[u8], query: &[u8]) -> Result<Self, BadForm> {
        Self::parse_fields(|_, _| true, content_type, body, query)
    }

    /// Reads the fields of these names from the query and, where it is a form, the body; all others are only checked. A body
    /// may have millions. `content_type` is empty where the request has none.
    pub(in crate::face) fn parse_only(
        names: &[&str],
        content_type: &[u8],
        body: &[u8],
        query: &[u8],
    ) -> Result<Self, BadForm> {
        // Only the first value of a name counts.
        let is_wanted = |fields: &Pairs, name: &[u8]| {
            names.iter().any(|wanted| wanted.as_bytes() == name)
                && fields.iter().all(|(own, _)| own != name)
        };
        Self::parse_fields(is_wanted, content_type, body, query)
    }

    fn parse_fields(
        is_wanted: impl Fn(&Pairs, &[u8]) -> bool,
        content_type: &[u8],
        body: &[u8],
        query: &[u8],
    ) -> Result<Self, BadForm> {
        let mut form = Self::default();
        let of_body = form.take_body(&is_wanted, content_type, body);
        let of_query = form.take(&is_wanted, query);
        // Go reads both before it reports the first error.
        of_body.and(of_query)?;
        Ok(form)
    }

    fn take_body(
        &mut self,
        is_wanted: &impl Fn(&Pairs, &[u8]) -> bool,
        content_type: &[u8],
        body: &[u8],
    ) -> Result<(), BadForm> {
        // A body of any other type is ignored: a PUT with one writes an empty value, as etcd's does.
        if !content_type.is_empty()
            && media_type(content_type)? == b"application/x-www-form-urlencoded"
        {
            self.take(is_wanted, body)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        is_wanted: &impl Fn(&Pairs, &[u8]) -> bool,
        text: &[u8],
    ) -> Result<(), BadForm> {
        let fields = &mut self.fields;
        parse_pairs(text, Semicolon::IsError, |name, value| {
            if is_wanted(fields, &name) {
                fields.push((name, value));
            }
        })?;
        Ok(())
    }

    /// The first value of this name.
    pub(in crate::face) fn get(&self, name: &str) -> Option<&[u8]> {
        first(&self.fields, name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &[u8] = b"application/x-www-form-urlencoded";

    #[test]
    fn the_body_comes_before_the_query() {
        let form = Form::parse(TYPE, b"value=body&dir", b"value=query&ttl=5").unwrap();
        assert_eq!(form.get("value"), Some(&b"body"[..]));
        assert_eq!(form.get("ttl"), Some(&b"5"[..]));
        assert_eq!(form.get("dir"), Some(&b""[..]));
        assert_eq!(form.get("other"), None);
    }

    #[test]
    fn a_body_of_another_type_is_not_read() {
        let form = Form::parse(b"text/plain", b"value=1", b"").unwrap();
        assert_eq!(form.get("value"), None);
        let form = Form::parse(b"", b"value=1", b"").unwrap();
        assert_eq!(form.get("value"), None);
    }

    #[test]
    fn a_form_of_chosen_names_keeps_no_other_field() {
        let body = "value=1&a&value=2&".repeat(1000);
        let form =
            Form::parse_only(&["value", "ttl"], TYPE, body.as_bytes(), b"ttl=5&b=2").unwrap();
        assert_eq!(form.fields.len(), 2);
        assert_eq!(form.get("value"), Some(&b"1"[..]));
        assert_eq!(form.get("ttl"), Some(&b"5"[..]));
        let refused = Form::parse_only(&["value"], b"", b"", b"other=%zz").unwrap_err();
        assert_eq!(refused.to_string(), r#"invalid URL escape "%zz""#);
    }

    #[test]
    fn errors_have_gos_messages() {
        let words = |query: &[u8]| Form::parse(b"", b"", query).unwrap_err().to_string();
        assert_eq!(words(b"a=%zzz"), r#"invalid URL escape "%zz""#);
        assert_eq!(words(b"a=%"), r#"invalid URL escape "%""#);
        assert_eq!(words(b"a;b=1"), "invalid semicolon separator in query");
        assert_eq!(words(b"a=%zz&a;b"), "invalid semicolon separator in query");
        assert_eq!(words(b"a;b&a=%zz"), "invalid semicolon separator in query");
        assert_eq!(words(b"a=%1&b=%2"), r#"invalid URL escape "%1""#);
        let body = Form::parse(b";", b"", b"").unwrap_err().to_string();
        assert_eq!(body, "mime: no media type");
    }

    proptest! {
        #[test]
        fn encoded_forms_are_parsed_back(fields in proptest::collection::vec((".{1,8}", ".{0,8}"), 0..6)) {
            let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
            let form = Form::parse(TYPE, text.as_bytes(), b"").unwrap();
            for (name, _) in &fields {
                let first = fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_bytes());
                prop_assert_eq!(form.get(name), first);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..64), content in "[ -~]{0,40}") {
            let _form = Form::parse(content.as_bytes(), &body, &body);
        }
    }
}
