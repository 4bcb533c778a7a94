//! The `kubekv` command.

fn main() {}
