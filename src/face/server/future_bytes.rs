//! Memory of a connection: the bytes of the future that an `async fn` returns, for tests.

/// Of one with four parameters.
pub(crate) fn of_4<A, B, C, D, F: Future>(_served: impl Fn(A, B, C, D) -> F) -> usize {
    size_of::<F>()
}

/// Of one with five.
pub(crate) fn of_5<A, B, C, D, E, F: Future>(_served: impl Fn(A, B, C, D, E) -> F) -> usize {
    size_of::<F>()
}
