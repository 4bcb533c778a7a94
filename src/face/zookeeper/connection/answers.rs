//! Answers: replies in order, each after the events of what it shows.

use super::lane::{Begun, Flying, LaneAnswer, LaneProgress, NodeChangeAnswer, RequestTicket};
use super::served::{ConnectionPhase, Ended, ServedConnection};
use super::setting_stage::SettingWatches;
use crate::face::server::{LogLimit, OmittedLines};
use crate::face::zookeeper::audit;
use crate::face::zookeeper::operations::{ChangeRefusal, ReadOutcome, Reply};
use crate::face::zookeeper::znode::zxid;
use crate::fairness::Cost;
use crate::space::{ChangeError, Denied, Proposed};
use crate::store::CommitError;
use crate::wire::zookeeper::{ErrorCode, OpCode, TooLong, append_error, append_reply};

/// The zxid of the reply to an unknown operation.
const UNKNOWN_ZXID: i64 = -1;

/// The status of a reply that is no error.
const NO_ERROR: i32 = 0;

impl ServedConnection {
    /// Goes on with what has happened in the lane.
    pub(super) fn follow(&mut self, progress: LaneProgress) -> Result<(), Ended> {
        match progress {
            LaneProgress::Begun(begun) => self.follow_begun(begun),
            LaneProgress::Answer(LaneAnswer::OfChange(ticket, change, answer)) => {
                if let Err(ChangeError::Refused { error, .. }) = &answer {
                    audit::record_refusal(&self.face.space, &self.caller, &change, error);
                }
                self.answer_change(ticket, answer)
            }
            LaneProgress::Answer(LaneAnswer::Known(ticket, reply)) => self.reply(ticket, reply),
            // The lane decides again when it is its turn.
            LaneProgress::Failed => Ok(()),
        }
    }

    fn follow_begun(&mut self, begun: Begun) -> Result<(), Ended> {
        match begun {
            Begun::Proposed(ticket, change, seat, proposed) => match proposed {
                Proposed::Accepted(accepted) => {
                    self.lane
                        .fly(Flying::Change(ticket, change, seat, accepted));
                }
                Proposed::Answered(answer) => {
                    self.lane.fly(Flying::Decided(ticket, change, answer));
                }
                Proposed::NotYet => self.lane.put_back(ticket, change),
            },
            Begun::Made(all) => {
                for (ticket, change, answer) in all {
                    self.lane.fly(Flying::Decided(ticket, change, answer));
                }
            }
            Begun::Read(ticket, outcome, revision) => {
                self.phase = ConnectionPhase::Open;
                return self.answer_read(ticket, outcome, revision);
            }
            Begun::Closed(ticket, Ok(revision)) => {
                self.phase = ConnectionPhase::Ending;
                self.catch_up(revision)?;
                return self.reply(ticket, Ok(Reply::Empty));
            }
            // Whether the session has ended is unknown, or it has not; or it would set its watches again in vain, and be notified
            // of nothing.
            Begun::Closed(_, Err(())) | Begun::WatchesNotFound => return Err(Ended),
            Begun::WatchesFound(ticket, found) => {
                self.setting = Some(SettingWatches::found(ticket, *found));
            }
            Begun::Overloaded(ticket) => {
                if self.phase == ConnectionPhase::Reading {
                    self.phase = ConnectionPhase::Open;
                    self.events.tidy_expected();
                }
                let error = Err(ErrorCode::Throttled);
                self.lane.fly(Flying::Known(ticket, error));
            }
            Begun::AllOverloaded(all) => {
                for (ticket, _) in all {
                    let error = Err(ErrorCode::Throttled);
                    self.lane.fly(Flying::Known(ticket, error));
                }
            }
        }
        Ok(())
    }

    /// Answers a read at this revision, and sets its watches.
    pub(super) fn answer_read(
        &mut self,
        ticket: RequestTicket,
        outcome: ReadOutcome,
        revision: u64,
    ) -> Result<(), Ended> {
        let ReadOutcome { reply, watches } = outcome;
        // Nothing later was sent, so these get the events of what changed after the view.
        self.catch_up(revision)?;
        let is_read = reply.is_ok();
        let status = self.reply_with_status(ticket, reply)?;
        // A client that does not get what was read has no watch of it either.
        if !is_read || status == NO_ERROR {
            for (path, mode) in &watches {
                self.events.table.add(path, *mode);
            }
        }
        self.events.tidy_expected();
        Ok(())
    }

    fn answer_change(
        &mut self,
        ticket: RequestTicket,
        answer: NodeChangeAnswer,
    ) -> Result<(), Ended> {
        match answer {
            Ok(mut committed) => {
                self.catch_up(committed.revision)?;
                if let Some(commit) = &committed.commit {
                    self.face.ttl_nodes.note(commit);
                }
                committed.reply.settle(zxid(committed.revision));
                self.reply(ticket, Ok(committed.reply))
            }
            Err(ChangeError::Refused { error, revision }) => {
                self.catch_up(revision)?;
                match error {
                    ChangeRefusal::Error(error) => self.reply(ticket, Err(error)),
                    ChangeRefusal::Multi(results) => self.reply(ticket, Ok(Reply::Multi(results))),
                    ChangeRefusal::SessionEnded => Err(Ended),
                }
            }
            Err(ChangeError::Denied(denied)) => self.reply_now(ticket, Err(of_denial(&denied))),
            Err(ChangeError::Failed(failed)) => self.answer_failure(ticket, &failed),
        }
    }

    /// Answers a change that the store did not make, or may have made. Then the connection is closed: clients know that
    /// nobody knows, and look.
    fn answer_failure(&mut self, ticket: RequestTicket, failed: &CommitError) -> Result<(), Ended> {
        static LIMIT: LogLimit = LogLimit::new();
        if let Some(OmittedLines(left_out)) = LIMIT.permit_flow(self.flow()) {
            tracing::warn!(error = %failed, left_out, "could not write for a ZooKeeper client; it gets an error or loses its connection, and may retry");
        }
        match failed {
            CommitError::Full(_) => self.reply_now(ticket, Err(ErrorCode::SystemError)),
            CommitError::TooLarge(_) => self.reply_now(ticket, Err(ErrorCode::BadArguments)),
            CommitError::Conflict | CommitError::Unavailable(_) | CommitError::Unknown(_) => {
                Err(Ended)
            }
        }
    }

    /// Replies at the revision of now.
    pub(super) fn reply_now(
        &mut self,
        ticket: RequestTicket,
        reply: Result<Reply, ErrorCode>,
    ) -> Result<(), Ended> {
        let revision = self.face.space.read(&self.caller).revision();
        self.catch_up(revision)?;
        self.reply(ticket, reply)
    }

    /// Refuses an operation that ZooKeeper does not know, and ends the connection.
    pub(super) fn refuse_unknown(&mut self, mut ticket: RequestTicket) {
        let error = ErrorCode::Unimplemented;
        append_error(self.output.frames(), ticket.xid, UNKNOWN_ZXID, error);
        ticket.metric.set_status(error.number());
        self.phase = ConnectionPhase::Ending;
    }

    /// Replies at the last revision that the client has observed.
    pub(super) fn reply(
        &mut self,
        ticket: RequestTicket,
        reply: Result<Reply, ErrorCode>,
    ) -> Result<(), Ended> {
        self.reply_with_status(ticket, reply).map(|_status| ())
    }

    /// The same; returns the number of the error that the client gets.
    fn reply_with_status(
        &mut self,
        mut ticket: RequestTicket,
        reply: Result<Reply, ErrorCode>,
    ) -> Result<i32, Ended> {
        let number = zxid(self.revision);
        let status = match reply {
            Ok(mut reply) => {
                if let Some(list) = ticket.docker.take() {
                    list.change(&mut reply, number);
                }
                self.append_for_client(&ticket, number, &reply)?
            }
            Err(error) => {
                append_error(self.output.frames(), ticket.xid, number, error);
                error.number()
            }
        };
        ticket.metric.set_status(status);
        self.counters
            .answer((ticket.op, ticket.xid), number, ticket.came.elapsed());
        Ok(status)
    }

    /// Encodes a reply, or the error in its place where it is longer than the client can read, or than there is room for.
    /// Returns the error's number.
    fn append_for_client(
        &mut self,
        ticket: &RequestTicket,
        zxid: i64,
        reply: &Reply,
    ) -> Result<i32, Ended> {
        let before = self.output.frames().len();
        self.append(ticket, zxid, reply)?;
        let bytes = self.output.frames().len().saturating_sub(before);
        let held = if self.docker.reads_frame(bytes) {
            self.hold(ticket, bytes)
        } else {
            Err(ErrorCode::MarshallingError)
        };
        let Err(error) = held else {
            return Ok(NO_ERROR);
        };
        let frames = self.output.frames();
        frames.truncate(before);
        append_error(frames, ticket.xid, zxid, error);
        Ok(error.number())
    }

    /// Counts the memory of a long reply until it is sent. Where a client has no more, a read is refused; the answer to a change
    /// that was made is sent all the same.
    fn hold(&mut self, ticket: &RequestTicket, bytes: usize) -> Result<(), ErrorCode> {
        if Cost::new(0, bytes).is_small() {
            return Ok(());
        }
        let (answers, flow) = (self.face.fairness.answers(), self.flow());
        let held = if ticket.op == OpCode::Multi.number() {
            answers.charge(flow, bytes)
        } else {
            let reserved = answers.reserve(flow, bytes);
            reserved.map_err(|_overloaded| ErrorCode::Throttled)?
        };
        self.output.holds(held);
        Ok(())
    }

    /// Encodes a reply.
    pub(super) fn append(
        &mut self,
        ticket: &RequestTicket,
        zxid: i64,
        reply: &Reply,
    ) -> Result<(), Ended> {
        append_reply(self.output.frames(), ticket.xid, zxid, |to| reply.write(to))
            .map_err(|TooLong| Ended)
    }
}

/// The error for what the guard refuses.
fn of_denial(denied: &Denied) -> ErrorCode {
    match denied {
        // Not `BadVersion`, after which libkv would try again without end.
        Denied::Forbidden(_) | Denied::ByList(_) | Denied::Guarded(_) => ErrorCode::NoAuth,
        Denied::KeyspaceFull { .. } | Denied::Unaudited => ErrorCode::SystemError,
        Denied::OverQuota(_) => ErrorCode::QuotaExceeded,
        Denied::KeyTooLong { .. } | Denied::ValueTooLong { .. } | Denied::TooMuch(_) => {
            ErrorCode::BadArguments
        }
    }
}
