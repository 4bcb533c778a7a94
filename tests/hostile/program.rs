//! Referee of hostile clients: each attack beside a well-behaved client, on kubekv, on the real servers and on a server
//! that answers with constants, and the table of what that client saw. `tests/hostile/run` starts it.

#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::large_futures,
    clippy::wildcard_enum_match_arm,
    clippy::let_underscore_untyped,
    reason = "a measurement that cannot go on fails; the short form uses the rest"
)]

mod attacks;
mod client;
mod fill;
mod keeper;
mod stage;
mod table;
mod tally;

use clap::Parser;

use table::options::HostileCommand;

fn main() {
    kubekv::gateway::raise_file_limit();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match HostileCommand::parse() {
        HostileCommand::Run(options) => runtime.block_on(table::run(&options)),
        HostileCommand::Strike(options) => runtime.block_on(table::strike::run(&options)),
        HostileCommand::List => table::list(),
        HostileCommand::Markdown(options) => table::markdown::print(&options),
    }
}
