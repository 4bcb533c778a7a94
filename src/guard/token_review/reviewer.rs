//! `TokenReviewer`: who says whose a token is.

use std::fmt;
use std::pin::Pin;

/// Says whose a token is: the API server of a cluster.
pub trait TokenReviewer: fmt::Debug + Send + Sync {
    /// Asks whose a token is, and whether it is good for an audience.
    ///
    /// # Errors
    ///
    /// Where there is no answer.
    fn review<'a>(
        &'a self,
        token: &'a str,
        audience: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<TokenVerdict, NoReview>> + Send + 'a>>;
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenVerdict {
    /// The token is nobody's, or not any more, or is not good for the audience.
    Refused,
    /// It is somebody's.
    Accepted(ReviewedBearer),
}

/// Whose a token is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewedBearer {
    /// The name of the user: `system:serviceaccount:NAMESPACE:NAME` of a `ServiceAccount`.
    pub username: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// Those of the audiences asked about that the token is good for. Empty where the API server knows nothing of audiences: then
    /// the token is one for the API server itself.
    pub audiences: Vec<String>,
    /// The pod that the token was made for.
    pub pod: Option<String>,
    /// The token's own name, which is no secret.
    pub credential: Option<String>,
}

/// Why there is no answer, in one line, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoReview(pub String);
