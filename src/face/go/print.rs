//! Printable characters: `unicode.IsPrint`.

/// Whether a character is a letter, mark, number, punctuation, symbol or the space.
pub(in crate::face) fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_graphic();
    }
    // Rust's own table is of the same categories. It is reached through debug escapes, which leave printable
    // characters as they are; a letter in front, because a mark at the very start is escaped.
    let mut text = [0; 5];
    text[0] = b'a';
    let width = c.len_utf8();
    if let Some(place) = text.get_mut(1..=width) {
        c.encode_utf8(place);
    }
    text.get(..=width)
        .and_then(|text| std::str::from_utf8(text).ok())
        .is_some_and(|text| text.escape_debug().nth(1) == Some(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_printable_as_in_go() {
        for c in [
            'a',
            ' ',
            '~',
            '"',
            '\\',
            '\u{e9}',
            '\u{301}',
            '\u{4e16}',
            '\u{fffd}',
            '\u{1f600}',
        ] {
            assert!(is_print(c), "{c:?}");
        }
        for c in [
            '\0', '\n', '\x7f', '\u{a0}', '\u{ad}', '\u{200b}', '\u{2028}', '\u{e000}', '\u{feff}',
        ] {
            assert!(!is_print(c), "{c:?}");
        }
    }
}
