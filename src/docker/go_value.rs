//! `GoValue`: JSON as Go's `encoding/json` decodes it.
//!
//! Go replaces bytes that are no UTF-8, takes the last of several fields of one name, and finds the fields of a structure by
//! names of any case. What this decoder takes, Go takes; of what Go takes it refuses what no daemon writes: values nested deeper
//! than [`MAX_DEPTH`], and numbers that no `float64` holds where Go would skip them.

use std::fmt::Write as _;

/// How deep values may be nested. Records of libnetwork are four deep.
const MAX_DEPTH: usize = 64;

/// A value of JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum GoValue {
    Null,
    Bool(bool),
    Number(GoNumber),
    Text(String),
    List(Vec<Self>),
    /// The fields in the order of the text, those of one name among them.
    Map(Vec<(String, Self)>),
}

/// A number: as `interface{}` holds it, and as it is written, which is what an integer is parsed from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GoNumber {
    pub(super) float: f64,
    pub(super) text: String,
}

/// A text that Go's decoder refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotGoJson;

impl GoValue {
    /// Decodes a text.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, NotGoJson> {
        let mut text = GoText { rest: bytes };
        let value = text.value(MAX_DEPTH)?;
        text.skip_spaces();
        if text.rest.is_empty() {
            Ok(value)
        } else {
            Err(NotGoJson)
        }
    }

    /// The field of a map by its exact name, as of `map[string]interface{}`: the last one of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(fields) => fields
                .iter()
                .rev()
                .find(|(own, _)| own == name)
                .map(|(_, value)| value),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// The values of a structure's field in their order: each takes the place of the one before.
    pub(super) fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        let fields = match self {
            Self::Map(fields) => fields.as_slice(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => &[],
        };
        fields
            .iter()
            .filter(move |(own, _)| folds_to(own, name))
            .map(|(_, value)| value)
    }

    /// The value as Go decodes it from what it encodes the value to: names of maps sorted, each once, and numbers as `float64`
    /// prints them. libnetwork decodes parts of its records so.
    pub(super) fn encoded_again(&self) -> Self {
        match self {
            Self::Number(number) => Self::Number(GoNumber {
                float: number.float,
                text: printed(number.float),
            }),
            Self::List(values) => Self::List(values.iter().map(Self::encoded_again).collect()),
            Self::Map(fields) => {
                let mut sorted: Vec<(String, Self)> = Vec::with_capacity(fields.len());
                for (name, value) in fields {
                    sorted.retain(|(other, _)| other != name);
                    sorted.push((name.clone(), value.encoded_again()));
                }
                sorted.sort_by(|one, other| one.0.cmp(&other.0));
                Self::Map(sorted)
            }
            Self::Null | Self::Bool(_) | Self::Text(_) => self.clone(),
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Null | Self::Number(_) | Self::Text(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    pub(super) fn as_number(&self) -> Option<&GoNumber> {
        match self {
            Self::Number(number) => Some(number),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(values) => Some(values),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Map(_) => None,
        }
    }

    pub(super) fn as_map(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Map(fields) => Some(fields),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// Whether a name is a field's: in any case, and with the two letters outside of ASCII that fold to one inside.
fn folds_to(own: &str, field: &str) -> bool {
    let folded = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    own.chars()
        .map(folded)
        .eq(field.chars().map(|letter| letter.to_ascii_lowercase()))
}

/// A `float64` as Go prints it in JSON.
fn printed(float: f64) -> String {
    let size = float.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        format!("{float:e}")
    } else {
        format!("{float}")
    }
}

/// A text that is decoded from its begin on.
struct GoText<'a> {
    rest: &'a [u8],
}

impl GoText<'_> {
    fn skip_spaces(&mut self) {
        while let Some((b' ' | b'\t' | b'\r' | b'\n', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    fn next(&mut self) -> Result<u8, NotGoJson> {
        let (first, rest) = self.rest.split_first().ok_or(NotGoJson)?;
        self.rest = rest;
        Ok(*first)
    }

    /// Goes on behind a byte, if it is the next one.
    fn takes(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            Some(_) | None => false,
        }
    }

    fn expect(&mut self, text: &[u8], value: GoValue) -> Result<GoValue, NotGoJson> {
        self.rest = self.rest.strip_prefix(text).ok_or(NotGoJson)?;
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<GoValue, NotGoJson> {
        self.skip_spaces();
        let beneath = depth.checked_sub(1).ok_or(NotGoJson)?;
        match self.rest.first().ok_or(NotGoJson)? {
            b'{' => self.map(beneath),
            b'[' => self.list(beneath),
            b'"' => self.string().map(GoValue::Text),
            b'n' => self.expect(b"null", GoValue::Null),
            b't' => self.expect(b"true", GoValue::Bool(true)),
            b'f' => self.expect(b"false", GoValue::Bool(false)),
            _ => self.number().map(GoValue::Number),
        }
    }

    fn list(&mut self, depth: usize) -> Result<GoValue, NotGoJson> {
        self.next()?;
        let mut values = Vec::new();
        self.skip_spaces();
        if self.takes(b']') {
            return Ok(GoValue::List(values));
        }
        loop {
            values.push(self.value(depth)?);
            self.skip_spaces();
            match self.next()? {
                b',' => {}
                b']' => return Ok(GoValue::List(values)),
                _ => return Err(NotGoJson),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<GoValue, NotGoJson> {
        self.next()?;
        let mut fields = Vec::new();
        self.skip_spaces();
        if self.takes(b'}') {
            return Ok(GoValue::Map(fields));
        }
        loop {
            self.skip_spaces();
            let name = self.string()?;
            self.skip_spaces();
            if self.next()? != b':' {
                return Err(NotGoJson);
            }
            fields.push((name, self.value(depth)?));
            self.skip_spaces();
            match self.next()? {
                b',' => {}
                b'}' => return Ok(GoValue::Map(fields)),
                _ => return Err(NotGoJson),
            }
        }
    }

    fn digits(&mut self, into: &mut String) -> Result<(), NotGoJson> {
        let before = into.len();
        while let Some((digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            into.push(char::from(*digit));
            self.rest = rest;
        }
        if into.len() == before {
            return Err(NotGoJson);
        }
        Ok(())
    }

    fn number(&mut self) -> Result<GoNumber, NotGoJson> {
        let mut text = String::new();
        if self.takes(b'-') {
            text.push('-');
        }
        if self.takes(b'0') {
            text.push('0');
        } else {
            self.digits(&mut text)?;
        }
        if self.takes(b'.') {
            text.push('.');
            self.digits(&mut text)?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            text.push('e');
            if self.takes(b'-') {
                text.push('-');
            } else if self.takes(b'+') {
                text.push('+');
            }
            self.digits(&mut text)?;
        }
        let float: f64 = text.parse().map_err(|_| NotGoJson)?;
        if float.is_finite() {
            Ok(GoNumber { float, text })
        } else {
            Err(NotGoJson)
        }
    }

    fn string(&mut self) -> Result<String, NotGoJson> {
        if self.next()? != b'"' {
            return Err(NotGoJson);
        }
        let mut bytes = Vec::new();
        loop {
            match self.next()? {
                // What is no UTF-8 is replaced, as Go does it.
                b'"' => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
                0..=0x1f => return Err(NotGoJson),
                b'\\' => {
                    let letter = self.escape()?;
                    bytes.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                byte => bytes.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Result<char, NotGoJson> {
        Ok(match self.next()? {
            letter @ (b'"' | b'\\' | b'/') => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.four_digits()?;
                self.surrogate(high)?
            }
            _ => return Err(NotGoJson),
        })
    }

    fn four_digits(&mut self) -> Result<u32, NotGoJson> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16).ok_or(NotGoJson)?;
            value = value * 16 + digit;
        }
        Ok(value)
    }

    /// The letter of an escape, with its second half if it has one; half of a letter is replaced.
    fn surrogate(&mut self, high: u32) -> Result<char, NotGoJson> {
        if !(0xd800..0xdc00).contains(&high) {
            return Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.rest;
        if self.takes(b'\\') && self.takes(b'u') {
            let low = self.four_digits()?;
            if (0xdc00..0xe000).contains(&low) {
                let letter = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(letter).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        self.rest = before;
        Ok(char::REPLACEMENT_CHARACTER)
    }
}

/// The first so many names of fields that a record has and libnetwork does not know, for a log line.
pub(super) fn unknown_fields(value: &GoValue, known: &[&str]) -> Option<String> {
    let fields = value.as_map()?;
    let unknown = fields
        .iter()
        .filter(|(name, _)| !known.contains(&name.as_str()));
    let mut text = String::new();
    for (name, _) in unknown.take(3) {
        let short: String = name.chars().take(40).collect();
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing to a text does not fail.
        let _written = write!(text, "{comma}{}", short.escape_debug());
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> GoValue {
        GoValue::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_last_of_several_fields_counts_and_a_structure_takes_names_of_any_case() {
        let value = parsed(r#"{"Count":1,"count":2,"COUNT":3,"Count":4}"#);
        assert_eq!(value.get("Count"), Some(&parsed("4")));
        assert_eq!(value.get("cOUNT"), None);
        let texts: Vec<_> = value
            .fields("Count")
            .map(|value| value.as_number().unwrap().text.as_str())
            .collect();
        assert_eq!(texts, ["1", "2", "3", "4"]);
        // `K` of Kelvin and the long `s` fold.
        let folded = parsed("{\"Parent\u{212a}ey\":1,\"\u{17f}ubnet\":2}");
        assert_eq!(folded.fields("ParentKey").count(), 1);
        assert_eq!(folded.fields("Subnet").count(), 1);
    }

    #[test]
    fn encoded_again_fields_are_sorted_and_numbers_are_floats() {
        let value = parsed(r#"{"b":1.0,"a":1e3,"b":2.50,"B":1e30}"#).encoded_again();
        assert_eq!(
            value,
            GoValue::Map(vec![
                ("B".to_owned(), number(1e30, "1e30")),
                ("a".to_owned(), number(1000.0, "1000")),
                ("b".to_owned(), number(2.5, "2.5")),
            ])
        );
    }

    fn number(float: f64, text: &str) -> GoValue {
        let text = text.to_owned();
        GoValue::Number(GoNumber { float, text })
    }

    #[test]
    fn texts_are_decoded_as_go_decodes_them() {
        assert_eq!(
            GoValue::parse(b" \"a\\u00fc\\ud83d\\ude00\\ud800x\xff\\/\" ").unwrap(),
            GoValue::Text("a\u{fc}\u{1f600}\u{fffd}x\u{fffd}/".to_owned())
        );
        for bad in [
            "",
            "nul",
            "01",
            "1.",
            "-",
            "1e",
            "+1",
            ".5",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "1 2",
            "1e999",
            "[",
            "\"",
            "{\"a\" 1}",
            "tru",
        ] {
            assert_eq!(GoValue::parse(bad.as_bytes()), Err(NotGoJson), "{bad}");
        }
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(GoValue::parse(deep(MAX_DEPTH).as_bytes()).is_ok());
        assert!(GoValue::parse(deep(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(GoValue::parse(deep(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn unknown_fields_are_named() {
        let value = parsed(r#"{"id":1,"new\n":2,"x":3}"#);
        assert_eq!(
            unknown_fields(&value, &["id"]).as_deref(),
            Some("new\\n, x")
        );
        assert_eq!(unknown_fields(&value, &["id", "new\n", "x"]), None);
    }
}
