//! `/v2/members` and `/v2/machines`: the only member, and the addresses that clients are to use.

mod client_urls;
pub(super) mod machines;
pub(super) mod member_list;
