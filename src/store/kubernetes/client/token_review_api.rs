//! `TokenReviewApi`: the API server's reviews of tokens.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::credentials::ApiCredentials;
use super::error::ApiError;
use super::exchange;
use crate::store::shared::metrics::StoreVerb;

/// The path of reviews, which have no namespace.
const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

/// The deadline of a review.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The API of reviews.
pub(crate) struct TokenReviewApi(ApiCredentials);

impl std::fmt::Debug for TokenReviewApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenReviewApi")
    }
}

impl TokenReviewApi {
    pub(crate) fn new(credentials: ApiCredentials) -> Self {
        Self(credentials)
    }

    /// Creates a review, which is stored nowhere; returns it with its status.
    pub(crate) async fn create(&self, review: Vec<u8>) -> Result<Bytes, ApiError> {
        let review = Bytes::from(review);
        let exchange = |client: Arc<kube::Client>| {
            exchange::complete(client, StoreVerb::Create, PATH, review.clone())
        };
        let answer = tokio::time::timeout(TIMEOUT, self.0.authenticated(exchange)).await;
        let answer = answer.unwrap_or_else(|_| {
            let none = format!("none within {} s", TIMEOUT.as_secs());
            Err(ApiError::Unknown(none))
        });
        answer.map(|(_, body)| body)
    }
}
