//! `ClusterTokenReview`: whose a token is, as the API server of a cluster says.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::json;

use super::client::credentials::ApiCredentials;
use super::client::error::ApiError;
use super::client::token_review_api::TokenReviewApi;
use super::{cluster, failed};
use crate::store::StoreError;

/// What to do where the gateway may not ask.
const GRANT: &str =
    "grant it create on tokenreviews.authentication.k8s.io (manifests/components/token-review)";

/// The names of a token's pod and of the token itself, in what the API server says besides.
const POD: &str = "authentication.kubernetes.io/pod-name";
const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";

/// Reviews of tokens by the cluster that `KUBECONFIG` or `~/.kube/config` names, or the one that this pod runs in.
#[derive(Debug)]
pub(crate) struct ClusterTokenReview(TokenReviewApi);

/// What the API server says of a token.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ReviewedToken {
    /// Whether it knows whose the token is, and that it is good for one of the audiences.
    pub(crate) is_authenticated: bool,
    /// Whose it is.
    pub(crate) username: String,
    pub(crate) groups: Vec<String>,
    /// Those of the audiences that it is good for. Empty where the API server knows nothing of audiences.
    pub(crate) audiences: Vec<String>,
    /// The pod that it was made for.
    pub(crate) pod: Option<String>,
    /// The token's own name.
    pub(crate) credential: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReviewBody {
    status: ReviewStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReviewStatus {
    authenticated: bool,
    user: ReviewedUser,
    audiences: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReviewedUser {
    username: String,
    groups: Vec<String>,
    extra: HashMap<String, Vec<String>>,
}

impl ClusterTokenReview {
    /// Finds the cluster. Nothing is asked of it yet.
    pub(crate) async fn find() -> Result<Self, StoreError> {
        let config = cluster().await?;
        let credentials = ApiCredentials::new(config).map_err(|error| failed(&error))?;
        Ok(Self(TokenReviewApi::new(credentials)))
    }

    /// Asks whose a token is, and whether it is good for this audience. Fails where there is no answer; why, in one line.
    pub(crate) async fn review(
        &self,
        token: &str,
        audience: &str,
    ) -> Result<ReviewedToken, String> {
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        });
        let answer = self.0.create(review.to_string().into_bytes()).await;
        let answer = answer.map_err(|error| reason(&error))?;
        read(&answer)
    }
}

/// Never with a part of the answer, which may repeat the token.
fn read(answer: &[u8]) -> Result<ReviewedToken, String> {
    let review: ReviewBody = serde_json::from_slice(answer)
        .map_err(|_| "the answer of the API server is no TokenReview".to_owned())?;
    let ReviewStatus {
        authenticated,
        user,
        audiences,
    } = review.status;
    let ReviewedUser {
        username,
        groups,
        mut extra,
    } = user;
    // Of several, none is meant.
    let mut only = |name: &str| {
        let values = extra.remove(name).unwrap_or_default();
        <[String; 1]>::try_from(values).ok().map(|[only]| only)
    };
    Ok(ReviewedToken {
        is_authenticated: authenticated,
        pod: only(POD),
        credential: only(CREDENTIAL),
        username,
        groups,
        audiences,
    })
}

/// Why there is no answer. Never with the body of one: what is between may have put the token there.
fn reason(error: &ApiError) -> String {
    match error.status() {
        None => error.to_string(),
        Some(401) => {
            "the API server does not accept the gateway's own credentials (401)".to_owned()
        }
        Some(403) => format!("the gateway may not ask the API server (403): {GRANT}"),
        Some(status) => format!("the API server answers {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_is_read_as_the_api_server_writes_it() {
        let answer = json!({"kind": "TokenReview", "spec": {"token": "x"}, "status": {
            "authenticated": true, "audiences": ["kubekv"],
            "user": {"username": "system:serviceaccount:shop:cart", "uid": "u",
                "groups": ["system:serviceaccounts", "system:authenticated"],
                "extra": {POD: ["cart-0"], CREDENTIAL: ["JTI=7"], "authentication.kubernetes.io/node-name": ["n"]}}}});
        let review = read(answer.to_string().as_bytes()).unwrap();
        assert!(review.is_authenticated);
        assert_eq!(review.username, "system:serviceaccount:shop:cart");
        assert_eq!(review.audiences, ["kubekv"]);
        assert_eq!(review.groups.len(), 2);
        assert_eq!(review.pod.as_deref(), Some("cart-0"));
        assert_eq!(review.credential.as_deref(), Some("JTI=7"));
    }

    #[test]
    fn what_is_not_said_is_not_there() {
        let status = |status: &serde_json::Value| {
            read(json!({"status": status}).to_string().as_bytes()).unwrap()
        };
        assert_eq!(status(&json!({})), ReviewedToken::default());
        let refused = json!({"user": {}, "error": "[invalid bearer token, token has expired]"});
        assert_eq!(status(&refused), ReviewedToken::default());
        let two = json!({"authenticated": true, "user": {"extra": {POD: ["a", "b"]}}});
        assert_eq!(status(&two).pod, None);
        assert_eq!(read(b"{}").unwrap(), ReviewedToken::default());
        let error = read(b"not JSON: eyJ").unwrap_err();
        assert!(!error.contains("eyJ"), "{error}");
    }
}
