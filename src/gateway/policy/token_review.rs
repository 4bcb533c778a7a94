//! Reviews of tokens by the API server of the cluster, begun beside a policy and renewed while the gateway runs.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;

use crate::gateway::error::Error;
use crate::guard::PolicyInForce;
use crate::guard::token_review::{NoReview, ReviewedBearer, TokenReviewer, TokenVerdict};
use crate::store::kubernetes::token_review::{ClusterTokenReview, ReviewedToken};

/// The pause between two looks at what is due: what waits with a token ends so much later than it.
const PAUSE: Duration = Duration::from_millis(500);

/// The API server, as the guard asks it.
#[derive(Debug)]
struct ClusterReviewer(ClusterTokenReview);

impl TokenReviewer for ClusterReviewer {
    fn review<'a>(
        &'a self,
        token: &'a str,
        audience: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<TokenVerdict, NoReview>> + Send + 'a>> {
        Box::pin(async move {
            let reviewed = self.0.review(token, audience).await.map_err(NoReview)?;
            let ReviewedToken {
                is_authenticated,
                username,
                groups,
                audiences,
                pod,
                credential,
            } = reviewed;
            if !is_authenticated {
                return Ok(TokenVerdict::Refused);
            }
            Ok(TokenVerdict::Accepted(ReviewedBearer {
                username,
                groups,
                audiences,
                pod,
                credential,
            }))
        })
    }
}

/// Begins to have the cluster's API server say whose tokens are that are for this audience. It is asked when a client shows one, so a
/// gateway starts without it.
///
/// # Errors
///
/// Where no cluster is configured.
pub(super) async fn begin(
    audience: String,
    in_force: &PolicyInForce,
    registry: &mut Registry,
) -> Result<(), Error> {
    let fatal = |why: String| Error::Fatal(format!("reviews of tokens: {why}"));
    let cluster = ClusterTokenReview::find().await;
    let cluster = cluster.map_err(|error| fatal(error.to_string()))?;
    tracing::info!(
        audience,
        "tokens of ServiceAccounts are reviewed by the cluster's API server"
    );
    let reviewer = Arc::new(ClusterReviewer(cluster));
    in_force
        .begin_token_review(reviewer, audience, registry)
        .map_err(fatal)
}

/// Renews tokens that requests wait with, without end.
#[expect(
    clippy::infinite_loop,
    reason = "its task is aborted when the gateway stops"
)]
pub(super) async fn follow(in_force: Arc<PolicyInForce>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        in_force.renew_tokens();
    }
}
