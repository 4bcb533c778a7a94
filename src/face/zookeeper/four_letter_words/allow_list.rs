//! `AllowList`: the four-letter words that are answered.

use std::str::FromStr;

use super::word::{ANSWERED, FourLetterWord};

/// The words that the operator allows; `srvr` always, which ZooKeeper's own scripts need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList(Vec<FourLetterWord>);

/// A word of an allow-list that is never answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no four-letter word that is answered: those are {all}, or * for all", all = names())]
pub struct UnknownWord(String);

fn names() -> String {
    ANSWERED.map(FourLetterWord::name).join(", ")
}

impl AllowList {
    /// Whether a word is answered.
    pub(crate) fn allows(&self, word: FourLetterWord) -> bool {
        self.0.contains(&word)
    }
}

impl Default for AllowList {
    fn default() -> Self {
        Self(vec![FourLetterWord::Srvr])
    }
}

/// Words with commas between them, as in ZooKeeper's `4lw.commands.whitelist`; `*` is all.
impl FromStr for AllowList {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let mut list = Self::default();
        let names = text.split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty()) {
            if name == "*" {
                list.0 = ANSWERED.to_vec();
                continue;
            }
            let word = ANSWERED.into_iter().find(|word| word.name() == name);
            let word = word.ok_or_else(|| UnknownWord(name.to_owned()))?;
            if !list.allows(word) {
                list.0.push(word);
            }
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> Vec<&'static str> {
        let list: AllowList = text.parse().unwrap();
        let words = ANSWERED.into_iter().filter(|word| list.allows(*word));
        words.map(FourLetterWord::name).collect()
    }

    #[test]
    fn srvr_is_always_allowed_and_others_by_name() {
        assert_eq!(AllowList::default(), "".parse().unwrap());
        assert_eq!(allowed(""), ["srvr"]);
        assert_eq!(allowed(" stat, mntr ,"), ["srvr", "stat", "mntr"]);
        assert_eq!(allowed("ruok,ruok"), ["ruok", "srvr"]);
        assert_eq!(allowed("*"), ANSWERED.map(FourLetterWord::name));
        assert_eq!(allowed("stat,*"), ANSWERED.map(FourLetterWord::name));
        assert!(!AllowList::default().allows(FourLetterWord::Refused("dump")));
    }

    #[test]
    fn words_that_are_never_answered_are_refused_by_name() {
        for text in ["dump", "srvr,wchc", "SRVR", "nope"] {
            let refused = text.parse::<AllowList>().unwrap_err();
            let name = text.rsplit(',').next().unwrap();
            assert_eq!(refused, UnknownWord(name.to_owned()));
            let said = refused.to_string();
            assert!(said.contains(name) && said.contains("srvr, stat"), "{said}");
        }
    }
}
