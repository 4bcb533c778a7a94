//! `Identity`: who a client is, as a policy sees it.

use super::variables::Variables;
use crate::model::Principal;

/// Who a client is, and what proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whom rules are about, and who owns sessions.
    pub principal: Principal,
    /// What the proof fills in.
    pub variables: Variables,
    /// What proved it, for the audit log: `anonymous`, `certificate sha256:... of CN=nodes`, `token ACCESSOR of NAME`.
    pub proof: String,
    /// Why what it proved names nobody, in one line. It has no rights then, not even those of anonymous clients.
    pub refused: Option<String>,
}
