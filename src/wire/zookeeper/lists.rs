//! `ChildNames`, `EphemeralPrefix`, `EphemeralPaths`, `Identities`, `NodeCount`: records of operations that list or count.

use std::borrow::Cow;

use super::{JuteReader, JuteRecord, JuteWriter, Malformed};

/// The names of a node's children, in no order: the reply to `GetChildren`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChildNames(pub Vec<String>);

/// What the paths of `GetEphemerals` begin with, as text; null is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EphemeralPrefix(pub Option<String>);

impl EphemeralPrefix {
    /// Whether a path is asked for. The prefix is of the text and not of the tree: `/a` is one of `/ab`; null, spaces and `/`
    /// are of every path.
    pub fn matches(&self, path: &str) -> bool {
        match self.0.as_deref() {
            None => true,
            Some(prefix) => matches!(prefix.trim(), "" | "/") || path.starts_with(prefix),
        }
    }
}

/// The paths of a session's ephemeral nodes: the reply to `GetEphemerals`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EphemeralPaths(pub Vec<String>);

/// How many nodes are beneath a node: the reply to `GetAllChildrenNumber`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeCount(pub i32);

/// The scheme and the name of each identity of a client: the reply to `WhoAmI`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities(pub Vec<(String, String)>);

fn read_texts(from: &mut JuteReader<'_>) -> Result<Vec<String>, Malformed> {
    from.vector(|from| from.text().map(Cow::into_owned))
}

impl JuteRecord for ChildNames {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        read_texts(from).map(Self)
    }

    fn write(&self, to: &mut JuteWriter) {
        to.vector(&self.0, |to, name| to.text(name));
    }
}

impl JuteRecord for EphemeralPrefix {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(Self(from.nullable_text()?.map(Cow::into_owned)))
    }

    fn write(&self, to: &mut JuteWriter) {
        to.nullable_buffer(self.0.as_deref().map(str::as_bytes));
    }
}

impl JuteRecord for EphemeralPaths {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        read_texts(from).map(Self)
    }

    fn write(&self, to: &mut JuteWriter) {
        to.vector(&self.0, |to, path| to.text(path));
    }
}

impl JuteRecord for NodeCount {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        from.int().map(Self)
    }

    fn write(&self, to: &mut JuteWriter) {
        to.int(self.0);
    }
}

impl JuteRecord for Identities {
    fn read(from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        let one =
            |from: &mut JuteReader<'_>| Ok((from.text()?.into_owned(), from.text()?.into_owned()));
        from.vector(one).map(Self)
    }

    fn write(&self, to: &mut JuteWriter) {
        to.vector(&self.0, |to, (scheme, name)| {
            to.text(scheme);
            to.text(name);
        });
    }
}
