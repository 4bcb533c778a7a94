//! Nodes: `discovery.CreateEntries`, which fails at the first that is not `host:port`.

use crate::docker::record_fault::RecordFault;

/// Lists leave out what is empty, as while a session is bound to it.
pub(super) fn check(address: &str, value: &[u8]) -> Result<(), RecordFault> {
    if value.is_empty() {
        return Ok(());
    }
    let text = std::str::from_utf8(value).map_err(|_| RecordFault::NotANode)?;
    if !is_host_and_port(text) {
        return Err(RecordFault::NotANode);
    }
    if text == address {
        Ok(())
    } else {
        Err(RecordFault::OtherNode)
    }
}

/// The host of a node's address, if it has one.
pub(in crate::docker) fn node_host(address: &str) -> Option<&str> {
    let (host, _) = address.rsplit_once(':')?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    Some(bare.unwrap_or(host))
}

/// Whether Go's `net.SplitHostPort` takes it.
fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let inner = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']'),
        None => Some(host).filter(|host| !host.contains(':')),
    };
    let is_bare = |part: &str| !part.contains(['[', ']']);
    inner.is_some_and(is_bare) && is_bare(port)
}
