//! Memory of a connection: the bytes of the future that an `async fn` returns, for tests.

/// Of one whose parameters are given as a tuple.
pub(crate) fn of<A, F: Future>(_served: impl Fn(A) -> F) -> usize {
    size_of::<F>()
}
