//! Standard output of the commands: JSON lines, bytes, and values on one line.

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::exit::CommandError;

/// Prints a line of JSON.
pub(in crate::cli) fn json(value: &impl Serialize) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Prints bytes to standard output and flushes it.
pub(in crate::cli) fn bytes(bytes: &[u8]) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// A value on one line: UTF-8 text with control characters escaped, anything else as `base64:` and Base64.
pub(super) fn one_line(value: &[u8]) -> String {
    use base64::Engine;
    let Ok(text) = std::str::from_utf8(value) else {
        let encoded = base64::engine::general_purpose::STANDARD.encode(value);
        return format!("base64:{encoded}");
    };
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || c == '\\' {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_printed_on_one_line() {
        assert_eq!(
            one_line("a \"\u{e9}\"\n\\".as_bytes()),
            "a \"\u{e9}\"\\n\\\\"
        );
        assert_eq!(one_line(b"\xff"), "base64:/w==");
    }
}
