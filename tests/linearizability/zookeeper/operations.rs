//! ZooKeeper operations: the requests clients send, and the parsing of their answers.

use kubekv::wire::zookeeper::{
    DataReply, ErrorCode, JuteRecord, MultiOperation, MultiResult, Stat,
};

use crate::checker::model::{
    Effect, EntrySlot, FailedPreconditions, LockEffect, LockHolder, ObservedEntry, Outcome,
    Precondition, Value,
};
use crate::workload::invocation::{Access, Completion, GeneratorInputs, Invocation};
use crate::zookeeper::connection::Frame;
use crate::zookeeper::request::{
    ZooKeeperRequest, create_request, node, results, set_request, versioned,
};

/// The version that stands for any.
const ANY: i32 = -1;

/// A request, and its meaning in the model.
pub type ZooKeeperInvocation = Invocation<ZooKeeperRequest>;

/// A read of one key, with a watch or without.
pub fn read(path: &str, object: usize, watch: bool) -> ZooKeeperInvocation {
    Invocation {
        request: ZooKeeperRequest::GetData(node(path), watch),
        access: Access::Read(vec![object]),
        path: path.to_owned(),
        preconditions: Vec::new(),
        effects: Vec::new(),
    }
}

/// A read of all keys of an object at once.
pub fn read_all(paths: &[String], object: usize) -> ZooKeeperInvocation {
    let (prefix, _) = paths[0].rsplit_once('/').unwrap();
    Invocation {
        request: ZooKeeperRequest::MultiRead(paths.iter().map(|path| node(path)).collect()),
        access: Access::Read(vec![object]),
        path: format!("{prefix}/"),
        preconditions: Vec::new(),
        effects: Vec::new(),
    }
}

/// A change of one node.
struct Change {
    operation: MultiOperation,
    preconditions: Vec<Precondition>,
    effect: Option<Effect>,
}

/// A random change of a node that was last seen with this version.
fn change(kind: usize, path: &str, version: i32, value: Value) -> Change {
    let (path, data) = (node(path), value.text().into_bytes());
    let set = Some(Effect::Set(value, LockEffect::Keep));
    let at = |version| vec![Precondition::Present, Precondition::Version(version)];
    match kind {
        0..=2 => Change {
            operation: MultiOperation::SetData(set_request(&path, data, ANY)),
            preconditions: vec![Precondition::Present],
            effect: set,
        },
        3..=4 => Change {
            operation: MultiOperation::SetData(set_request(&path, data, version)),
            preconditions: at(version),
            effect: set,
        },
        5 => Change {
            operation: MultiOperation::Delete(versioned(&path, ANY)),
            preconditions: vec![Precondition::Present],
            effect: Some(Effect::Delete),
        },
        6 => Change {
            operation: MultiOperation::Delete(versioned(&path, version)),
            preconditions: at(version),
            effect: Some(Effect::Delete),
        },
        7 => Change {
            operation: MultiOperation::Check(versioned(&path, version)),
            preconditions: at(version),
            effect: None,
        },
        _ => Change {
            operation: MultiOperation::Create2(create_request(&path, data, 0)),
            preconditions: vec![Precondition::Absent],
            effect: set,
        },
    }
}

/// The kinds of changes; the one with this number is in no request of its own.
const KINDS: usize = 11;
const CHECK: usize = 7;

fn kind(inputs: &mut GeneratorInputs<'_>) -> usize {
    inputs.random.below(KINDS)
}

/// A random write of one path.
pub fn write(inputs: &mut GeneratorInputs<'_>, path: &str, value: Value) -> ZooKeeperInvocation {
    let (object, slot) = inputs.layout.locate(path).unwrap();
    let kind = match kind(inputs) {
        CHECK => 0,
        kind => kind,
    };
    let version = inputs.last_version(path);
    let Change {
        operation,
        preconditions,
        effect,
    } = change(kind, path, version, value);
    Invocation {
        request: alone(operation),
        access: Access::Write(object),
        path: path.to_owned(),
        preconditions: of_slot(slot, preconditions),
        effects: effect.map(|effect| (slot, effect)).into_iter().collect(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "no other operation is made")]
fn alone(operation: MultiOperation) -> ZooKeeperRequest {
    match operation {
        MultiOperation::SetData(set) => {
            ZooKeeperRequest::SetData(set.path, set.data.unwrap(), set.version)
        }
        MultiOperation::Delete(delete) => ZooKeeperRequest::Delete(delete.path, delete.version),
        MultiOperation::Create2(create) => {
            ZooKeeperRequest::Create(create.path, create.data.unwrap(), create.flags)
        }
        other => panic!("{other:?} is in no request of its own"),
    }
}

fn of_slot(slot: EntrySlot, all: Vec<Precondition>) -> Vec<(EntrySlot, Precondition)> {
    all.into_iter().map(|one| (slot, one)).collect()
}

/// A random multi on entries of one object, each used once.
pub fn multi(
    inputs: &mut GeneratorInputs<'_>,
    object: usize,
    mut value: impl FnMut() -> Value,
) -> ZooKeeperInvocation {
    let paths = &inputs.layout.objects[object];
    let (prefix, _) = paths[0].rsplit_once('/').unwrap();
    let (mut operations, mut preconditions, mut effects) = (Vec::new(), Vec::new(), Vec::new());
    for (slot, path) in paths.iter().enumerate() {
        if inputs.random.percent(25) {
            continue;
        }
        let version = inputs.last_version(path);
        let change = change(kind(inputs), path, version, value());
        operations.push(change.operation);
        preconditions.extend(of_slot(slot, change.preconditions));
        effects.extend(change.effect.map(|effect| (slot, effect)));
    }
    Invocation {
        request: ZooKeeperRequest::Multi(operations),
        access: Access::Write(object),
        path: format!("{prefix}/"),
        preconditions,
        effects,
    }
}

/// Parses a reply. A create that finds no parent becomes the read that it is: nothing is there.
pub fn parse_reply(invocation: &mut ZooKeeperInvocation, reply: &Frame) -> Completion {
    let error = ErrorCode::of(reply.header.error);
    match (invocation.request.clone(), error) {
        // Nobody knows what became of it.
        (_, Some(ErrorCode::SystemError | ErrorCode::ConnectionLoss | ErrorCode::Throttled)) => {
            Completion::default()
        }
        (ZooKeeperRequest::GetData(..), None | Some(ErrorCode::NoNode)) => {
            let mut completion = Completion::of(Outcome::Done);
            if error.is_none() {
                let read = DataReply::parse(&reply.body).unwrap();
                let path = invocation.path.clone();
                observe(&mut completion, path, &read);
            }
            completion
        }
        (ZooKeeperRequest::MultiRead(paths), None) => parse_reads(&paths, reply),
        (ZooKeeperRequest::Multi(operations), None) => {
            parse_multi(invocation, &operations, &results(reply))
        }
        (ZooKeeperRequest::Create(..), Some(ErrorCode::NoNode)) => nothing_there(invocation),
        (
            ZooKeeperRequest::Create(..)
            | ZooKeeperRequest::SetData(..)
            | ZooKeeperRequest::Delete(..),
            error,
        ) => parse_change(invocation, error, reply),
        (request, error) => unexpected(&request, error),
    }
}

fn unexpected(request: &ZooKeeperRequest, error: Option<ErrorCode>) -> Completion {
    Completion {
        violation: Some(format!("{request:?} was answered {error:?}")),
        ..Completion::default()
    }
}

fn observe(completion: &mut Completion, path: String, read: &DataReply) {
    let data = read.data.as_deref().unwrap_or_default();
    let value = std::str::from_utf8(data).ok().and_then(Value::parse);
    match value {
        Some(value) => completion.observed.push((
            path,
            Some(ObservedEntry {
                value,
                index: index(&read.stat),
                holder: LockHolder::NotReported,
                version: Some(read.stat.version),
            }),
        )),
        None => completion.violation = Some(format!("a value no client wrote: {path} {read:?}")),
    }
}

fn index(stat: &Stat) -> u64 {
    u64::try_from(stat.modified).unwrap()
}

fn parse_reads(paths: &[String], reply: &Frame) -> Completion {
    let mut completion = Completion::of(Outcome::Done);
    for (path, result) in paths.iter().zip(results(reply)) {
        if let MultiResult::Data(read) = &result {
            observe(&mut completion, path[1..].to_owned(), read);
        } else if result != MultiResult::Failed(ErrorCode::NoNode.number()) {
            completion.violation = Some(format!("{path} was read as {result:?}"));
        }
    }
    completion
}

fn parse_change(
    invocation: &ZooKeeperInvocation,
    error: Option<ErrorCode>,
    reply: &Frame,
) -> Completion {
    match error {
        None => {
            let mut completion = Completion::of(Outcome::Done);
            let mut shown = invocation.request.shown(reply).into_iter();
            let stat = shown.find_map(|(_, stat)| stat);
            completion.index = stat.as_ref().map(index);
            completion
        }
        Some(ErrorCode::NoNode | ErrorCode::NodeExists) => refused(0),
        Some(ErrorCode::BadVersion) => refused(1),
        Some(error) => unexpected(&invocation.request, Some(error)),
    }
}

/// A refusal of the precondition at a place, behind those that hold.
fn refused(place: usize) -> Completion {
    let mut completion = Completion::of(Outcome::Refused);
    completion.failed = Some(FailedPreconditions::First(place));
    completion
}

/// A create that found no parent has read that nothing is beneath it.
fn nothing_there(invocation: &mut ZooKeeperInvocation) -> Completion {
    let Access::Write(object) = invocation.access else {
        return unexpected(&invocation.request, Some(ErrorCode::NoNode));
    };
    let end = invocation.path.rfind('/').unwrap();
    invocation.path.truncate(end + 1);
    invocation.access = Access::Read(vec![object]);
    invocation.preconditions.clear();
    invocation.effects.clear();
    Completion::of(Outcome::Done)
}

fn parse_multi(
    invocation: &mut ZooKeeperInvocation,
    operations: &[MultiOperation],
    results: &[MultiResult],
) -> Completion {
    let failed = |result: &MultiResult| match result {
        MultiResult::Failed(code) => ErrorCode::of(*code),
        MultiResult::Created(_)
        | MultiResult::Created2(_)
        | MultiResult::Deleted
        | MultiResult::DataSet(_)
        | MultiResult::Checked
        | MultiResult::Data(_)
        | MultiResult::Children(_) => None,
    };
    // Those before the one that failed have the code 0.
    let failure = results.iter().enumerate().find_map(|(place, result)| {
        let error = failed(result)?;
        Some((place, error))
    });
    let Some((place, error)) = failure else {
        return parse_made(invocation, operations, results);
    };
    // Each operation with a version has two preconditions.
    let before = operations[..place].iter().map(preconditions).sum::<usize>();
    let is_create = matches!(operations[place], MultiOperation::Create2(_));
    if error == ErrorCode::NoNode && is_create {
        nothing_there(invocation)
    } else if error == ErrorCode::NoNode || error == ErrorCode::NodeExists {
        refused(before)
    } else if error == ErrorCode::BadVersion {
        refused(before + 1)
    } else {
        unexpected(&invocation.request, Some(error))
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "no other operation is made")]
fn preconditions(operation: &MultiOperation) -> usize {
    let version = match operation {
        MultiOperation::SetData(set) => set.version,
        MultiOperation::Delete(one) | MultiOperation::Check(one) => one.version,
        _ => ANY,
    };
    if version == ANY { 1 } else { 2 }
}

fn parse_made(
    invocation: &ZooKeeperInvocation,
    operations: &[MultiOperation],
    results: &[MultiResult],
) -> Completion {
    if operations.len() != results.len() {
        return unexpected(&invocation.request, None);
    }
    let mut completion = Completion::of(Outcome::Done);
    for result in results {
        let stat = match result {
            MultiResult::DataSet(stat) => stat,
            MultiResult::Created2(created) => &created.stat,
            MultiResult::Deleted | MultiResult::Checked => continue,
            MultiResult::Created(_)
            | MultiResult::Data(_)
            | MultiResult::Children(_)
            | MultiResult::Failed(_) => return unexpected(&invocation.request, None),
        };
        let index = Some(index(stat));
        if completion.index.is_some() && completion.index != index {
            completion.violation = Some(format!("one multi, two zxids: {results:?}"));
        }
        completion.index = index;
    }
    completion
}
