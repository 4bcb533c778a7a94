//! etcd as a source, over its version 3 API: all keys are as of one revision.

use crate::config::SourceAccess;
use crate::gateway::stores::etcd_access;
use crate::store::etcd;
use crate::transfer::{Error, Item, LeftOutReason, Listing, shown};

pub(super) async fn read(
    members: &[String],
    access: &SourceAccess,
    prefix: &[u8],
    listing: &mut Listing,
) -> Result<(), Error> {
    let access = etcd_access(access.access.clone());
    let raw = etcd::read_raw_keys(members, prefix, access).await?;
    listing.index = Some(raw.revision);
    for key in raw.keys {
        if key.lease_left == Some(0) {
            listing.leave_out(LeftOutReason::Ended, shown(&key.name));
            continue;
        }
        let item = Item {
            value: key.value,
            ttl_left_ms: key.lease_left.map(|seconds| seconds.saturating_mul(1_000)),
            ..Item::default()
        };
        listing.items.insert(key.name, item);
    }
    Ok(())
}
