//! JSON of nodes and events, with etcd's order of fields and Go's escapes.

use super::event::NodeEvent;
use super::event_node::{EventNode, NodeContent, dir_index};
use crate::face::go::push_json_string;
use crate::model::{Deadline, Entry, time};
use crate::space::Keyspace;
use crate::space::tree::{Node, Tree};

/// The time that a read shows: the moment, and what knows the deadlines.
pub(super) struct TimeShown<'a> {
    /// Knows when entries end that renewals keep alive.
    pub(super) space: &'a Keyspace,
    /// Now, in milliseconds since 1970.
    pub(super) now_ms: i64,
}

impl<'a> TimeShown<'a> {
    /// The present.
    pub(super) fn now(space: &'a Keyspace) -> Self {
        let now_ms = time::unix_ms();
        Self { space, now_ms }
    }
}

/// Appends an event and a newline.
pub(super) fn push_event(out: &mut Vec<u8>, event: &NodeEvent) {
    out.extend_from_slice(br#"{"action":""#);
    out.extend_from_slice(event.action.as_bytes());
    out.extend_from_slice(br#"","node":"#);
    push_node(out, &event.node);
    if let Some(prev) = &event.prev {
        out.extend_from_slice(br#","prevNode":"#);
        push_node(out, prev);
    }
    out.extend_from_slice(b"}\n");
}

/// An event as a line.
pub(super) fn encode_event(event: &NodeEvent) -> Vec<u8> {
    let mut line = Vec::with_capacity(256);
    push_event(&mut line, event);
    line
}

fn push_node(out: &mut Vec<u8>, node: &EventNode) {
    let mut fields = NodeFields::begin(out, &node.path);
    match &node.content {
        NodeContent::File(value) => fields.value(value),
        NodeContent::Dir | NodeContent::Gone { was_dir: true } => fields.dir(),
        NodeContent::Gone { was_dir: false } => {}
    }
    fields.deadline(node.deadline, node.as_of_ms);
    fields.end(node.modified, node.created);
}

/// Appends the answer to a read: the tree's root at `path`, with its children, and all beneath where `recursive`.
/// Hidden nodes, whose names begin with `_`, are left out, except for the root.
pub(super) fn push_get(
    out: &mut Vec<u8>,
    path: &str,
    tree: &Tree,
    recursive: bool,
    time: &TimeShown<'_>,
) {
    out.extend_from_slice(br#"{"action":"get","node":"#);
    let depth = if recursive { usize::MAX } else { 1 };
    let mut path = path.to_owned();
    push_tree(out, &mut path, tree, depth, time);
    out.extend_from_slice(b"}\n");
}

fn push_tree(
    out: &mut Vec<u8>,
    path: &mut String,
    tree: &Tree,
    depth: usize,
    time: &TimeShown<'_>,
) {
    let mut fields = NodeFields::begin(out, path);
    match &tree.node {
        Node::Absent => fields.end(0, 0),
        Node::File { key, entry } => {
            fields.value(entry.value());
            let stored = entry.attrs().deadline;
            let deadline = stored.map(|stored| time.space.deadline(key, stored));
            fields.deadline(deadline, time.now_ms);
            fields.end(entry.index(), entry.placed());
        }
        Node::Dir { mark, first } => {
            let mark: Option<&Entry> = mark.as_ref().map(|(_, entry)| entry.as_ref());
            fields.dir();
            fields.deadline(mark.and_then(|mark| mark.attrs().deadline), time.now_ms);
            if depth > 0 {
                push_children(&mut fields, path, tree, depth - 1, time);
            }
            // etcd's root has no indexes.
            let index = if path.is_empty() {
                0
            } else {
                dir_index(mark, first.as_deref())
            };
            fields.end(index, index);
        }
    }
}

fn push_children(
    fields: &mut NodeFields<'_>,
    path: &mut String,
    tree: &Tree,
    depth: usize,
    time: &TimeShown<'_>,
) {
    let shown = tree
        .children
        .iter()
        .filter(|(name, _)| !name.starts_with('_'));
    let mut any = false;
    for (name, child) in shown {
        if any {
            fields.out.push(b',');
        } else {
            fields.name("nodes");
            fields.out.push(b'[');
            any = true;
        }
        let length = path.len();
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
        push_tree(fields.out, path, child, depth, time);
        path.truncate(length);
    }
    if any {
        fields.out.push(b']');
    }
}

/// A node that is being written, field by field.
struct NodeFields<'a> {
    out: &'a mut Vec<u8>,
    any: bool,
}

impl<'a> NodeFields<'a> {
    fn begin(out: &'a mut Vec<u8>, path: &str) -> Self {
        out.push(b'{');
        let mut fields = Self { out, any: false };
        // etcd's root has no key.
        if !path.is_empty() {
            fields.name("key");
            push_path(fields.out, path);
        }
        fields
    }

    fn name(&mut self, name: &str) {
        if self.any {
            self.out.push(b',');
        }
        self.any = true;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn value(&mut self, value: &[u8]) {
        self.name("value");
        push_json_string(self.out, value);
    }

    fn dir(&mut self) {
        self.name("dir");
        self.out.extend_from_slice(b"true");
    }

    fn deadline(&mut self, deadline: Option<Deadline>, as_of_ms: i64) {
        let Some(deadline) = deadline else {
            return;
        };
        self.name("expiration");
        let end = jiff::Timestamp::from_millisecond(deadline.at_ms).unwrap_or(jiff::Timestamp::MAX);
        self.out.extend_from_slice(format!("\"{end}\"").as_bytes());
        let left = deadline.at_ms.saturating_sub(as_of_ms);
        // Rounded up; 0 is left out.
        let seconds = left.saturating_add(999) / 1_000;
        if seconds > 0 {
            self.name("ttl");
            self.out.extend_from_slice(seconds.to_string().as_bytes());
        }
    }

    fn end(mut self, modified: u64, created: u64) {
        for (name, index) in [("modifiedIndex", modified), ("createdIndex", created)] {
            if index > 0 {
                self.name(name);
                self.out.extend_from_slice(index.to_string().as_bytes());
            }
        }
        self.out.push(b'}');
    }
}

/// Appends a path with its leading slash.
fn push_path(out: &mut Vec<u8>, path: &str) {
    let at = out.len();
    push_json_string(out, path.as_bytes());
    // After the opening quote.
    out.insert(at + 1, b'/');
}
