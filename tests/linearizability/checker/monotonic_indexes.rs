//! Indexes never fall: not the whole's, not a key's, not a prefix's.

use std::collections::BTreeMap;

use crate::history::{Changed, Position, Scope};

/// What of the indexes that answers told is wrong. An index may not be below any that was told before its request was
/// sent, nor below a change of what it is about that was acknowledged before.
pub fn faults(mut indexes: Vec<Position>, mut changed: Vec<Changed>) -> Vec<String> {
    let mut returned = indexes.clone();
    returned.sort_by_key(|index| index.returned);
    indexes.sort_by_key(|index| index.called);
    changed.sort_by_key(|change| change.returned);
    let (mut returned, mut changed) = (
        returned.into_iter().peekable(),
        changed.into_iter().peekable(),
    );
    let mut floors = BTreeMap::<Scope, u64>::new();
    let mut paths = BTreeMap::<String, u64>::new();
    let mut faults = Vec::new();
    for told in indexes {
        while let Some(earlier) = returned.next_if(|earlier| earlier.returned < told.called) {
            raise(floors.entry(earlier.scope).or_default(), earlier.index);
        }
        while let Some(change) = changed.next_if(|change| change.returned < told.called) {
            raise(floors.entry(Scope::Whole).or_default(), change.index);
            raise(paths.entry(change.path).or_default(), change.index);
        }
        let mut floor = floors.get(&told.scope).copied().unwrap_or(0);
        for (path, index) in &paths {
            let concerned = match &told.scope {
                Scope::Whole => false,
                Scope::Key(key) => path == key,
                Scope::Prefix(prefix) => path.starts_with(prefix),
            };
            if concerned {
                raise(&mut floor, *index);
            }
        }
        if told.index < floor {
            let Position { scope, index, .. } = told;
            faults.push(format!(
                "the index of {scope:?} fell from {floor} to {index}"
            ));
        }
    }
    faults
}

fn raise(floor: &mut u64, index: u64) {
    *floor = (*floor).max(index);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(called: u64, returned: u64, scope: Scope, index: u64) -> Position {
        Position {
            called,
            returned,
            scope,
            index,
        }
    }

    fn prefix() -> Scope {
        Scope::Prefix("a/".to_owned())
    }

    #[test]
    fn growing_and_side_by_side() {
        let indexes = vec![
            told(0, 5, Scope::Whole, 9),
            told(1, 2, Scope::Whole, 7),
            told(4, 8, Scope::Whole, 8),
            told(3, 4, prefix(), 2),
        ];
        let changed = Changed {
            returned: 4,
            path: "a/b".to_owned(),
            index: 3,
        };
        assert!(faults(indexes, vec![changed]).is_empty());
    }

    #[test]
    fn falling() {
        let whole = vec![told(0, 1, Scope::Whole, 9), told(2, 3, Scope::Whole, 8)];
        assert_eq!(faults(whole, Vec::new()).len(), 1);
        let key = Scope::Key("a/b".to_owned());
        let of_prefix = vec![
            told(0, 1, prefix(), 9),
            told(2, 3, prefix(), 8),
            told(2, 3, key.clone(), 8),
        ];
        assert_eq!(faults(of_prefix, Vec::new()).len(), 1);
        // Below a change that was acknowledged.
        let changed = Changed {
            returned: 1,
            path: "a/b".to_owned(),
            index: 9,
        };
        for scope in [Scope::Whole, prefix(), key] {
            let indexes = vec![told(2, 3, scope, 8)];
            assert_eq!(faults(indexes, vec![changed.clone()]).len(), 1);
        }
    }
}
