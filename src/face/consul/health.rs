//! `/v1/health/...`: the one node is alive, else nobody would answer.

use super::gateway_node;
use super::json_writer::{Object, push_array};
use super::reply::{Answer, Reply};
use super::request::Ask;

/// `/v1/health/node/NODE`
pub(super) async fn node(ask: &Ask<'_>) -> Answer {
    ask.unchanging().await?;
    if ask.rest.is_empty() {
        return Err(Reply::bad_request("Missing node name"));
    }
    ask.checks_if(gateway_node::is_ours(ask, &ask.rest_text()))
}

/// `/v1/health/state/STATE`
pub(super) async fn state(ask: &Ask<'_>) -> Answer {
    ask.unchanging().await?;
    if ask.rest.is_empty() {
        return Err(Reply::bad_request("Missing check state"));
    }
    let shown = matches!(ask.rest, b"any" | b"passing") && gateway_node::matches(ask);
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
            .with("Node", |out| gateway_node::push_node(ask, out))
            .with("Service", |out| gateway_node::push_service(ask, out))
            .with("Checks", |out| {
                push_array(out, [ask], |out, ask| gateway_node::push_check(ask, out));
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
            gateway_node::push_check(ask, out);
        });
        self.catalog_reply(body)
    }
}
