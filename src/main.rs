//! The `kubekv` command.

mod cli;

use std::process::ExitCode;

/// A write allocates on one thread and frees on another, which costs the platform's allocator a quarter of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
