//! The answers to four-letter words, after which the connection is closed.

use std::fmt::{self, Write};

use super::allow_list::AllowList;
use super::connections::ConnectionFigures;
use super::release::Release;
use super::server_figures::ServerFigures;
use super::word::FourLetterWord;
use super::{environment, monitor};

/// The answer of a server that does not serve, such as one without a leader, to all words but `ruok`, `envi` and `isro`.
pub(crate) const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests\n";

/// The answer to a word. `figures` are `None` while the server does not serve. `connections` is asked only for the words that
/// report each of them.
pub(crate) fn answer(
    word: FourLetterWord,
    allowed: &AllowList,
    release: &Release,
    figures: Option<&ServerFigures>,
    connections: impl FnOnce() -> Vec<ConnectionFigures>,
) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _written = write(word, allowed, release, figures, connections, &mut text);
    text
}

fn write(
    word: FourLetterWord,
    allowed: &AllowList,
    release: &Release,
    figures: Option<&ServerFigures>,
    connections: impl FnOnce() -> Vec<ConnectionFigures>,
    to: &mut String,
) -> fmt::Result {
    if !allowed.allows(word) {
        let name = word.name();
        return writeln!(
            to,
            "{name} is not executed because it is not in the whitelist."
        );
    }
    match (word, figures) {
        (FourLetterWord::Ruok, _) => to.write_str("imok"),
        (FourLetterWord::Isro, None) => to.write_str("null"),
        (FourLetterWord::Isro, Some(_)) => to.write_str("rw"),
        (FourLetterWord::Envi, _) => environment::write(release, to),
        (_, None) => to.write_str(NOT_SERVING),
        (FourLetterWord::Srvr, Some(figures)) => {
            writeln!(to, "Zookeeper version: {release}")?;
            figures.write_lines(to)
        }
        (FourLetterWord::Stat, Some(figures)) => {
            writeln!(to, "Zookeeper version: {release}")?;
            writeln!(to, "Clients:")?;
            for connection in connections() {
                connection.write_brief(to)?;
            }
            writeln!(to)?;
            figures.write_lines(to)
        }
        (FourLetterWord::Cons, Some(_)) => {
            for connection in connections() {
                connection.write_full(to)?;
            }
            writeln!(to)
        }
        (FourLetterWord::Mntr, Some(figures)) => monitor::write(release, figures, to),
        (FourLetterWord::Wchs, Some(figures)) => {
            let watches = figures.watches;
            let (connections, paths) = (watches.connections, watches.paths);
            writeln!(to, "{connections} connections watching {paths} paths")?;
            writeln!(to, "Total watches:{}", watches.of_data)
        }
        // Not in any allow-list.
        (FourLetterWord::Refused(_), Some(_)) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
