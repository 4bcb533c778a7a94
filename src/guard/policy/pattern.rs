//! Patterns of identities: whom a rule is about.

use super::template::Template;

/// The name of clients that prove nothing.
pub(super) const ANONYMOUS: &str = "anonymous";

/// Whom a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IdentityPattern {
    /// Clients that prove nothing.
    Anonymous,
    /// Everybody who is recognized.
    Recognized,
    /// The principal that this names, with the identity's own variables filled in.
    Named(Template),
}

impl IdentityPattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            ANONYMOUS => Ok(Self::Anonymous),
            "*" => Ok(Self::Recognized),
            _ => principal(text).map(Self::Named),
        }
    }

    /// As a policy writes it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Anonymous => ANONYMOUS.to_owned(),
            Self::Recognized => "*".to_owned(),
            Self::Named(template) => template.text(),
        }
    }
}

/// The template of a principal's name.
pub(super) fn principal(text: &str) -> Result<Template, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-@:/{}".contains(c);
    if text.is_empty() || text.len() > 256 || !text.chars().all(fits) {
        return Err(
            "a principal has 1 to 256 letters, digits and . _ - @ : / and variables in braces"
                .to_owned(),
        );
    }
    Template::parse(text)
}
