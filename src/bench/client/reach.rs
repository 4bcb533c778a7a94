//! An HTTP connection that is opened again, to the next server, after it was lost.

use std::sync::Arc;

use super::Failure;
use crate::bench::http::{HttpConnection, HttpRequest, HttpResponse};
use crate::bench::target::LoadTarget;

/// A connection to one of the servers of a target.
#[derive(Debug)]
pub(super) struct Reach {
    target: Arc<LoadTarget>,
    number: u64,
    /// How many connections were opened so far.
    opened: u64,
    connection: Option<HttpConnection>,
}

impl Reach {
    /// The connection of a number, not yet open; the numbers spread over the servers.
    pub(super) fn new(target: Arc<LoadTarget>, number: u64) -> Self {
        Self {
            target,
            number,
            opened: 0,
            connection: None,
        }
    }

    /// Sends a request; a lost connection is opened again by the next request, never by the same one: nobody knows whether
    /// the server performed it.
    pub(super) async fn send(
        &mut self,
        request: &HttpRequest<'_>,
    ) -> Result<HttpResponse, Failure> {
        let connection = self.connection().await?;
        connection.send(request).await
    }

    /// Sends a request and requires a status below 300.
    pub(super) async fn expect(
        &mut self,
        request: &HttpRequest<'_>,
    ) -> Result<HttpResponse, Failure> {
        let response = self.send(request).await?;
        if response.status < 300 {
            Ok(response)
        } else {
            Err(response.refusal())
        }
    }

    /// The open connection. One that the server closed since its last answer is replaced, as Go's clients do.
    pub(super) async fn connection(&mut self) -> Result<&mut HttpConnection, Failure> {
        let mut kept = self.connection.take();
        if kept.as_mut().is_some_and(HttpConnection::has_ended) {
            kept = None;
        }
        let connection = if let Some(connection) = kept {
            connection
        } else {
            let server = self.target.server(self.number, self.opened)?;
            self.opened = self.opened.wrapping_add(1);
            HttpConnection::open(&self.target, server, self.number).await?
        };
        Ok(self.connection.insert(connection))
    }
}
