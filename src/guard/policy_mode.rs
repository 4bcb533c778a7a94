//! `PolicyMode`: what is done with what a policy refuses.

/// What is done with what a policy refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyMode {
    /// It is answered as without a policy, and logged and counted.
    Warn,
    /// It is refused.
    Enforce,
}

impl PolicyMode {
    /// Its name, as in options and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }
}
