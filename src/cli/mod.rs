//! The command line.

mod client;
mod completions;
mod crd;
mod exit;
mod in_use;
mod kv;
mod log;
mod name;
mod serve;
mod store;
mod transfer;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use exit::{EXIT_CODES, Failure};

/// Consul's HTTP API and etcd's version 2 on one durable keyspace, for dockerd --cluster-store and any client of
/// libkv or valkeyrie.
#[derive(Debug, Parser)]
#[command(name = "kubekv", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve(serve::Serve),
    /// Print a key's value
    Get(kv::Get),
    /// Write a key
    Put(kv::Put),
    /// Delete a key, or all that begin with something
    Delete(kv::Delete),
    /// Print keys
    List(kv::List),
    /// Print changes as they happen
    Watch(kv::Watch),
    /// Print all entries of a running gateway, or of another server or a store
    Export(transfer::Export),
    /// Write the entries of an export, or of another server or store
    Import(transfer::Import),
    /// Print what a running gateway is and holds
    Status(kv::Status),
    /// Read and verify an embedded store that no gateway uses
    Check(store::Check),
    /// Copy an embedded store that no gateway uses, verifying it
    Backup(store::Backup),
    /// Print the definition of the custom resource that --store kubernetes: keeps entries as, for kubectl apply -f -
    Crd(crd::Crd),
    /// Print what the object of a key is called in Kubernetes
    Name(name::Name),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    log::note_format(std::env::args_os());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error),
    };
    let done = match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Get(get) => get.run(),
        Command::Put(put) => put.run(),
        Command::Delete(delete) => delete.run(),
        Command::List(list) => list.run(),
        Command::Watch(watch) => watch.run(),
        Command::Export(export) => export.run(),
        Command::Import(import) => import.run(),
        Command::Status(status) => status.run(),
        Command::Check(check) => check.run(),
        Command::Backup(backup) => backup.run(),
        Command::Crd(crd::Crd {}) => crd::Crd::run(),
        Command::Name(name) => name.run(),
        Command::Completions(completions) => completions.run(Cli::command()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, line }) => {
            if let Some(line) = line {
                log::end(&line, code);
            }
            code.into()
        }
    }
}

/// A command line that is wrong, or asks for help or the version: those are errors to the parser, too, and go to
/// standard output.
fn not_parsed(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _unwritable = error.print();
        return ExitCode::SUCCESS;
    }
    if log::is_json() {
        let words = error.to_string();
        log::end(words.trim_end(), exit::USAGE);
    } else {
        // With the colours of a terminal.
        let _unwritable = error.print();
    }
    exit::USAGE.into()
}
