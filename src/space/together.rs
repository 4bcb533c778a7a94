//! Creates made together: on a store where each commit is a request, those that would wait for each other go in one.
//!
//! Children that are numbered under one parent must become visible in the order of their numbers: on a store that does not
//! accept in order each would wait for the one before it. So they are decided in their order on one draft, as far as they
//! go together (see [`Draft::end_part`]), and answered by one commit. Nothing else is: what shares a commit shares a
//! revision, and who watches from one revision to the next sees one of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::attempt::Basis;
use super::change_turn::ChangeTurn;
use super::decision::ChangeAnswer;
use super::draft::Draft;
use super::keyspace::{ChangeError, Committed, Keyspace};
use super::waiting_parts::{MOST, Part, PartOutcome, WaitingPart};
use crate::model::Caller;
use crate::store::CommitError;

/// A decision that may be made beside others.
pub type Decision<R, E> = Box<dyn Fn(&mut Draft<'_>) -> Result<R, E> + Send + Sync>;

struct ChangePart<R, E> {
    decision: Decision<R, E>,
    decided: Mutex<Option<Result<R, E>>>,
    answer: oneshot::Sender<ChangeAnswer<R, E>>,
    /// Whether one of those that were asked for with it was not made, or perhaps not: then none behind that is.
    stopped: Arc<AtomicBool>,
}

impl<R: Send, E: Send> Part for ChangePart<R, E> {
    fn decide(&self, draft: &mut Draft<'_>) -> bool {
        let decided = (self.decision)(draft);
        let is_accepted = decided.is_ok();
        *self.decided.lock() = Some(decided);
        is_accepted
    }

    fn is_given_up(&self) -> bool {
        self.answer.is_closed() || self.stopped.load(Ordering::Relaxed)
    }

    fn answer(self: Box<Self>, outcome: &PartOutcome) {
        if let PartOutcome::Failed(error) = outcome
            && error.stops_those_behind()
        {
            self.stopped.store(true, Ordering::Relaxed);
        }
        let answer = match (outcome, self.decided.into_inner()) {
            (PartOutcome::Made(revision, commit), Some(Ok(reply))) => Ok(Committed {
                reply,
                revision: *revision,
                commit: commit.clone(),
            }),
            (PartOutcome::Made(revision, _), Some(Err(error))) => Err(ChangeError::Refused {
                error,
                revision: *revision,
            }),
            (PartOutcome::Denied(denied), _) => Err(ChangeError::Denied(denied.clone())),
            (PartOutcome::Failed(error), _) => Err(ChangeError::Failed(error.clone())),
            (PartOutcome::Made(..), None) => Err(ChangeError::Failed(ended())),
        };
        // Whoever gave up needs no answer.
        let _gone = self.answer.send(answer);
    }
}

impl Keyspace {
    /// Whether changes may be decided on those before them that are not durable yet; see [`Keyspace::propose`]. Where not,
    /// creates of numbered children that come at once are better made together.
    pub fn accepts_in_order(&self) -> bool {
        self.inner.order.is_some()
    }

    /// Makes creates of children that are numbered under one parent, which names their counter: in this order, each decided
    /// on those before it, in as few commits as is possible, beside those that others ask for. All are answered, in their
    /// order. Those behind one that the store did not make, or perhaps did not, are not made; where this is dropped, nor are
    /// those that are not on their way by then.
    ///
    /// Those that name the same counter, whoever asks for them, are made in the order in which they are asked for.
    pub async fn commit_together<R, E>(
        &self,
        caller: &Caller,
        counter: String,
        decisions: Vec<Decision<R, E>>,
    ) -> Vec<Result<Committed<R>, ChangeError<E>>>
    where
        R: Send + 'static,
        E: Send + 'static,
    {
        let (mut parts, mut answers) = (VecDeque::new(), Vec::new());
        let stopped = Arc::new(AtomicBool::new(false));
        for decision in decisions {
            let (answer, answered) = oneshot::channel();
            let part: Box<dyn Part> = Box::new(ChangePart {
                decision,
                decided: Mutex::new(None),
                answer,
                stopped: Arc::clone(&stopped),
            });
            parts.push_back(part);
            answers.push(answered);
        }
        self.wait_together(caller, counter, parts);
        let mut all = Vec::with_capacity(answers.len());
        for answered in answers {
            let answer = answered.await;
            let left_out = if stopped.load(Ordering::Relaxed) {
                not_made
            } else {
                ended
            };
            all.push(answer.unwrap_or_else(|_| Err(ChangeError::Failed(left_out()))));
        }
        all
    }

    fn wait_together(&self, caller: &Caller, counter: String, parts: VecDeque<Box<dyn Part>>) {
        let waiting = parts.into_iter().map(|part| WaitingPart {
            caller: caller.clone(),
            part,
        });
        let mut queues = self.inner.together.0.lock();
        if let Some(queue) = queues.get_mut(&counter) {
            queue.extend(waiting);
            return;
        }
        queues.insert(counter.clone(), waiting.collect());
        drop(queues);
        let space = self.clone();
        // A client that hangs up must not keep the others from being answered.
        tokio::spawn(async move {
            while let Some((caller, parts)) = space
                .inner
                .together
                .take(&counter, space.inner.admit.notes_demands())
            {
                space.make_all(&caller, parts).await;
            }
        });
    }

    /// Makes changes that are in the order in which they came.
    async fn make_all(&self, caller: &Caller, mut parts: VecDeque<Box<dyn Part>>) {
        loop {
            parts.retain(|part| !part.is_given_up());
            if parts.is_empty() {
                return;
            }
            let mut most = parts.len().min(MOST);
            let outcome = loop {
                match self.make(caller, &parts, most).await {
                    Ok(outcome) => break outcome,
                    Err(less) => most = less,
                }
            };
            for part in parts.drain(..most) {
                part.answer(&outcome);
            }
        }
    }

    /// Makes so many changes by one commit; or says how many can be tried. One alone always can be.
    async fn make(
        &self,
        caller: &Caller,
        parts: &VecDeque<Box<dyn Part>>,
        most: usize,
    ) -> Result<PartOutcome, usize> {
        let decide = |draft: &mut Draft<'_>| decide_parts(draft, parts.iter().take(most));
        let basis = Basis::Accepted;
        let mut turn = ChangeTurn::default();
        let answer = self
            .change(caller, basis, &mut None::<()>, decide, &mut turn)
            .await;
        // Of several, each is tried by itself before it is refused.
        if most == 1 {
            self.record_refusal(caller, &answer);
        }
        let error = match answer {
            Ok(done) => return Ok(PartOutcome::Made(done.revision, done.commit)),
            Err(error) => error,
        };
        let outcome = match error {
            ChangeError::Refused {
                error: Stop(at), ..
            } if most > 1 => Err(at.max(1)),
            ChangeError::Refused { revision, .. } => Ok(PartOutcome::Made(revision, None)),
            // Perhaps one of them alone is refused, or they are too much together.
            ChangeError::Denied(_)
            | ChangeError::Failed(CommitError::TooLarge(_) | CommitError::Full(_))
                if most > 1 =>
            {
                Err(most / 2)
            }
            ChangeError::Denied(denied) => Ok(PartOutcome::Denied(denied)),
            ChangeError::Failed(error) => Ok(PartOutcome::Failed(error)),
        };
        if outcome.is_err() {
            turn.asked.forget();
        }
        outcome
    }
}

/// A part, by its place, cannot go with those before it.
#[derive(Debug)]
struct Stop(usize);

fn decide_parts<'a>(
    draft: &mut Draft<'_>,
    parts: impl Iterator<Item = &'a Box<dyn Part>>,
) -> Result<(), Stop> {
    for (at, part) in parts.enumerate() {
        draft.begin_part();
        let is_accepted = part.decide(draft);
        if !draft.end_part(is_accepted) {
            return Err(Stop(at));
        }
    }
    Ok(())
}

fn not_made() -> CommitError {
    CommitError::Unavailable("a change before it failed".to_owned())
}

fn ended() -> CommitError {
    CommitError::Unknown("the changes made together ended".to_owned())
}
