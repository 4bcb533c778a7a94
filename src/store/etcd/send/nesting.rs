//! Nesting of transactions, for more operations than one list of etcd's takes.
//!
//! A list of compares or of operations has 128 at most (`--max-txn-ops`), but an operation may be a transaction of its own,
//! whose lists are as long as what the outer one's left. So operations are spread over nested transactions, which compare
//! nothing. Compares cannot be spread: those of a nested transaction decide about its own operations only.

use etcd_client::{Txn, TxnOp};

/// The longest list of compares or operations.
pub(super) const MAX_LIST: usize = 128;

/// How many compares a transaction may have beside so many operations; `None` where these are too many.
pub(super) fn compares_beside(operations: usize) -> Option<usize> {
    (MAX_LIST / 2..MAX_LIST)
        .rev()
        .find(|lists| lists * (MAX_LIST - lists) >= operations)
}

/// The operations as they are where one list takes them, else spread over nested transactions.
pub(super) fn nest(compares: usize, operations: Vec<TxnOp>) -> Vec<TxnOp> {
    if operations.len() <= MAX_LIST {
        return operations;
    }
    // As long a list as can be, where there are as many of them as compares or more.
    let lists = compares.max(1)..MAX_LIST;
    let fits = |lists: &usize| lists * (MAX_LIST - lists) >= operations.len();
    let length = MAX_LIST - lists.clone().find(fits).unwrap_or(MAX_LIST / 2);
    let mut nested = Vec::new();
    let mut left = operations.into_iter().peekable();
    while left.peek().is_some() {
        let list: Vec<_> = left.by_ref().take(length).collect();
        nested.push(TxnOp::txn(Txn::new().and_then(list)));
    }
    nested
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_lists_are_no_longer_than_the_outer_list_leaves() {
        for compares in 0..MAX_LIST {
            for operations in [1, MAX_LIST, MAX_LIST + 1, 500, 1_000, 4_096] {
                let allowed = compares_beside(operations);
                if allowed.is_none_or(|allowed| allowed < compares) && operations > MAX_LIST {
                    continue;
                }
                let all = (0..operations).map(|at| TxnOp::put(at.to_string(), "", None));
                let nested = nest(compares, all.collect());
                assert!(nested.len() <= MAX_LIST, "{compares} {operations}");
                if operations > MAX_LIST {
                    let left = MAX_LIST - compares.max(nested.len());
                    assert!(nested.len() * left >= operations, "{compares} {operations}");
                }
            }
        }
        assert_eq!(compares_beside(4_096), Some(64));
        assert_eq!(compares_beside(4_097), None);
    }
}
