//! Model: keys, revisions, entries, leases, commits, callers and principals.
//!
//! Pure data and functions: nothing here waits, reads or writes, and no protocol is needed to follow it.

mod access_list;
mod caller;
mod client_certificate;
mod commit;
mod connection_flow;
mod credentials;
mod entry;
mod face_name;
mod flow;
mod held_token;
mod ip_range;
mod key;
mod lease;
mod permissions;
mod principal;
mod range;
mod revision;
mod shown_secrets;
pub mod time;
mod verb;
mod znode;
mod znode_attrs;

pub use access_list::{AccessEntry, AccessList};
pub use caller::Caller;
pub use client_certificate::{CertificateAuthority, ClientCertificate};
pub use commit::{Cause, Change, Commit, Proposal, Target, Write};
pub use connection_flow::{ConnectionFlow, FlowHandle, FlowIdentity};
pub use credentials::Credentials;
pub use entry::{Attrs, Deadline, DirMark, Entry, Mark, Record};
pub use face_name::FaceName;
pub use flow::Flow;
pub use held_token::{HeldToken, WeakToken};
pub(crate) use ip_range::IpRange;
pub use key::{Key, Realm};
pub use lease::{Lease, LeaseEnd, LeaseId, LeaseProtocol, ParseLeaseId};
pub use permissions::Permissions;
pub use principal::Principal;
pub use range::KeyRange;
pub use revision::Revision;
pub use shown_secrets::{SecretHash, ShownSecrets};
pub use verb::{ParseVerb, Verb};
pub use znode_attrs::{DataMark, ZnodeAttrs};

/// Whether a value is its type's default: what is stored as records leaves such fields out.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
