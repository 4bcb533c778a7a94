//! `FourLetterWord`: the words that ZooKeeper knows.

/// A word of ZooKeeper's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FourLetterWord {
    /// Whether the process is up: `imok`.
    Ruok,
    /// Figures of the server.
    Srvr,
    /// The same, with the connections.
    Stat,
    /// Figures of the server for programs.
    Mntr,
    /// Version and machine.
    Envi,
    /// Whether the server is read-only: `rw`.
    Isro,
    /// Figures of each connection.
    Cons,
    /// How many watches there are.
    Wchs,
    /// A word that is refused as one that is not allowed is: `conf`, `crst`, `dirs`, `dump`, `gtmk`, `hash`, `srst`, `stmk`,
    /// `wchc` and `wchp`. They change what is counted, cost as much as there are sessions, or report what is no operator's
    /// business here.
    Refused(&'static str),
}

/// The words that are answered.
pub(super) const ANSWERED: [FourLetterWord; 8] = [
    FourLetterWord::Ruok,
    FourLetterWord::Srvr,
    FourLetterWord::Stat,
    FourLetterWord::Mntr,
    FourLetterWord::Envi,
    FourLetterWord::Isro,
    FourLetterWord::Cons,
    FourLetterWord::Wchs,
];

/// The words that are not.
const REFUSED: [&str; 10] = [
    "conf", "crst", "dirs", "dump", "gtmk", "hash", "srst", "stmk", "wchc", "wchp",
];

impl FourLetterWord {
    /// The word that a connection begins with, instead of the length of its first frame: each of them would be a length that
    /// is refused. What follows the word, such as the end of a line, is not read.
    pub(crate) fn parse(first: [u8; 4]) -> Option<Self> {
        let answered = ANSWERED.into_iter();
        answered
            .chain(REFUSED.into_iter().map(Self::Refused))
            .find(|word| word.name().as_bytes() == first)
    }

    /// The four letters.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ruok => "ruok",
            Self::Srvr => "srvr",
            Self::Stat => "stat",
            Self::Mntr => "mntr",
            Self::Envi => "envi",
            Self::Isro => "isro",
            Self::Cons => "cons",
            Self::Wchs => "wchs",
            Self::Refused(name) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::zookeeper::LONGEST_REQUEST;

    #[test]
    fn words_are_known_by_their_first_four_bytes_and_are_no_lengths() {
        let mut known = 0;
        for name in ANSWERED
            .map(FourLetterWord::name)
            .into_iter()
            .chain(REFUSED)
        {
            let first: [u8; 4] = name.as_bytes().try_into().unwrap();
            assert_eq!(FourLetterWord::parse(first).unwrap().name(), name);
            let length = usize::try_from(i32::from_be_bytes(first)).unwrap();
            assert!(length > LONGEST_REQUEST);
            known += 1;
        }
        // All that 3.9 knows but the mark of a closing telnet.
        assert_eq!(known, 18);
        for other in [*b"abcd", *b"RUOK", *b"\0\0\0\x2c", *b"sta\n"] {
            assert_eq!(FourLetterWord::parse(other), None);
        }
    }
}
