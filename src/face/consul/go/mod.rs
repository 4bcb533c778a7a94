//! How Go reads and writes the small things of a request, since Consul's rules are those of Go's library.

mod duration;
mod json;
mod number;
mod print;
mod query;
mod quote;

pub(super) use duration::{format_duration, parse_duration};
pub(super) use json::{Json, first_value};
pub(super) use number::parse_uint;
pub(super) use print::is_print;
pub(super) use query::Query;
pub(super) use quote::quote;
