//! `kubekv serve`: flags, signals, and the lines that say the gateway is ready.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use kubekv::config::{
    self, Config, OPTIONS, OptionSpec, SettingOrigin, Settings, TlsConfig, TlsOptions, ValueKind,
};
use kubekv::gateway::{Listeners, Ports, Stage, raise_file_limit, run_with_stages};
use prometheus_client::registry::Registry;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::CommandError;
use super::log;

/// The flags of `kubekv serve`: one for each row of [`OPTIONS`].
#[derive(Debug)]
pub(super) struct Serve(Settings);

impl Args for Serve {
    fn augment_args(command: Command) -> Command {
        command.args(OPTIONS.iter().map(flag)).after_help(
            "Every option is also an environment variable, KUBEKV_CONSUL for --consul, and a key of the file, consul = \"off\".\n\
             A flag overrides the variable, and the variable overrides the file.",
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Serve {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut serve = Self(Settings::default());
        serve.update_from_arg_matches(matches)?;
        Ok(serve)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for option in &OPTIONS {
            if let Some(text) = matches.get_one::<String>(option.name) {
                self.0
                    .set(option.name, text, SettingOrigin::Flag(option.name));
            }
        }
        Ok(())
    }
}

fn flag(option: &OptionSpec) -> Arg {
    let OptionSpec {
        name,
        value,
        kind,
        help,
        default,
    } = *option;
    let variable = option.variable();
    let flag = Arg::new(name)
        .long(name)
        .value_name(value)
        .help(format!("{help} [default: {default}] [env: {variable}]"));
    match kind {
        ValueKind::Text | ValueKind::Number => flag,
        // The flag alone means true; `--flag=false` overrides a file that says true.
        ValueKind::Switch => flag
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
    }
}

impl Serve {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let config = config::load(self.0, std::env::vars_os())?;
        let logging = log::init(&config.log);
        let mut registry = Registry::with_prefix("kubekv");
        logging.register(&mut registry);
        raise_file_limit();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let outcome = runtime.block_on(serve(config, registry));
        // A store that is still loading at shutdown does not delay the exit.
        runtime.shutdown_background();
        // The log is flushed before anything else goes to standard error.
        drop(logging);
        outcome
    }
}

async fn serve(config: Config, registry: Registry) -> Result<(), CommandError> {
    // Handlers come first: a signal that arrives while the store opens stops the gateway, too.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let shutdown = async move {
        tokio::select! {
            _received = terminate.recv() => tracing::info!("SIGTERM received: shutting down"),
            _received = interrupt.recv() => tracing::info!("SIGINT received: shutting down"),
            _received = quit.recv() => tracing::info!("SIGQUIT received: shutting down"),
        }
    };
    log_ignored_signals()?;
    let listeners = Listeners::bind(&config.listen)?;
    let tls = config.tls.clone();
    let report = |stage| announce(stage, &tls);
    run_with_stages(config, listeners, registry, shutdown, report).await?;
    Ok(())
}

/// Signals whose default action would end the process without draining. Other servers reload or rotate their log on some of
/// them, and a closing terminal sends SIGHUP. Here each is one log line.
const IGNORED: [(SignalKind, &str); 5] = [
    (SignalKind::hangup(), "SIGHUP"),
    (SignalKind::user_defined1(), "SIGUSR1"),
    (SignalKind::user_defined2(), "SIGUSR2"),
    (SignalKind::alarm(), "SIGALRM"),
    (SignalKind::io(), "SIGIO"),
];

/// Logs and ignores those signals, as long as the runtime lasts. Every Rust program ignores SIGPIPE.
fn log_ignored_signals() -> io::Result<()> {
    for (kind, name) in IGNORED {
        let mut signals = signal(kind)?;
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                tracing::info!(
                    signal = name,
                    "signal ignored: options are read only at the start, so restart the gateway to change one; \
                     SIGTERM stops it"
                );
            }
        });
    }
    Ok(())
}

/// Announces a stage: to the operator on standard output and in the log, and to the service manager.
fn announce(stage: Stage, tls: &TlsConfig) {
    let state = match stage {
        Stage::Ready(ports) => {
            // A closed standard output is no reason to stop.
            let _unwritable = print_ports(&ports, tls);
            tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
            NotifyState::Ready
        }
        Stage::Stopping => NotifyState::Stopping,
    };
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot notify the service manager: it may think that the gateway is still starting, or still serving");
    }
}

/// Prints one line for each port. The line of each face has the options for dockerd.
fn print_ports(ports: &Ports, tls: &TlsConfig) -> io::Result<()> {
    let Ports {
        consul,
        etcd,
        zookeeper,
        admin,
        relay: _for_gateways_only,
    } = *ports;
    let mut out = io::stdout().lock();
    for (name, scheme, address, tls) in [
        ("consul", "consul", consul, &tls.consul),
        ("etcd", "etcd", etcd, &tls.etcd),
    ] {
        if let Some(address) = address.map(reachable) {
            let store = format!("dockerd --cluster-store={scheme}://{address}");
            match tls {
                None => writeln!(out, "{name:<7} {store}")?,
                Some(tls) => writeln!(
                    out,
                    "{name:<7} https://{address} {store} {}",
                    docker_tls(tls)
                )?,
            }
        }
    }
    if let Some(address) = zookeeper.map(reachable) {
        match &tls.zookeeper {
            None => writeln!(out, "zookeeper dockerd --cluster-store=zk://{address}")?,
            Some(_) => writeln!(
                out,
                "zookeeper tls://{address} (not for dockerd: its client has no TLS)"
            )?,
        }
    }
    if let Some(address) = admin.map(reachable) {
        let scheme = if tls.admin.is_some() { "https" } else { "http" };
        writeln!(out, "admin   {scheme}://{address}")?;
    }
    out.flush()
}

/// The options of dockerd for this TLS; FILE stands for files of the host it runs on.
fn docker_tls(tls: &TlsOptions) -> &'static str {
    match &tls.clients {
        None => "--cluster-store-opt kv.cacertfile=FILE",
        Some(_) => {
            "--cluster-store-opt kv.cacertfile=FILE --cluster-store-opt kv.certfile=FILE --cluster-store-opt kv.keyfile=FILE"
        }
    }
}

/// An address that clients can connect to. For an unspecified address this is the source address of the default route, or
/// loopback where there is none.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    // Connecting a datagram socket sends nothing: it only selects a route. The target is in a network reserved for
    // documentation (RFC 5737).
    let own = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    let ip = own.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |own| own.ip());
    SocketAddr::new(ip, address.port())
}
