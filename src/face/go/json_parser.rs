//! JSON parser: `encoding/json` with its errors; fields keep their order, and numbers their spelling.

use super::json_unescape::UnescapedString;
use super::quote::quote;

/// How deep values may lie in each other. Go's own limit is 10,000; nothing Consul is asked for goes deeper than five.
const DEEPEST: usize = 128;

/// The most values in one body, nested ones included. A value takes many times the memory of the byte or two it may have
/// in the body.
const MAX_VALUES: usize = 1 << 18;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::face) enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, as it was written.
    Number(String),
    /// A text. Bytes that are not UTF-8, and halves of surrogate pairs, are replaced.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object: its fields in the order they came in, a repeated one as often as it came.
    Object(Vec<(String, Json)>),
}

/// The first value in a body; the rest of the body is ignored. The error is in Go's words, but for bodies of more than
/// [`MAX_VALUES`] values, which Go accepts.
pub(in crate::face) fn first_value(body: &[u8]) -> Result<Json, String> {
    let mut reader = Reader {
        rest: body,
        values: 0,
    };
    if reader.peek_past_space().is_none() {
        return Err("EOF".to_owned());
    }
    reader.value(0)
}

struct Reader<'a> {
    rest: &'a [u8],
    /// How many values were begun.
    values: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn skip(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    fn peek_past_space(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.skip();
        }
        self.peek()
    }

    /// The error for the next byte, which does not belong here, or for the end of the body.
    fn wrong<T>(&self, context: &str) -> Result<T, String> {
        Err(match self.peek() {
            Some(byte) => format!("invalid character {} {context}", quoted(byte)),
            None => "unexpected EOF".to_owned(),
        })
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(format!("more than {MAX_VALUES} values"));
        }
        match self.peek_past_space() {
            Some(b'{' | b'[') if depth > DEEPEST => self.wrong("exceeded max depth"),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Json::Text(self.text()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Json::Bool),
            Some(b'f') => self.literal("false", Json::Bool),
            Some(b'n') => self.literal("null", Json::Null),
            _ => self.wrong("looking for beginning of value"),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, String> {
        self.skip();
        let mut fields = Vec::new();
        if self.peek_past_space() == Some(b'}') {
            self.skip();
            return Ok(Json::Object(fields));
        }
        loop {
            if self.peek_past_space() != Some(b'"') {
                return self.wrong("looking for beginning of object key string");
            }
            let name = self.text()?;
            if self.peek_past_space() != Some(b':') {
                return self.wrong("after object key");
            }
            self.skip();
            fields.push((name, self.value(depth + 1)?));
            match self.peek_past_space() {
                Some(b',') => self.skip(),
                Some(b'}') => {
                    self.skip();
                    return Ok(Json::Object(fields));
                }
                _ => return self.wrong("after object key:value pair"),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, String> {
        self.skip();
        let mut items = Vec::new();
        if self.peek_past_space() == Some(b']') {
            self.skip();
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            match self.peek_past_space() {
                Some(b',') => self.skip(),
                Some(b']') => {
                    self.skip();
                    return Ok(Json::Array(items));
                }
                _ => return self.wrong("after array element"),
            }
        }
    }

    fn literal(&mut self, name: &str, value: Json) -> Result<Json, String> {
        for expected in name.bytes() {
            if self.peek() != Some(expected) {
                let expected = char::from(expected);
                return self.wrong(&format!("in literal {name} (expecting '{expected}')"));
            }
            self.skip();
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Json, String> {
        let mut text = String::new();
        self.take(&mut text, |byte| byte == b'-', 1);
        if self.take(&mut text, |byte| byte == b'0', 1) == 0
            && self.take(&mut text, |byte| byte.is_ascii_digit(), usize::MAX) == 0
        {
            return self.wrong("in numeric literal");
        }
        if self.take(&mut text, |byte| byte == b'.', 1) == 1
            && self.take(&mut text, |byte| byte.is_ascii_digit(), usize::MAX) == 0
        {
            return self.wrong("after decimal point in numeric literal");
        }
        if self.take(&mut text, |byte| b"eE".contains(&byte), 1) == 1 {
            self.take(&mut text, |byte| b"+-".contains(&byte), 1);
            if self.take(&mut text, |byte| byte.is_ascii_digit(), usize::MAX) == 0 {
                return self.wrong("in exponent of numeric literal");
            }
        }
        Ok(Json::Number(text))
    }

    /// Takes the bytes that match, up to `most`; returns how many it took.
    fn take(&mut self, to: &mut String, matches: impl Fn(u8) -> bool, most: usize) -> usize {
        let mut taken = 0;
        while taken < most
            && let Some(byte) = self.peek()
            && matches(byte)
        {
            to.push(char::from(byte));
            self.skip();
            taken += 1;
        }
        taken
    }

    fn text(&mut self) -> Result<String, String> {
        self.skip();
        let mut text = UnescapedString::default();
        loop {
            let mut bytes = self.rest.iter();
            let plain = bytes.position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            let (run, rest) = self.rest.split_at(plain.unwrap_or(self.rest.len()));
            // An empty one would part the halves of a surrogate pair.
            if !run.is_empty() {
                text.push(run);
            }
            self.rest = rest;
            match self.peek() {
                Some(b'"') => {
                    self.skip();
                    return Ok(text.end());
                }
                Some(b'\\') => {
                    self.skip();
                    self.escape(&mut text)?;
                }
                Some(_) | None => return self.wrong("in string literal"),
            }
        }
    }

    fn escape(&mut self, text: &mut UnescapedString) -> Result<(), String> {
        let byte = match self.peek() {
            Some(byte @ (b'\\' | b'/' | b'"')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.skip();
                text.push_unit(self.unit()?);
                return Ok(());
            }
            _ => return self.wrong("in string escape code"),
        };
        self.skip();
        text.push(&[byte]);
        Ok(())
    }

    fn unit(&mut self) -> Result<u16, String> {
        let mut unit: u16 = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit.and_then(|digit| u16::try_from(digit).ok()) else {
                return self.wrong("in \\u hexadecimal character escape");
            };
            unit = unit << 4 | digit;
            self.skip();
        }
        Ok(unit)
    }
}

/// A byte in single quotes, as Go shows it in an error.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        byte => {
            let text = quote(char::from(byte).to_string().as_bytes());
            format!("'{}'", text.trim_matches('"'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Json {
        Json::Text(text.to_owned())
    }

    #[test]
    fn values_keep_order_and_spelling() {
        let number = |digits: &str| Json::Number(digits.to_owned());
        let body = br#" {"b":1e2,"a":[-0.50,true,null,{}],"b":"x"} more"#;
        let fields = vec![
            ("b".to_owned(), number("1e2")),
            (
                "a".to_owned(),
                Json::Array(vec![
                    number("-0.50"),
                    Json::Bool,
                    Json::Null,
                    Json::Object(vec![]),
                ]),
            ),
            ("b".to_owned(), text("x")),
        ];
        assert_eq!(first_value(body), Ok(Json::Object(fields)));
        assert_eq!(first_value(b"1x"), Ok(number("1")));
        assert_eq!(first_value(b"[]]"), Ok(Json::Array(vec![])));
    }

    #[test]
    fn strings_are_read_as_go_does() {
        for (body, expected) in [
            (
                &br#""\u00e9\n\"\/\\\b\f\r\t""#[..],
                "\u{e9}\n\"/\\\u{8}\u{c}\r\t",
            ),
            (br#""\ud83d\udc33""#, "\u{1f433}"),
            (br#""\ud83dx\udc33""#, "\u{fffd}x\u{fffd}"),
            (br#""\ud83d\ud83d\udc33""#, "\u{fffd}\u{1f433}"),
            (br#""\ud83d\u0041""#, "\u{fffd}A"),
            (b"\"a\xffb\xc3\xa9\"", "a\u{fffd}b\u{e9}"),
            (b"\"\xe2\x80\"", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(first_value(body), Ok(text(expected)), "{body:?}");
        }
    }

    const NO_JSON: &[(&str, &str)] = &[
        ("", "EOF"),
        ("  \n", "EOF"),
        ("[", "unexpected EOF"),
        ("{\"a\":", "unexpected EOF"),
        ("\"a", "unexpected EOF"),
        ("-", "unexpected EOF"),
        ("x", "invalid character 'x' looking for beginning of value"),
        (
            "'",
            r"invalid character '\'' looking for beginning of value",
        ),
        (
            "\u{e9}",
            "invalid character '\u{c3}' looking for beginning of value",
        ),
        (
            "[1,]",
            "invalid character ']' looking for beginning of value",
        ),
        (
            "{1",
            "invalid character '1' looking for beginning of object key string",
        ),
        (
            "{\"a\":1,}",
            "invalid character '}' looking for beginning of object key string",
        ),
        ("{\"a\"]", "invalid character ']' after object key"),
        (
            "{\"a\":1]",
            "invalid character ']' after object key:value pair",
        ),
        ("[1}", "invalid character '}' after array element"),
        ("[01]", "invalid character '1' after array element"),
        ("[-x", "invalid character 'x' in numeric literal"),
        (
            "[1.x",
            "invalid character 'x' after decimal point in numeric literal",
        ),
        (
            "[1e+x",
            "invalid character 'x' in exponent of numeric literal",
        ),
        (
            "[nul1",
            "invalid character '1' in literal null (expecting 'l')",
        ),
        ("\"\n\"", r"invalid character '\n' in string literal"),
        ("\"\\x\"", "invalid character 'x' in string escape code"),
        (
            "\"\\u00\"\"",
            "invalid character '\"' in \\u hexadecimal character escape",
        ),
    ];

    #[test]
    fn invalid_json_is_refused_with_gos_message() {
        for (body, words) in NO_JSON {
            assert_eq!(
                first_value(body.as_bytes()),
                Err((*words).to_owned()),
                "{body}"
            );
        }
        assert_eq!(
            first_value("[".repeat(1_000_000).as_bytes()),
            Err("invalid character '[' exceeded max depth".to_owned())
        );
        let deep = |brackets: usize| format!("{}1{}", "[".repeat(brackets), "]".repeat(brackets));
        assert!(first_value(deep(DEEPEST + 1).as_bytes()).is_ok());
        assert!(first_value(deep(DEEPEST + 2).as_bytes()).is_err());
    }

    #[test]
    fn a_body_of_too_many_values_is_refused_before_the_rest_is_read() {
        let array = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
        assert!(first_value(array(MAX_VALUES - 1).as_bytes()).is_ok());
        let refused = Err("more than 262144 values".to_owned());
        assert_eq!(first_value(array(MAX_VALUES).as_bytes()), refused);
        // What follows is no JSON.
        let cut = format!("[{}x", "0,".repeat(MAX_VALUES));
        assert_eq!(first_value(cut.as_bytes()), refused);
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes: Vec<u8>) {
            let _value = first_value(&bytes);
        }

        #[test]
        fn no_text_like_json_causes_a_panic(text in "[\\[\\]{}\",:0-9a-fnul\\\\ -]{0,40}") {
            let _value = first_value(text.as_bytes());
        }

        #[test]
        fn valid_json_is_accepted(text in "[\\[\\]{}\",:0-9.etrufalsn\\\\ -]{0,12}") {
            let other: Result<serde_json::Value, _> = serde_json::from_str(&text);
            if other.is_ok() {
                prop_assert!(first_value(text.as_bytes()).is_ok());
            }
        }
    }
}
