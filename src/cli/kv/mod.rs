//! Commands on the keys of a running gateway.

mod delete;
mod get;
pub(super) mod input;
mod list;
pub(super) mod print;
mod put;
mod status;
mod watch;

pub(super) use delete::Delete;
pub(super) use get::Get;
pub(super) use list::List;
pub(super) use put::Put;
pub(super) use status::Status;
pub(super) use watch::Watch;
