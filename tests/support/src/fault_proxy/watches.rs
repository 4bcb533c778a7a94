//! Watch streams through the proxy, and their faults.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::sync::mpsc;

use super::State;

/// The time between two bookmarks of a watch that delivers nothing else.
const BOOKMARK: Duration = Duration::from_millis(200);

/// The events that open watches deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watches {
    /// Everything.
    Delivered,
    /// Nothing, until they deliver everything again: as an API server that is cut off from etcd.
    Silent,
    /// Nothing but bookmarks of the last version delivered: as an API server that lags for long.
    Bookmarks,
    /// Everything but events with this in them.
    Lose(String),
}

/// Forwards a watch, with the fault in force.
pub(super) async fn deliver(
    state: Arc<State>,
    mut body: Body,
    to: mpsc::Sender<io::Result<Bytes>>,
) {
    let number = {
        let mut opened = state.opened.lock();
        *opened += 1;
        *opened
    };
    let (mut watches, mut frozen) = (state.watches.subscribe(), state.frozen.subscribe());
    let mut last = String::from("0");
    let mut rest = BytesMut::new();
    loop {
        let how = watches.borrow_and_update().clone();
        if *frozen.borrow_and_update() >= number {
            to.closed().await;
            return;
        }
        if matches!(how, Watches::Silent | Watches::Bookmarks) {
            tokio::select! {
                () = to.closed() => return,
                _changed = watches.changed() => {}
                _changed = frozen.changed() => {}
                () = tokio::time::sleep(BOOKMARK), if how == Watches::Bookmarks => {
                    if to.send(Ok(bookmark(&last))).await.is_err() {
                        return;
                    }
                }
            }
            continue;
        }
        if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = rest.split_to(end + 1).freeze();
            let text = String::from_utf8_lossy(&line);
            if let Some(version) = version(&text) {
                last = version;
            }
            let lost = matches!(&how, Watches::Lose(part) if text.contains(part));
            if !lost && to.send(Ok(line)).await.is_err() {
                return;
            }
            continue;
        }
        tokio::select! {
            () = to.closed() => return,
            _changed = watches.changed() => {}
            _changed = frozen.changed() => {}
            frame = body.frame() => match frame {
                Some(Ok(frame)) => rest.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Some(Err(_)) | None => return,
            },
        }
    }
}

fn version(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(
        line["object"]["metadata"]["resourceVersion"]
            .as_str()?
            .to_owned(),
    )
}

fn bookmark(version: &str) -> Bytes {
    let object = serde_json::json!({
        "kind": "Entry", "apiVersion": "kubekv.io/v1", "metadata": {"resourceVersion": version},
    });
    let line = serde_json::json!({"type": "BOOKMARK", "object": object});
    format!("{line}\n").into()
}
