//! Normalized answers: the ids and indexes that differ from server to server are replaced.

/// Replaces ids by the order of their appearance.
pub fn replace_ids(body: &str, seen: &mut Vec<String>) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some(at) = (0..rest.len()).find(|at| rest.get(*at..*at + 36).is_some_and(is_id)) {
        out += &rest[..at];
        out += &name(seen, &rest[at..at + 36], '#');
        rest = &rest[at + 36..];
    }
    out + rest
}

fn is_id(text: &str) -> bool {
    let hyphens = [8, 13, 18, 23];
    // The tests' own made-up ids stay as they are.
    !text.starts_with("11111111")
        && text.bytes().enumerate().all(|(place, byte)| {
            if hyphens.contains(&place) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
}

/// The name of something seen; a new one where it was not seen before.
pub fn name(seen: &mut Vec<String>, text: &str, mark: char) -> String {
    let place = seen
        .iter()
        .position(|known| known == text)
        .unwrap_or_else(|| {
            seen.push(text.to_owned());
            seen.len() - 1
        });
    format!("{mark}{place}")
}

/// Replaces the digits after each mark.
pub fn replace_after(body: &str, mark: &str, mut by: impl FnMut(&str) -> String) -> String {
    let mut parts = body.split(mark);
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        out += mark;
        if digits > 0 {
            out += &by(&part[..digits]);
        }
        out += &part[digits..];
    }
    out
}
