//! Token reviews: whose a token of a Kubernetes `ServiceAccount` is, as the API server of a cluster says.
//!
//! A token is asked about once, and again from time to time while a request with it waits or comes. What is remembered of it is a
//! hash, and until when the API server's answer counts.

mod account_name;
mod claims;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod known_tokens;
mod metrics;
mod review;
#[cfg(test)]
mod review_test;
mod reviewer;

pub(super) use known_tokens::{KnownTokens, ReviewState};
pub(super) use review::{TokenReviews, UnreviewedToken};
pub use reviewer::{NoReview, ReviewedBearer, TokenReviewer, TokenVerdict};
