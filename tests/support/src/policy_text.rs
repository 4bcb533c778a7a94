//! `PolicyText`: the text of a policy, a table at a time.

use std::fmt::{self, Display};

/// The tables of a policy.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct PolicyText(String);

impl PolicyText {
    /// The text that an authority says of a field, and whose principal that is.
    pub fn identity(self, authority: &str, field: &str, name: &str, principal: &str) -> Self {
        self.with(&format!(
            "[[identity]]\nauthority = \"{authority}\"\nfield = \"{field}\"\nname = \"{name}\"\nprincipal = \"{principal}\"\n"
        ))
    }

    /// A rule about these principals, with the rest of its table.
    pub fn rule(self, name: &str, principals: &str, rest: &str) -> Self {
        self.with(&format!(
            "[[rule]]\nname = \"{name}\"\nidentities = [\"{principals}\"]\n{rest}\n"
        ))
    }

    /// A rule that gives these principals a role.
    pub fn role(self, name: &str, principals: &str, role: &str) -> Self {
        self.rule(name, principals, &format!("role = \"{role}\""))
    }

    /// The same with tables that are written already.
    pub fn with(self, tables: &str) -> Self {
        Self(format!("{}\n{tables}", self.0))
    }
}

impl Display for PolicyText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
