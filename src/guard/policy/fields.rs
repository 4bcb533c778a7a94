//! Fields of a table in a policy's text, with their places.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{PolicyError, PolicyPlace};

/// The most rules, roles and identities, each.
pub(super) const MOST: usize = 10_000;

/// The text of a policy, for the places of errors.
#[derive(Clone, Copy, Debug)]
pub(in crate::guard) struct PolicyText<'t> {
    pub(in crate::guard) text: &'t str,
    /// Where each line begins.
    pub(in crate::guard) lines: &'t [usize],
}

impl<'t> PolicyText<'t> {
    /// The fields of the whole text, which may have only these. It has a name for errors, and a limit in bytes.
    pub(in crate::guard) fn top(
        self,
        (name, limit): (&str, usize),
        known: &[&str],
    ) -> Result<Fields<'t, 't>, PolicyError> {
        let bytes = self.text.len();
        if bytes > limit {
            let what =
                format!("a {name} of {bytes} bytes is longer than the limit of {limit} bytes");
            return Err(self.error(0, what));
        }
        let table = DeTable::parse(self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            // Some messages of the parser have several lines; an error here has one.
            self.error(offset, error.message().replace('\n', ", "))
        })?;
        let (offset, table) = (table.span().start, table.into_inner());
        Fields::new(self, offset, table, known)
    }

    pub(in crate::guard) fn place(self, offset: usize) -> PolicyPlace {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied();
        let before = self.text.get(start.unwrap_or(0)..offset);
        PolicyPlace {
            line: line.max(1),
            column: before.unwrap_or_default().chars().count() + 1,
        }
    }

    pub(in crate::guard) fn error(self, offset: usize, message: impl Into<String>) -> PolicyError {
        PolicyError {
            place: self.place(offset),
            message: message.into(),
        }
    }
}

/// Where each line of a text begins.
pub(in crate::guard) fn line_starts(text: &str) -> Vec<usize> {
    let ends = text.bytes().zip(1..).filter(|(byte, _)| *byte == b'\n');
    std::iter::once(0)
        .chain(ends.map(|(_, next)| next))
        .collect()
}

/// A string, and where it is.
#[derive(Clone, Debug)]
pub(in crate::guard) struct Placed {
    pub(in crate::guard) text: String,
    pub(in crate::guard) offset: usize,
}

/// Makes an error of a message about a field's string.
pub(in crate::guard) fn at<T>(
    text: PolicyText<'_>,
    field: &str,
    placed: &Placed,
    parsed: Result<T, String>,
) -> Result<T, PolicyError> {
    parsed.map_err(|why| {
        let shown: String = placed.text.chars().take(100).collect();
        text.error(
            placed.offset,
            format!("{field} '{}': {why}", shown.escape_debug()),
        )
    })
}

/// The fields of one table that were not yet taken.
pub(in crate::guard) struct Fields<'t, 'v> {
    pub(in crate::guard) text: PolicyText<'t>,
    /// Where the table is.
    pub(in crate::guard) offset: usize,
    values: Vec<(String, Spanned<DeValue<'v>>)>,
}

impl<'t, 'v> Fields<'t, 'v> {
    /// The fields of a table that may have only these.
    pub(in crate::guard) fn new(
        text: PolicyText<'t>,
        offset: usize,
        table: DeTable<'v>,
        known: &[&str],
    ) -> Result<Self, PolicyError> {
        let mut values = Vec::new();
        let mut unknown: Option<(usize, String)> = None;
        for (key, value) in table {
            let at = key.span().start;
            let name = key.into_inner().into_owned();
            if known.contains(&name.as_str()) {
                values.push((name, value));
            } else if unknown.as_ref().is_none_or(|(first, _)| at < *first) {
                unknown = Some((at, name));
            }
        }
        match unknown {
            Some((at, name)) => Err(text.error(at, unknown_field(&name, known))),
            None => Ok(Self {
                text,
                offset,
                values,
            }),
        }
    }

    pub(in crate::guard) fn error(&self, offset: usize, message: impl Into<String>) -> PolicyError {
        self.text.error(offset, message)
    }

    fn take(&mut self, name: &str) -> Option<Spanned<DeValue<'v>>> {
        let at = self.values.iter().position(|(own, _)| own == name)?;
        Some(self.values.swap_remove(at).1)
    }

    /// Where a field's value is; where the table is, if there is none.
    pub(in crate::guard) fn place_of(&self, name: &str) -> usize {
        let value = self.values.iter().find(|(own, _)| own == name);
        value.map_or(self.offset, |(_, value)| value.span().start)
    }

    /// Where a field's value begins and ends.
    pub(in crate::guard) fn span(&self, name: &str) -> Range<usize> {
        let value = self.values.iter().find(|(own, _)| own == name);
        value.map_or(self.offset..self.offset, |(_, value)| value.span())
    }

    /// Where the last of them ends.
    pub(in crate::guard) fn end(&self) -> usize {
        let ends = self.values.iter().map(|(_, value)| value.span().end);
        ends.max().unwrap_or(self.offset)
    }

    /// A time, as a string or as TOML itself writes one.
    pub(in crate::guard) fn time(&mut self, name: &str) -> Result<Option<Placed>, PolicyError> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let offset = value.span().start;
        match value.get_ref() {
            DeValue::Datetime(time) => Ok(Some(Placed {
                text: time.to_string(),
                offset,
            })),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => self.text_of(name, value).map(Some),
        }
    }

    pub(in crate::guard) fn string(&mut self, name: &str) -> Result<Option<Placed>, PolicyError> {
        self.take(name)
            .map(|value| self.text_of(name, value))
            .transpose()
    }

    pub(in crate::guard) fn required(&mut self, name: &str) -> Result<Placed, PolicyError> {
        let value = self.string(name)?;
        value.ok_or_else(|| self.error(self.offset, format!("{name} is missing")))
    }

    /// The strings of an array, which has one at least.
    pub(in crate::guard) fn strings(
        &mut self,
        name: &str,
    ) -> Result<Option<Vec<Placed>>, PolicyError> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let offset = value.span().start;
        let DeValue::Array(array) = value.into_inner() else {
            return Err(self.error(
                offset,
                format!("{name}: not an array of strings, such as [\"a\", \"b\"]"),
            ));
        };
        if array.is_empty() {
            return Err(self.error(offset, format!("{name}: an empty array")));
        }
        let strings = array.into_iter().map(|value| self.text_of(name, value));
        strings.collect::<Result<_, _>>().map(Some)
    }

    /// A whole number of 0 or more: an integer, or a text that ends with one of these units.
    pub(in crate::guard) fn count(
        &mut self,
        name: &str,
        units: &[(&str, u64)],
    ) -> Result<Option<u64>, PolicyError> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let offset = value.span().start;
        let count = match value.into_inner() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            DeValue::String(text) => units.iter().find_map(|(unit, each)| {
                let number = text.strip_suffix(unit)?.trim_end().parse::<u64>().ok()?;
                number.checked_mul(*each)
            }),
            DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => None,
        };
        // Counts are kept with a sign.
        let count = count.filter(|count| i64::try_from(*count).is_ok());
        let unit = units
            .get(1)
            .map(|(unit, _)| format!(", or one such as \"64{unit}\""));
        let unit = unit.unwrap_or_default();
        let wrong = || self.error(offset, format!("{name}: not a whole number{unit}"));
        count.ok_or_else(wrong).map(Some)
    }

    /// The tables of an array of tables, and where they are.
    pub(in crate::guard) fn tables(
        &mut self,
        name: &str,
    ) -> Result<Vec<(usize, DeTable<'v>)>, PolicyError> {
        let Some(value) = self.take(name) else {
            return Ok(Vec::new());
        };
        let offset = value.span().start;
        let wrong = |at| {
            self.text.error(
                at,
                format!("{name}: not an array of tables: write [[{name}]]"),
            )
        };
        let DeValue::Array(array) = value.into_inner() else {
            return Err(wrong(offset));
        };
        let table = |value: Spanned<DeValue<'v>>| {
            let offset = value.span().start;
            match value.into_inner() {
                DeValue::Table(table) => Ok((offset, table)),
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_) => Err(wrong(offset)),
            }
        };
        array.into_iter().map(table).collect()
    }

    fn text_of(&self, name: &str, value: Spanned<DeValue<'v>>) -> Result<Placed, PolicyError> {
        let offset = value.span().start;
        match value.into_inner() {
            DeValue::String(text) => Ok(Placed {
                text: text.into_owned(),
                offset,
            }),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => Err(self.error(offset, format!("{name}: not a string"))),
        }
    }
}

/// The tables of a kind, within the limit of their number.
pub(in crate::guard) fn tables<'v>(
    top: &mut Fields<'_, 'v>,
    name: &str,
) -> Result<Vec<(usize, DeTable<'v>)>, PolicyError> {
    let tables = top.tables(name)?;
    match tables.get(MOST) {
        Some((offset, _)) => Err(top.error(*offset, format!("more than {MOST} tables [[{name}]]"))),
        None => Ok(tables),
    }
}

/// What an error says of a word that is none of those that are known.
pub(in crate::guard) fn unknown_word(word: &str, known: &[&str]) -> String {
    // A singular for a plural is further away, but begins the same.
    let stem = word.get(..word.len().saturating_sub(1)).unwrap_or_default();
    let begins = |name: &str| stem.len() > 2 && name.starts_with(stem);
    let near = known
        .iter()
        .map(|name| (distance(word, name), name))
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, name)| name)
        .or_else(|| known.iter().find(|name| begins(name)));
    match near {
        Some(name) => format!("; is it {name}?"),
        None => format!(": one of {}", known.join(", ")),
    }
}

fn unknown_field(name: &str, known: &[&str]) -> String {
    let shown: String = name.chars().take(40).collect();
    format!(
        "{}: no such field{}",
        shown.escape_debug(),
        unknown_word(name, known)
    )
}

/// In how many letters two words differ, up to 3: inserted, removed or replaced ones.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return 3;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, letter) in a.chars().enumerate() {
        let mut next = vec![line + 1];
        let pairs = row.iter().zip(row.iter().skip(1));
        for ((diagonal, above), other) in pairs.zip(&b) {
            let left = next.last().copied().unwrap_or_default();
            let replaced = diagonal + usize::from(letter != *other);
            next.push(replaced.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default().min(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_near_are_suggested() {
        for (word, near) in [
            ("benaeth", 2),
            ("beneat", 1),
            ("beneath", 0),
            ("", 3),
            ("alow", 3),
        ] {
            assert_eq!(distance(word, "beneath"), near, "{word}");
        }
        assert_eq!(unknown_word("alow", &["allow", "deny"]), "; is it allow?");
        assert_eq!(
            unknown_word("x", &["allow", "deny"]),
            ": one of allow, deny"
        );
    }
}
