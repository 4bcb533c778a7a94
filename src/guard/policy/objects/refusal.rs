//! `ObjectRefusal`: why an object of a policy cannot be used.

use std::fmt;

/// Why an object cannot be used. It follows from the objects that are there, so every gateway says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRefusal {
    /// The reason, for programs.
    pub reason: RefusalReason,
    /// What is wrong, and in which field, in one line.
    pub message: String,
}

/// The reason why an object cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// It is no policy.
    Invalid,
    /// A rule, role or quota has the name of one in an object whose name comes first.
    NameTaken,
    /// With the objects whose names come first there would be more than a policy may have.
    TooMuch,
}

impl RefusalReason {
    /// The reason, as conditions have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "Invalid",
            Self::NameTaken => "NameTaken",
            Self::TooMuch => "TooMuch",
        }
    }
}

impl fmt::Display for ObjectRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
