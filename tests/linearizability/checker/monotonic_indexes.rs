//! Monotonic indexes: the index of the store, of a key and of a prefix never decreases.

use std::collections::BTreeMap;

use crate::history::{AcknowledgedChange, IndexScope, ReportedIndex};

/// Violations among the indexes that answers reported. An index may not be below any index of its scope that was
/// reported before its request was sent, nor below any change in its scope that was acknowledged before.
pub fn violations(
    mut indexes: Vec<ReportedIndex>,
    mut changes: Vec<AcknowledgedChange>,
) -> Vec<String> {
    let mut returned = indexes.clone();
    returned.sort_by_key(|index| index.returned);
    indexes.sort_by_key(|index| index.called);
    changes.sort_by_key(|change| change.returned);
    let (mut returned, mut changes) = (
        returned.into_iter().peekable(),
        changes.into_iter().peekable(),
    );
    let mut floors = BTreeMap::<IndexScope, u64>::new();
    let mut paths = BTreeMap::<String, u64>::new();
    let mut violations = Vec::new();
    for reported in indexes {
        while let Some(earlier) = returned.next_if(|earlier| earlier.returned < reported.called) {
            raise(floors.entry(earlier.scope).or_default(), earlier.index);
        }
        while let Some(change) = changes.next_if(|change| change.returned < reported.called) {
            raise(floors.entry(IndexScope::Whole).or_default(), change.index);
            raise(paths.entry(change.path).or_default(), change.index);
        }
        let mut floor = floors.get(&reported.scope).copied().unwrap_or(0);
        for (path, index) in &paths {
            let in_scope = match &reported.scope {
                IndexScope::Whole => false,
                IndexScope::Key(key) => path == key,
                IndexScope::Prefix(prefix) => path.starts_with(prefix),
            };
            if in_scope {
                raise(&mut floor, *index);
            }
        }
        if reported.index < floor {
            let ReportedIndex { scope, index, .. } = reported;
            violations.push(format!(
                "monotonic indexes: the index of {scope:?} fell from {floor} to {index}"
            ));
        }
    }
    violations
}

fn raise(floor: &mut u64, index: u64) {
    *floor = (*floor).max(index);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(called: u64, returned: u64, scope: IndexScope, index: u64) -> ReportedIndex {
        ReportedIndex {
            called,
            returned,
            scope,
            index,
        }
    }

    fn prefix() -> IndexScope {
        IndexScope::Prefix("a/".to_owned())
    }

    #[test]
    fn growing_indexes_and_concurrent_answers_are_allowed() {
        let indexes = vec![
            report(0, 5, IndexScope::Whole, 9),
            report(1, 2, IndexScope::Whole, 7),
            report(4, 8, IndexScope::Whole, 8),
            report(3, 4, prefix(), 2),
        ];
        let changes = AcknowledgedChange {
            returned: 4,
            path: "a/b".to_owned(),
            index: 3,
        };
        assert!(violations(indexes, vec![changes]).is_empty());
    }

    #[test]
    fn decreasing_index_is_found() {
        let whole = vec![
            report(0, 1, IndexScope::Whole, 9),
            report(2, 3, IndexScope::Whole, 8),
        ];
        assert_eq!(violations(whole, Vec::new()).len(), 1);
        let key = IndexScope::Key("a/b".to_owned());
        let of_prefix = vec![
            report(0, 1, prefix(), 9),
            report(2, 3, prefix(), 8),
            report(2, 3, key.clone(), 8),
        ];
        assert_eq!(violations(of_prefix, Vec::new()).len(), 1);
        // Below an acknowledged change.
        let changes = AcknowledgedChange {
            returned: 1,
            path: "a/b".to_owned(),
            index: 9,
        };
        for scope in [IndexScope::Whole, prefix(), key] {
            let indexes = vec![report(2, 3, scope, 8)];
            assert_eq!(violations(indexes, vec![changes.clone()]).len(), 1);
        }
    }
}
