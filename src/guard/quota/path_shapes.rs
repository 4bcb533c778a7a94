//! `PathShapes`: the paths beneath which is counted what there is.

use std::collections::{BTreeSet, HashMap};

/// The form of a path: segments, of which some may be anything, because who fills them in is not known yet.
pub(crate) type PathShape = Vec<ShapeSegment>;

/// A segment of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ShapeSegment {
    Literal(String),
    Any,
}

/// The paths beneath which is counted what there is: those that have one of these forms. The empty path is everything.
#[derive(Clone, Debug)]
pub(crate) struct PathShapes {
    shapes: BTreeSet<PathShape>,
    /// The segments as a tree; the first is the root.
    nodes: Vec<ShapeNode>,
}

#[derive(Clone, Debug, Default)]
struct ShapeNode {
    is_counted: bool,
    literal: HashMap<Box<[u8]>, usize>,
    any: Option<usize>,
}

/// Room for a walk along a key.
#[derive(Debug, Default)]
pub(super) struct ShapeWalk {
    here: Vec<usize>,
    next: Vec<usize>,
}

impl Default for PathShapes {
    fn default() -> Self {
        Self::of([])
    }
}

impl PathShapes {
    pub(crate) fn of(shapes: impl IntoIterator<Item = PathShape>) -> Self {
        let shapes: BTreeSet<_> = shapes.into_iter().collect();
        let mut nodes = vec![ShapeNode::default()];
        for shape in &shapes {
            let mut at = 0;
            for segment in shape {
                at = step(&mut nodes, at, segment);
            }
            if let Some(node) = nodes.get_mut(at) {
                node.is_counted = true;
            }
        }
        Self { shapes, nodes }
    }

    /// These, and others.
    pub(super) fn and(&self, others: &Self) -> Self {
        Self::of(self.shapes.union(&others.shapes).cloned())
    }

    /// Whether the others are all among these.
    pub(super) fn contains(&self, others: &Self) -> bool {
        others.shapes.is_subset(&self.shapes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// Visits each counted path that a key is beneath, the shortest first. Costs as much as the key is long, and for each
    /// segment as many steps as there are forms that have come so far.
    pub(super) fn each_path(
        &self,
        key: &[u8],
        ShapeWalk { here, next }: &mut ShapeWalk,
        mut visit: impl FnMut(&[u8]),
    ) {
        here.clear();
        here.push(0);
        if self.is_counted(here) {
            visit(&[]);
        }
        let mut end = 0;
        for segment in key.split(|byte| *byte == b'/') {
            // No form has an empty segment: beneath it, and behind a slash at the end, there is no other path.
            if segment.is_empty() {
                return;
            }
            next.clear();
            for node in here.iter().filter_map(|at| self.nodes.get(*at)) {
                next.extend(node.literal.get(segment));
                next.extend(node.any);
            }
            std::mem::swap(here, next);
            if here.is_empty() {
                return;
            }
            end += segment.len();
            if self.is_counted(here)
                && let Some(path) = key.get(..end)
            {
                visit(path);
            }
            end += 1;
        }
    }

    /// Whether a path is counted.
    pub(super) fn has(&self, path: &[u8], walk: &mut ShapeWalk) -> bool {
        let mut found = false;
        self.each_path(path, walk, |counted| found |= counted == path);
        found
    }

    fn is_counted(&self, places: &[usize]) -> bool {
        let mut nodes = places.iter().filter_map(|at| self.nodes.get(*at));
        nodes.any(|node| node.is_counted)
    }
}

/// The node of a segment beneath another one, made where there is none.
fn step(nodes: &mut Vec<ShapeNode>, at: usize, segment: &ShapeSegment) -> usize {
    let new = nodes.len();
    let Some(node) = nodes.get_mut(at) else {
        return at;
    };
    let next = match segment {
        ShapeSegment::Literal(text) => *node.literal.entry(text.as_bytes().into()).or_insert(new),
        ShapeSegment::Any => *node.any.get_or_insert(new),
    };
    if next == new {
        nodes.push(ShapeNode::default());
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> PathShape {
        let segments = text.split('/').filter(|segment| !segment.is_empty());
        let segment = |segment: &str| match segment {
            "*" => ShapeSegment::Any,
            literal => ShapeSegment::Literal(literal.to_owned()),
        };
        segments.map(segment).collect()
    }

    fn paths(shapes: &PathShapes, key: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        shapes.each_path(key, &mut ShapeWalk::default(), |path| {
            found.push(String::from_utf8_lossy(path).into_owned());
        });
        found
    }

    #[test]
    fn a_key_is_beneath_each_path_of_a_counted_form_once() {
        let shapes = PathShapes::of(["", "a", "a/*", "a/b", "*/b/c"].map(shape));
        for (key, expected) in [
            (&b""[..], &[""][..]),
            (b"a", &["", "a"]),
            (b"a/", &["", "a"]),
            (b"ab", &[""]),
            (b"a/b", &["", "a", "a/b"]),
            (b"a/b/c/d", &["", "a", "a/b", "a/b/c"]),
            (b"x/b/c/", &["", "x/b/c"]),
            // As Consul's keys may be: beneath `a`, and no node.
            (b"a//b", &["", "a"]),
            (b"/a", &[""]),
            (b"\xff/b/c", &["", "\u{fffd}/b/c"]),
        ] {
            assert_eq!(paths(&shapes, key), expected, "{}", key.escape_ascii());
        }
        assert!(paths(&PathShapes::default(), b"a").is_empty());
    }

    #[test]
    fn forms_are_compared_as_sets() {
        let [one, other] = [&["a", "b/*"][..], &["b/*", "c"]]
            .map(|texts| PathShapes::of(texts.iter().map(|text| shape(text))));
        let both = one.and(&other);
        assert!(both.contains(&one) && both.contains(&other) && !one.contains(&both));
        let mut walk = ShapeWalk::default();
        assert!(both.has(b"b/x", &mut walk) && !both.has(b"b", &mut walk));
        assert!(!both.has(b"a/", &mut walk));
    }
}
