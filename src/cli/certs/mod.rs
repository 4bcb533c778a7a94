//! `kubekv certs`: a certificate authority and certificates, for trying TLS out.

mod advice;
mod authority;
mod files;
mod issue;
mod lifetime;
mod names;
mod pair;
mod place;
mod revoke;

use clap::{Args, Subcommand};

use self::authority::Authority;
use self::issue::{ClientOptions, NodeOptions, ServerOptions};
use self::place::PlaceOptions;
use self::revoke::Revoke;
use super::exit::CommandError;
use super::kv::print;

/// The options of `kubekv certs`.
#[derive(Debug, Args)]
#[command(
    after_help = "For trying it out: the authority's key is an unencrypted file. A fleet has an authority already, or gets one from \
cert-manager or SPIRE, whose files kubekv reads as they are."
)]
pub(super) struct Certs {
    #[command(subcommand)]
    command: CertsCommand,
}

#[derive(Debug, Subcommand)]
enum CertsCommand {
    /// Make a certificate authority: ca.crt and ca.key
    Ca(Ca),
    /// Make the certificate of the gateways, with all their names: server.crt and server.key
    Server(ServerOptions),
    /// Make the certificate of a Docker host: node-ADDRESS.crt and node-ADDRESS.key
    Node(NodeOptions),
    /// Make the certificate of another client: client-NAME.crt and client-NAME.key
    Client(ClientOptions),
    /// Revoke certificates: adds them to ca.crl, and renews the date until which the list is current
    Revoke(Revoke),
}

/// The options of `kubekv certs ca`.
#[derive(Debug, Args)]
struct Ca {
    #[command(flatten)]
    place: PlaceOptions,
    /// The authority's name in its certificate and in those that it signs
    #[arg(long, default_value = "kubekv CA", value_parser = names::common_name)]
    name: String,
    /// How many days it lasts, and with it every certificate that it signs
    #[arg(long, default_value_t = 1825, value_parser = lifetime::parser())]
    days: u32,
}

impl Certs {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let said = match self.command {
            CertsCommand::Ca(ca) => ca.make()?,
            CertsCommand::Server(server) => server.make()?,
            CertsCommand::Node(node) => node.make()?,
            CertsCommand::Client(client) => client.make()?,
            CertsCommand::Revoke(revoke) => revoke.write()?,
        };
        print::bytes(said.as_bytes())
    }
}

impl Ca {
    fn make(self) -> Result<String, CommandError> {
        let Self { place, name, days } = self;
        let directory = place.directory()?;
        directory.create()?;
        let (pair, fingerprint) = Authority::generate(&name, lifetime::from_now(days))?;
        let written = directory.write_pair(authority::STEM, &pair)?;
        Ok(advice::of_authority(&directory, &written, &fingerprint))
    }
}
