//! `/v1/catalog/...`: one datacenter with one node, which does not change while a keyspace is open. Its index is the
//! revision the keyspace was opened at: no write of a key moves it, and a restart or another leader never lowers it.

use super::ask::Ask;
use super::node;
use super::options::Options;
use super::reply::{Answer, Reply};
use crate::face::go::json_write::{Object, push_array, push_strings};

/// `/v1/catalog/datacenters`
pub(super) fn datacenters(ask: &Ask<'_>) -> Answer {
    Options::parse(ask)?;
    let mut body = Vec::new();
    push_strings(&mut body, [&ask.face.datacenter]);
    Ok(Reply::json(body))
}

/// `/v1/catalog/nodes`
pub(super) async fn nodes(ask: &Ask<'_>) -> Answer {
    // Nodes are in no namespace: Consul does not look for one here.
    ask.unchanged().await?;
    let mut body = Vec::new();
    let shown = node::matches(ask);
    push_array(&mut body, shown.then_some(ask), |out, ask| {
        node::push_node(ask, out);
    });
    ask.catalog_reply(body)
}

/// `/v1/catalog/node/NODE`
pub(super) async fn node(ask: &Ask<'_>) -> Answer {
    let name = ask.rest_text();
    ask.unchanging().await?;
    if name.is_empty() {
        return Err(Reply::bad_request("Missing node name"));
    }
    if !node::is_ours(ask, &name) {
        return ask.catalog_reply(b"null".to_vec());
    }
    let mut body = Vec::new();
    Object::new(&mut body)
        .with("Node", |out| node::push_node(ask, out))
        .with("Services", |out| {
            Object::new(out)
                .with(node::SERVICE, |out| node::push_service(ask, out))
                .end();
        })
        .end();
    ask.catalog_reply(body)
}

/// `/v1/catalog/services`
pub(super) async fn services(ask: &Ask<'_>) -> Answer {
    ask.unchanging().await?;
    let mut body = Vec::new();
    let shown = node::matches(ask);
    let object = Object::new(&mut body);
    if shown {
        object.json(node::SERVICE, b"[]").end();
    } else {
        object.end();
    }
    ask.catalog_reply(body)
}

/// `/v1/catalog/service/SERVICE`
pub(super) async fn service(ask: &Ask<'_>) -> Answer {
    ask.unchanging().await?;
    if ask.rest.is_empty() {
        return Err(Reply::bad_request("Missing service name"));
    }
    let mut body = Vec::new();
    push_array(&mut body, ask.service_asked().then_some(ask), |out, ask| {
        node::push_catalog_service(ask, out);
    });
    ask.catalog_reply(body)
}

impl Ask<'_> {
    /// Refuses filters, which are an expression language of their own.
    pub(super) fn no_filter(&self) -> Result<(), Reply> {
        if self.query.get("filter").is_empty() {
            return Ok(());
        }
        Err(Reply::bad_request("filter is not implemented by kubekv"))
    }

    /// What a read of the catalog begins with, where it can be in a namespace.
    pub(super) async fn unchanging(&self) -> Result<(), Reply> {
        self.no_namespace()?;
        self.unchanged().await
    }

    /// What every read of the catalog begins with. With an index it waits for a change that does not come.
    async fn unchanged(&self) -> Result<(), Reply> {
        let options = Options::parse(self)?;
        self.no_filter()?;
        self.this_datacenter().map_err(Reply::leaderless)?;
        self.face
            .changed(&self.caller, options, Vec::new(), |_| self.catalog_index)
            .await;
        Ok(())
    }

    /// Whether the service asked for is the one there is, by name, tag and metadata: it has no tags.
    pub(super) fn service_asked(&self) -> bool {
        self.rest.eq_ignore_ascii_case(node::SERVICE.as_bytes())
            && !self.query.has("tag")
            && node::matches(self)
    }

    /// An answer about the catalog.
    pub(super) fn catalog_reply(&self, body: Vec<u8>) -> Answer {
        let options = Options::parse(self)?;
        Ok(Reply::json(body)
            .at(self.catalog_index)
            .consistency(options.consistency))
    }
}
