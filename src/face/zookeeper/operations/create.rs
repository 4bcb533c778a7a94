//! The creates: a node of any kind.

use bytes::Bytes;

use super::changer::{Changer, StepReply, shared_data};
use super::new_record::write_data;
use crate::face::zookeeper::acl::expand;
use crate::face::zookeeper::create_mode::{CreateMode, InvalidMode, Lifetime};
use crate::face::zookeeper::path::ZnodePath;
use crate::face::zookeeper::write_path::CreatePath;
use crate::face::zookeeper::znode::{Znode, created_stat};
use crate::model::{AccessList, Permissions, Record};
use crate::space::Draft;
use crate::wire::zookeeper::{AclEntry, CreateRequest, ErrorCode, OpCode};

/// A node that is to be created.
#[derive(Clone, Debug)]
pub(in crate::face::zookeeper) struct NewNode {
    path: String,
    data: Option<Bytes>,
    acl: Vec<AclEntry>,
    mode: Result<CreateMode, InvalidMode>,
    shows_stat: bool,
}

impl NewNode {
    /// Of a request of its own; the TTL is that of `CreateTtl`.
    pub(in crate::face::zookeeper) fn of_request(
        op: OpCode,
        request: CreateRequest,
        ttl_ms: i64,
    ) -> Self {
        let mode = CreateMode::of_request(op, request.flags, ttl_ms);
        Self::new(request, mode, op != OpCode::Create)
    }

    /// Of a part of a `Multi`.
    pub(super) fn of_multi(op: OpCode, request: CreateRequest, ttl_ms: i64) -> Self {
        let mode = CreateMode::of_multi(op, request.flags, ttl_ms);
        let shows_stat = mode.is_ok_and(|mode| mode.shows_stat_in_multi(op));
        Self::new(request, mode, shows_stat)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The node whose children it numbers, if it does.
    pub(super) fn counter(&self) -> Option<String> {
        let is_numbered = self.mode.is_ok_and(|mode| mode.is_sequential);
        let path = CreatePath::parse(&self.path).ok().filter(|_| is_numbered)?;
        path.parent().map(|above| above.tree_path().to_owned())
    }

    fn new(
        request: CreateRequest,
        mode: Result<CreateMode, InvalidMode>,
        shows_stat: bool,
    ) -> Self {
        Self {
            path: request.path,
            data: shared_data(request.data),
            acl: request.acl,
            mode,
            shows_stat,
        }
    }
}

/// Decides on a create. The errors are in the order of the real server's checks.
pub(super) fn create(
    draft: &mut Draft<'_>,
    changer: &Changer,
    new: &NewNode,
) -> Result<StepReply, ErrorCode> {
    let invalid = |_| ErrorCode::BadArguments;
    let mode = new.mode.map_err(|InvalidMode| ErrorCode::BadArguments)?;
    let path = CreatePath::parse(&new.path).map_err(invalid)?;
    let acl = expand(&new.acl, &changer.identities).map_err(|_| ErrorCode::InvalidAcl)?;
    let above = path.parent().ok_or(ErrorCode::NoNode)?;
    let parent = Znode::find(draft, &above).ok_or(ErrorCode::NoNode)?;
    changer.needs(&parent, Permissions::CREATE)?;
    if mode.is_sequential {
        draft.asks_to_number_children(above.tree_path());
    }
    let sequence = mode.is_sequential.then(|| next_number(draft, &above));
    let path = path.with_sequence(sequence).map_err(invalid)?;
    if Znode::find(draft, &path).is_some() {
        return Err(ErrorCode::NodeExists);
    }
    if parent.owner().is_some() {
        return Err(ErrorCode::NoChildrenForEphemerals);
    }
    if path.is_reserved() {
        // Quotas are kept there, which are not implemented.
        return Err(ErrorCode::Unimplemented);
    }
    let record = record(draft, &path, (mode, acl, new.data.clone()));
    write(draft, changer, (&above, &path), mode, record)?;
    let stat = new
        .shows_stat
        .then(|| draft.peek(&path.key()).map(|entry| created_stat(entry)));
    Ok(StepReply::Created(path.as_str().to_owned(), stat.flatten()))
}

/// The number of the next child: of those ever created.
fn next_number(draft: &mut Draft<'_>, parent: &ZnodePath) -> i32 {
    let [.., a, b, c, d] = draft.directory(parent.tree_path()).ever.to_be_bytes();
    i32::from_be_bytes([a, b, c, d])
}

fn record(
    draft: &Draft<'_>,
    path: &ZnodePath,
    (mode, acl, data): (CreateMode, AccessList, Option<Bytes>),
) -> Record {
    let mut record = draft.successor(&path.key());
    write_data(&mut record, data, mode.lifetime == Lifetime::Ephemeral);
    record.attrs.set_access(acl);
    match mode.lifetime {
        Lifetime::Persistent | Lifetime::Ephemeral => {}
        Lifetime::Container => record.attrs.set_container(true),
        Lifetime::Ttl(ttl_ms) => {
            record
                .attrs
                .set_childless_ttl_ms(u64::try_from(ttl_ms).ok());
        }
    }
    record
}

fn write(
    draft: &mut Draft<'_>,
    changer: &Changer,
    (parent, path): (&ZnodePath, &ZnodePath),
    mode: CreateMode,
    mut record: Record,
) -> Result<(), ErrorCode> {
    if mode.is_sequential {
        draft.number_child(parent.tree_path(), &mut record);
    }
    if mode.lifetime != Lifetime::Ephemeral {
        draft.put(&path.key(), record);
        return Ok(());
    }
    if draft.put_bound(&path.key(), changer.session.lease, record) {
        Ok(())
    } else {
        Err(ErrorCode::SessionExpired)
    }
}
