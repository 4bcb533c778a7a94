//! The commands on a running gateway's keys.

mod delete;
mod export;
mod get;
mod import;
mod input;
mod list;
mod print;
mod put;
mod status;
mod watch;

pub(super) use delete::Delete;
pub(super) use export::Export;
pub(super) use get::Get;
pub(super) use import::Import;
pub(super) use list::List;
pub(super) use put::Put;
pub(super) use status::Status;
pub(super) use watch::Watch;
