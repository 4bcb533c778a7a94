//! The `kubekv` command line: one module for each group of commands.

#[cfg(feature = "bench")]
mod bench;
mod certs;
mod client;
mod completions;
mod crd;
mod exit;
mod kv;
mod log;
mod name;
mod policy;
mod serve;
mod store;
mod store_in_use;
mod token;
mod transfer;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use exit::{CommandError, EXIT_CODES};

/// A key/value store that speaks the protocols of Consul, etcd v2 and ZooKeeper, for dockerd --cluster-store and any
/// client of libkv or valkeyrie.
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
    /// Delete a key, or all keys with a prefix
    Delete(kv::Delete),
    /// Print keys
    List(kv::List),
    /// Print changes as they happen
    Watch(kv::Watch),
    /// Print all entries of a running gateway, of another server or of a store
    Export(transfer::Export),
    /// Write the entries of an export, of another server or of a store
    Import(transfer::Import),
    /// Print or remove the access lists in a store
    Acl(transfer::Acl),
    /// Make a certificate authority and certificates, for trying TLS out
    Certs(certs::Certs),
    /// Check a policy, and explain what it allows
    Policy(policy::PolicyOptions),
    /// Make, list and revoke the tokens and the passwords of clients
    Token(token::TokenOptions),
    /// Print the role, leader, revision and number of entries of a running gateway
    Status(kv::Status),
    /// Read and verify an embedded store that no gateway uses
    Check(store::Check),
    /// Verify an embedded store that no gateway uses, and copy it
    Backup(store::Backup),
    /// Generate load for kubekv and servers like it, and measure them
    #[cfg(feature = "bench")]
    Bench(Box<bench::Bench>),
    /// Print the custom resource definition for --store kubernetes:, for kubectl apply -f -
    Crd(crd::Crd),
    /// Print the name of a key's object in Kubernetes
    Name(name::Name),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

/// Parses the command line and runs its command.
pub(crate) fn main() -> ExitCode {
    log::detect_format(std::env::args_os());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return parse_failed(&error),
    };
    let outcome = match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Get(get) => get.run(),
        Command::Put(put) => put.run(),
        Command::Delete(delete) => delete.run(),
        Command::List(list) => list.run(),
        Command::Watch(watch) => watch.run(),
        Command::Export(export) => export.run(),
        Command::Import(import) => import.run(),
        Command::Acl(acl) => acl.run(),
        Command::Certs(certs) => certs.run(),
        Command::Policy(policy) => policy.run(),
        Command::Token(token) => token.run(),
        Command::Status(status) => status.run(),
        Command::Check(check) => check.run(),
        Command::Backup(backup) => backup.run(),
        #[cfg(feature = "bench")]
        Command::Bench(bench) => bench.run(),
        Command::Crd(crd::Crd {}) => crd::Crd::run(),
        Command::Name(name) => name.run(),
        Command::Completions(completions) => completions.run(Cli::command()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandError { code, message }) => {
            if let Some(message) = message {
                log::print_error(&message, code);
            }
            code.into()
        }
    }
}

/// Prints an invalid command line to standard error, or the requested help or version to standard output: the parser returns
/// both as errors.
fn parse_failed(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _unwritable = error.print();
        return ExitCode::SUCCESS;
    }
    if log::is_json() {
        let message = error.to_string();
        log::print_error(message.trim_end(), exit::USAGE);
    } else {
        // This prints with the colours of a terminal.
        let _unwritable = error.print();
    }
    exit::USAGE.into()
}
