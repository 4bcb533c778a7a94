//! Weight of a recursive delete: the entries it would delete, counted up to what one request may change.

use super::parameters::Parameters;
use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::face::etcd::overloaded;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::fairness::Cost;
use crate::guard::REQUEST_BYTES;
use crate::model::{Key, KeyRange};
use crate::space::{View, node_ranges};
use crate::store::Limits;

/// How many entries are counted at once, while nothing else is done.
const SMALL_STEP: usize = 64;

/// How many are counted at once on a heavy thread.
const HEAVY_STEP: usize = 16_384;

/// The cost of a recursive delete. An error where it is more than one request may change: nothing was done, and no more
/// was counted than that.
pub(super) async fn of_tree(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
) -> Result<Cost, Reply> {
    let face = request.face;
    let view = face.space.read(&request.caller);
    let revision = view.revision();
    let mut weight = TreeWeight::new(view, &parameters.path, face.space.limits());
    let mut counted = weight.count(SMALL_STEP);
    while let Ok(Counted::More) = counted {
        let count = move || {
            let counted = weight.count(HEAVY_STEP);
            (weight, counted)
        };
        let run = face
            .fairness
            .run(request.flow(), Cost::new(HEAVY_STEP, 0), count);
        (weight, counted) = run.await.map_err(overloaded::reply)?;
    }
    match counted {
        Ok(_all) => Ok(Cost::new(weight.entries, weight.bytes)),
        Err(error) => Err(error.reply(revision)),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    All,
    More,
}

/// The entries of a node and all beneath it, counted in steps of bounded size.
#[derive(Debug)]
struct TreeWeight {
    view: View,
    limits: Limits,
    /// What is still to be counted, the next one last, each from a key on.
    ranges: Vec<(KeyRange, Key)>,
    entries: usize,
    /// The bytes of their keys.
    bytes: usize,
}

impl TreeWeight {
    fn new(view: View, path: &str, limits: Limits) -> Self {
        let ranges = node_ranges(path, true).into_iter().map(|range| {
            let (KeyRange::Exact(from) | KeyRange::Prefix(from)) = &range;
            let from = from.clone();
            (range, from)
        });
        Self {
            view,
            limits,
            ranges: ranges.collect(),
            entries: 0,
            bytes: 0,
        }
    }

    /// Counts on, at most so many entries; an error as soon as there are too many.
    fn count(&mut self, most: usize) -> Result<Counted, V2Error> {
        let mut left = most;
        while let Some((range, from)) = self.ranges.pop() {
            let mut next = None;
            for (key, _) in self.view.nodes_in(&range, &from) {
                let Some(rest) = left.checked_sub(1) else {
                    next = Some(key.clone());
                    break;
                };
                left = rest;
                self.entries += 1;
                self.bytes += key.as_bytes().len();
                check(self.limits, self.entries, self.bytes)?;
            }
            if let Some(from) = next {
                self.ranges.push((range, from));
                return Ok(Counted::More);
            }
        }
        Ok(Counted::All)
    }
}

fn check(limits: Limits, entries: usize, bytes: usize) -> Result<(), V2Error> {
    let most_bytes = limits.commit_bytes.min(REQUEST_BYTES);
    let (limit, what) = if entries > limits.writes {
        (limits.writes, "changes")
    } else if bytes > most_bytes {
        (most_bytes, "bytes")
    } else {
        return Ok(());
    };
    let cause = format!("more than {limit} {what} in one request, which is the limit");
    Err(V2Error::new(V2ErrorCode::InvalidField, cause))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::guard::memory_keyspace;
    use crate::model::Caller;
    use crate::space::Draft;

    #[tokio::test]
    async fn no_more_is_counted_than_one_request_may_change() {
        let space = memory_keyspace(u64::MAX).await;
        let limits = space.limits();
        let put = |draft: &mut Draft<'_>| {
            for key in (0..1_000).map(|number| Key::user(format!("t/{number:04}"))) {
                let record = draft.successor(&key);
                draft.put(&key, record);
            }
            Ok::<_, Infallible>(())
        };
        space.commit(&Caller::System, put).await.unwrap();
        let view = space.read(&Caller::System);
        let weigh = |limits| {
            let mut weight = TreeWeight::new(view.clone(), "t", limits);
            let mut steps = 1;
            let mut counted = weight.count(64);
            while let Ok(Counted::More) = counted {
                counted = weight.count(100);
                steps += 1;
            }
            (counted.is_ok(), weight.entries, weight.bytes, steps)
        };
        assert_eq!(weigh(limits), (true, 1_000, 6_000, 11));
        let writes = Limits {
            writes: 50,
            ..limits
        };
        assert_eq!(weigh(writes), (false, 51, 306, 1));
        let bytes = Limits {
            commit_bytes: 600,
            ..limits
        };
        assert_eq!(weigh(bytes), (false, 101, 606, 2));
    }
}
