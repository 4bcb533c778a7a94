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

    /// The open connection.
    pub(super) async fn connection(&mut self) -> Result<&mut HttpConnection, Failure> {
        if self
            .connection
            .as_ref()
            .is_none_or(HttpConnection::is_closed)
        {
            self.connection = None;
            let count = u64::try_from(self.target.servers.len()).unwrap_or(1);
            let turn = self.number.wrapping_add(self.opened).checked_rem(count);
            self.opened = self.opened.wrapping_add(1);
            let turn = usize::try_from(turn.unwrap_or(0)).unwrap_or(0);
            let server = self.target.servers.get(turn);
            let server = server.ok_or_else(|| Failure::Connection("no server".to_owned()))?;
            let opened = HttpConnection::open(&self.target, server, self.number).await?;
            return Ok(self.connection.insert(opened));
        }
        self.connection
            .as_mut()
            .ok_or_else(|| Failure::Connection("closed".to_owned()))
    }
}
