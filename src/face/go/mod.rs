//! Go's rules: what the standard library of Go, in which Consul and etcd are written, accepts and prints.
//!
//! One rule a file, for all faces: clients see these rules in error texts, in what is accepted, and byte for byte in answers.

mod duration;
mod escape;
mod form;
mod json_parser;
mod json_string;
mod json_unescape;
pub(super) mod json_writer;
mod media_type;
mod number;
mod path;
mod print;
mod query;
mod quote;
mod redirect;

pub(super) use duration::{format_duration, parse_duration};
pub(super) use escape::bad_escape;
pub(super) use form::{Form, MAX_BODY};
pub(super) use json_parser::{Json, first_value};
pub(super) use json_string::{max_json_string, push_json_string};
pub(super) use number::{parse_bool, parse_u64, parse_uint};
pub(super) use path::{BadEscape, clean_path, collapse_slashes, decode_path, has_dot_segments};
pub(super) use print::is_print;
pub(super) use query::{Query, QueryError};
pub(super) use quote::quote;
pub(super) use redirect::redirect_to_clean;
