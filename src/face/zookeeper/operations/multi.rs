//! `Multi`: several changes that are made together or not at all. Each sees those before it.

use super::changer::{ChangeRefusal, Changer, StepReply};
use super::reply::Reply;
use super::step::ChangeStep;
use crate::space::Draft;
use crate::wire::zookeeper::{CreatedReply, ErrorCode, MultiReply, MultiResult};

/// Decides on all steps.
pub(super) fn multi(
    draft: &mut Draft<'_>,
    changer: &Changer,
    steps: &[ChangeStep],
) -> Result<Reply, ChangeRefusal> {
    let mut results = Vec::with_capacity(steps.len());
    for step in steps {
        let decided = step.decide(draft, changer);
        // Whatever it came to: no result may reveal what is forbidden.
        let decided = if draft.is_forbidden() {
            draft.refuses_in_own_words();
            Err(ErrorCode::NoAuth)
        } else {
            decided
        };
        match decided {
            Ok(reply) => results.push(result(reply)),
            Err(error) => {
                let failed = MultiReply::of_failure(steps.len(), results.len(), error);
                return Err(ChangeRefusal::Multi(failed));
            }
        }
    }
    Ok(Reply::Multi(MultiReply(results)))
}

fn result(reply: StepReply) -> MultiResult {
    match reply {
        StepReply::Created(path, None) => MultiResult::Created(path),
        StepReply::Created(path, Some(stat)) => MultiResult::Created2(CreatedReply { path, stat }),
        StepReply::Deleted => MultiResult::Deleted,
        StepReply::Set(stat) => MultiResult::DataSet(stat),
        StepReply::Checked => MultiResult::Checked,
    }
}
