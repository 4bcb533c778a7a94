//! Operations on nodes, one a file: reads of a view, and changes that are decided on a draft.

mod change;
mod changer;
mod check;
mod create;
mod delete;
mod exists;
mod get_acl;
mod get_all_children_number;
mod get_children;
mod get_data;
mod get_ephemerals;
mod multi;
mod multi_read;
mod new_record;
mod read_request;
mod reading;
mod reply;
mod set_acl;
mod set_data;
mod step;

pub(super) use change::ChangeRequest;
pub(super) use changer::{ChangeRefusal, Changer};
pub(super) use delete::remove;
pub(super) use get_all_children_number::get_all_children_number;
pub(super) use get_ephemerals::get_ephemerals;
pub(super) use read_request::ReadRequest;
pub(super) use reading::{ReadOutcome, Reading, demand_of_children, demand_of_watch};
pub(super) use reply::Reply;
