//! Options that the chosen operations would ignore, which are refused: who gives one expects that it does something.

use kubekv::bench::operation::{Operation, OperationMix};
use kubekv::bench::target::TargetProtocol;

use super::choice_arguments::ChoiceArguments;
use super::key_arguments::KeyArguments;
use crate::cli::exit::{CommandError, USAGE};

/// Refuses the options that none of the operations uses.
pub(super) fn refuse(
    mix: &OperationMix,
    keys: &KeyArguments,
    choice: &ChoiceArguments,
) -> Result<(), CommandError> {
    let any = |wanted: fn(Operation) -> bool| mix.operations().any(wanted);
    let reads = any(|operation| {
        matches!(
            operation,
            Operation::Get | Operation::Stat | Operation::List
        )
    });
    let fills = any(Operation::needs_entries);
    let chooses = any(chooses_keys);
    let names_keys = fills || chooses;
    let takes_key = chooses || any(|operation| operation == Operation::List);
    let unused = [
        (
            choice.has_consistency() && !reads,
            "--consistency: only get, stat and list have one",
        ),
        (
            choice.no_fill && !fills,
            "--no-fill: only get, stat, list and cas need keys that exist",
        ),
        (
            choice.has_distribution() && !chooses,
            "--distribution: list reads all keys, create, delete and ephemeral name new ones",
        ),
        (
            choice.key.is_some() && !takes_key,
            "--key: create, delete and ephemeral name new keys",
        ),
        (
            keys.has_shape() && !names_keys,
            "--keys, --per-directory, --key-width: create, delete and ephemeral name new keys",
        ),
    ];
    match unused.into_iter().find(|(is_unused, _)| *is_unused) {
        Some((_, message)) => Err(CommandError::new(USAGE, message)),
        None => Ok(()),
    }
}

/// Refuses what the target's protocol, or its client here, cannot do.
pub(super) fn refuse_of_protocol(
    protocol: TargetProtocol,
    mix: &OperationMix,
    pipeline: u32,
) -> Result<(), CommandError> {
    match protocol {
        TargetProtocol::ZooKeeper => return Ok(()),
        TargetProtocol::Kubernetes if mix.operations().any(|one| one == Operation::Lock) => {
            return Err(CommandError::new(
                USAGE,
                "lock: not with kube://, which has none",
            ));
        }
        TargetProtocol::Consul
        | TargetProtocol::Etcd2
        | TargetProtocol::Etcd3
        | TargetProtocol::Kubernetes => {}
    }
    let only = |what: &str| Err(CommandError::new(USAGE, format!("{what}: only with zk://")));
    if let Some(operation) = mix.operations().find(|one| one.is_only_zookeepers()) {
        return only(operation.name());
    }
    if pipeline > 1 {
        return only("--pipeline");
    }
    Ok(())
}

/// Whether an operation is about one of the keys.
fn chooses_keys(operation: Operation) -> bool {
    match operation {
        Operation::Get
        | Operation::Stat
        | Operation::Put
        | Operation::Cas
        | Operation::Lock
        | Operation::Unlock => true,
        Operation::List | Operation::Create | Operation::Delete | Operation::Ephemeral => false,
    }
}
