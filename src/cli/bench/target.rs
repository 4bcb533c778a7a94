//! The arguments of the server under load.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use kubekv::bench::target::{BindRange, LoadTarget, TargetError, TargetProtocol};
use kubekv::config::{self, BENCH_OPTIONS, BENCH_TARGET, SettingOrigin, Settings};

use crate::cli::exit::{CommandError, UNREACHABLE, USAGE};

/// The server under load, its credentials, and how to reach it.
#[derive(Clone, Debug, Args)]
pub(super) struct TargetArguments {
    /// The servers: consul://HOST:PORT, etcd2://HOST:PORT[,HOST:PORT...], etcd3://HOST:PORT[,...],
    /// zk://HOST:PORT[,...][/CHROOT] or kube://HOST:PORT/NAMESPACE
    #[arg(value_name = BENCH_TARGET)]
    url: String,
    #[command(flatten)]
    credentials: Credentials,
    /// Show the certificates of this directory, each client another one: NAME.crt with NAME.key
    #[arg(long, value_name = "DIRECTORY")]
    tls_certs: Option<PathBuf>,
    /// Connect from this address, or from the addresses of this network one after another
    #[arg(long, value_name = "ADDRESS[/LENGTH]")]
    bind: Option<BindRange>,
    /// Do not ask for compressed answers; by default Consul and etcd v2 are asked for them, as Go's HTTP clients do
    #[arg(long)]
    no_compression: bool,
    /// Load servers on other machines
    #[arg(long)]
    allow_remote: bool,
}

/// The flags of credentials, not yet parsed.
#[derive(Clone, Debug, Default)]
struct Credentials(Settings);

impl TargetArguments {
    /// Resolves the servers and reads the credentials.
    pub(super) fn resolve(self) -> Result<Arc<LoadTarget>, CommandError> {
        let Credentials(mut settings) = self.credentials;
        settings.set(BENCH_TARGET, self.url, SettingOrigin::Flag(BENCH_TARGET));
        let (url, access) = config::bench_target(&mut settings, env::vars_os())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let resolved = runtime.block_on(LoadTarget::resolve_any(
            &url,
            &access,
            self.bind,
            self.allow_remote,
        ));
        match resolved {
            Ok(mut target) => {
                let speaks_http = match target.protocol {
                    TargetProtocol::Consul | TargetProtocol::Etcd2 | TargetProtocol::Kubernetes => {
                        true
                    }
                    TargetProtocol::Etcd3 | TargetProtocol::ZooKeeper => false,
                };
                if self.no_compression && !speaks_http {
                    let message =
                        "--no-compression: only Consul, etcd v2 and API servers compress answers";
                    return Err(CommandError::new(USAGE, message));
                }
                target.accepts_gzip = !self.no_compression;
                let target = match &self.tls_certs {
                    None => target,
                    Some(_) if target.protocol == TargetProtocol::Etcd3 => {
                        let message =
                            "--tls-certs: clients of etcd v3 show one certificate, --tls-cert";
                        return Err(CommandError::new(USAGE, message));
                    }
                    Some(directory) => target
                        .showing_certificates(directory)
                        .map_err(|error| CommandError::new(USAGE, error.to_string()))?,
                };
                Ok(Arc::new(target))
            }
            Err(error @ TargetError::Name(..)) => {
                Err(CommandError::new(UNREACHABLE, error.to_string()))
            }
            Err(error) => Err(CommandError::new(USAGE, error.to_string())),
        }
    }
}

impl Args for Credentials {
    fn augment_args(command: Command) -> Command {
        let arguments = BENCH_OPTIONS
            .into_iter()
            .map(|(name, value, help)| Arg::new(name).long(name).value_name(value).help(help));
        command.args(arguments)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Credentials {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut settings = Settings::default();
        for (name, ..) in BENCH_OPTIONS {
            if let Some(text) = matches.get_one::<String>(name) {
                settings.set(name, text, SettingOrigin::Flag(name));
            }
        }
        Ok(Self(settings))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
