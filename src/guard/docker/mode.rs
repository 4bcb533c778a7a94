//! `DockerGuardMode`: what is done with what the Docker guard finds.

/// What is done with what the Docker guard finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DockerGuardMode {
    /// It is logged and counted.
    Warn,
    /// Changes are refused, and bad records kept from clients.
    Enforce,
}

impl DockerGuardMode {
    /// Its name, as in options and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }
}
