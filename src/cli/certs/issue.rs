//! Certificates of gateways, Docker hosts and other clients.

use std::net::IpAddr;

use clap::Args;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyUsagePurpose, SanType};

use super::authority::{Authority, params};
use super::files::{CertificateDirectory, Written};
use super::place::PlaceOptions;
use super::{advice, lifetime, names};
use crate::cli::exit::CommandError;

/// The options of `kubekv certs server`.
#[derive(Debug, Args)]
pub(super) struct ServerOptions {
    /// Every name by which clients reach any of the gateways: IP addresses, names in DNS, *.DOMAIN. Gateways that share a store
    /// use one certificate, or certificates with the same names: a standby relays clients to the leader
    #[arg(required = true, value_name = "NAME", value_parser = names::server_name)]
    names: Vec<SanType>,
    #[command(flatten)]
    common: Common,
}

/// The options of `kubekv certs node`.
#[derive(Debug, Args)]
pub(super) struct NodeOptions {
    /// The host's address in --cluster-advertise, by which the role docker-node knows it
    #[arg(value_parser = names::address)]
    address: IpAddr,
    /// The host's name in DNS
    #[arg(long, value_name = "NAME", value_parser = names::host_name)]
    dns: Option<SanType>,
    #[command(flatten)]
    spiffe: Spiffe,
    #[command(flatten)]
    common: Common,
}

/// The options of `kubekv certs client`.
#[derive(Debug, Args)]
pub(super) struct ClientOptions {
    /// The client's name, by which a policy knows it
    #[arg(value_parser = names::common_name)]
    name: String,
    #[command(flatten)]
    spiffe: Spiffe,
    #[command(flatten)]
    common: Common,
}

/// An identity besides the name.
#[derive(Debug, Args)]
struct Spiffe {
    /// Its identity in SPIFFE
    #[arg(long, value_name = "URI", value_parser = names::spiffe)]
    spiffe: Option<SanType>,
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    place: PlaceOptions,
    /// How many days it lasts, at most as long as its authority
    #[arg(long, default_value_t = 365, value_parser = lifetime::parser())]
    days: u32,
}

/// What a certificate is for.
struct Subject {
    /// Of its files, without their ending.
    stem: String,
    common_name: String,
    names: Vec<SanType>,
    usage: ExtendedKeyUsagePurpose,
}

impl ServerOptions {
    pub(super) fn make(self) -> Result<String, CommandError> {
        let Self { names, common } = self;
        let shown: Vec<_> = names.iter().map(names::shown).collect();
        let subject = Subject {
            stem: "server".to_owned(),
            common_name: "kubekv".to_owned(),
            names,
            usage: ExtendedKeyUsagePurpose::ServerAuth,
        };
        let (directory, written) = common.issue(subject)?;
        Ok(advice::of_server(&directory, &written, &shown.join(", ")))
    }
}

impl NodeOptions {
    pub(super) fn make(self) -> Result<String, CommandError> {
        let Self {
            address,
            dns,
            spiffe,
            common,
        } = self;
        let names = [Some(SanType::IpAddress(address)), dns, spiffe.spiffe];
        let subject = Subject {
            stem: format!("node-{address}"),
            common_name: address.to_string(),
            names: names.into_iter().flatten().collect(),
            usage: ExtendedKeyUsagePurpose::ClientAuth,
        };
        let (directory, written) = common.issue(subject)?;
        Ok(advice::of_node(&directory, &written, address))
    }
}

impl ClientOptions {
    pub(super) fn make(self) -> Result<String, CommandError> {
        let Self {
            name,
            spiffe,
            common,
        } = self;
        let subject = Subject {
            stem: format!("client-{name}"),
            common_name: name.clone(),
            names: spiffe.spiffe.into_iter().collect(),
            usage: ExtendedKeyUsagePurpose::ClientAuth,
        };
        let (directory, written) = common.issue(subject)?;
        Ok(advice::of_client(&directory, &written, &name))
    }
}

impl Common {
    fn issue(self, subject: Subject) -> Result<(CertificateDirectory, Written), CommandError> {
        let Self { place, days } = self;
        let directory = place.directory()?;
        let authority = Authority::read(&directory)?;
        let lifetime = lifetime::from_now(days).within(authority.until);
        let Subject {
            stem,
            common_name,
            names,
            usage,
        } = subject;
        let mut params: CertificateParams = params(&common_name, lifetime);
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let pair = authority.sign(&params, lifetime.until)?;
        let written = directory.write_pair(&stem, &pair)?;
        Ok((directory, written))
    }
}
