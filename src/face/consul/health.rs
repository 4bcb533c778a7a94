//! `/v1/health/...`: the one node is alive, else nobody would answer.

use super::ask::Ask;
use super::node;
use super::reply::{Answer, Reply};
use crate::face::go::json_write::{Object, push_array};

/// `/v1/health/node/NODE`
pub(super) async fn node(ask: &Ask<'_>) -> Answer {
    ask.unchanging().await?;
    if ask.rest.is_empty() {
        return Err(Reply::bad_request("Missing node name"));
    }
    ask.checks_if(node::is_ours(ask, &ask.rest_text()))
}

/// `/v1/health/state/STATE`
pub(super) async fn state(ask: &Ask<'_>) -> Answer {
    ask.unchanging().await?;
    if ask.rest.is_empty() {
        return Err(Reply::bad_request("Missing check state"));
    }
    let shown = matches!(ask.rest, b"any" | b"passing") && node::matches(ask);
    ask.checks_if(shown)
}

/// `/v1/health/checks/SERVICE`: the node has a check, its service has none.
pub(super) async fn checks(ask: &Ask<'_>) -> Answer {
    ask.unchanging().await?;
    if ask.rest.is_empty() {
        return Err(Reply::bad_request("Missing service name"));
    }
    ask.checks_if(false)
}

/// `/v1/health/service/SERVICE`
pub(super) async fn service(ask: &Ask<'_>) -> Answer {
    ask.unchanging().await?;
    if ask.rest.is_empty() {
        return Err(Reply::bad_request("Missing service name"));
    }
    let mut body = Vec::new();
    push_array(&mut body, ask.service_asked().then_some(ask), |out, ask| {
        Object::new(out)
            .with("Node", |out| node::push_node(ask, out))
            .with("Service", |out| node::push_service(ask, out))
            .with("Checks", |out| {
                push_array(out, [ask], |out, ask| node::push_check(ask, out));
            })
            .end();
    });
    ask.catalog_reply(body)
}

impl Ask<'_> {
    /// The one check there is, or none.
    fn checks_if(&self, shown: bool) -> Answer {
        let mut body = Vec::new();
        push_array(&mut body, shown.then_some(self), |out, ask| {
            node::push_check(ask, out);
        });
        self.catalog_reply(body)
    }
}
