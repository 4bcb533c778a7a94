//! `kubekv serve`.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};
use kubekv::config::{self, Config, Kind, OPTIONS, OptionSpec, Place, Settings};
use kubekv::gateway::{Listeners, Ports, Stage, raise_file_limit, run_with_stages};
use prometheus_client::registry::Registry;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::Failure;
use super::log;

/// The flags of `kubekv serve`: one for each option there is.
#[derive(Debug)]
pub(super) struct Serve(Settings);

impl Args for Serve {
    fn augment_args(command: Command) -> Command {
        command.args(OPTIONS.iter().map(flag)).after_help(
            "Every option is also a variable, KUBEKV_CONSUL for --consul, and a key of the file, consul = \"off\".\n\
             A flag comes before the variable, the variable before the file.",
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
                self.0.set(option.name, text, Place::Flag(option.name));
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
        Kind::Text | Kind::Number => flag,
        // The flag alone means true; `--flag=false` goes over a file that says true.
        Kind::Switch => flag
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
    }
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = config::load(self.0, std::env::vars_os())?;
        let logging = log::init(&config.log);
        let mut registry = Registry::with_prefix("kubekv");
        logging.register(&mut registry);
        raise_file_limit();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let ended = runtime.block_on(serve(config, registry));
        // A store that is still being read when the gateway is told to end is not waited for.
        runtime.shutdown_background();
        // Before anything else goes to standard error.
        drop(logging);
        ended
    }
}

async fn serve(config: Config, registry: Registry) -> Result<(), Failure> {
    // First of all: a signal that comes while the store opens ends the gateway too.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let shutdown = async move {
        tokio::select! {
            _told = terminate.recv() => tracing::info!("told to end by SIGTERM"),
            _told = interrupt.recv() => tracing::info!("told to end by SIGINT"),
            _told = quit.recv() => tracing::info!("told to end by SIGQUIT"),
        }
    };
    ignore_others()?;
    let listeners = Listeners::bind(&config.listen)?;
    run_with_stages(config, listeners, registry, shutdown, tell).await?;
    Ok(())
}

/// Signals that would end a process that says nothing of them, undrained: some servers reload at one or rotate their log,
/// and terminals that close send SIGHUP. Here they are a line of the log.
const IGNORED: [(SignalKind, &str); 5] = [
    (SignalKind::hangup(), "SIGHUP"),
    (SignalKind::user_defined1(), "SIGUSR1"),
    (SignalKind::user_defined2(), "SIGUSR2"),
    (SignalKind::alarm(), "SIGALRM"),
    (SignalKind::io(), "SIGIO"),
];

/// Keeps those from ending the gateway, as long as the runtime lasts. SIGPIPE is ignored by every Rust program.
fn ignore_others() -> io::Result<()> {
    for (kind, name) in IGNORED {
        let mut signals = signal(kind)?;
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                tracing::info!(
                    signal = name,
                    "signal ignored: options are read at the start alone, so restart the gateway to change one; \
                     SIGTERM ends it"
                );
            }
        });
    }
    Ok(())
}

/// Tells people and the service manager.
fn tell(stage: Stage) {
    let state = match stage {
        Stage::Ready(ports) => {
            // Nobody may be reading.
            let _unwritable = print_ports(&ports);
            tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
            NotifyState::Ready
        }
        Stage::Stopping => NotifyState::Stopping,
    };
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}

/// One line for each port: for a face, what Docker's daemon is to be started with.
fn print_ports(ports: &Ports) -> io::Result<()> {
    let Ports {
        consul,
        etcd,
        admin,
        relay: _for_gateways,
    } = *ports;
    let mut out = io::stdout().lock();
    for (name, scheme, address) in [("consul", "consul", consul), ("etcd", "etcd", etcd)] {
        if let Some(address) = address {
            let address = reachable(address);
            writeln!(
                out,
                "{name:<7} dockerd --cluster-store={scheme}://{address}"
            )?;
        }
    }
    if let Some(address) = admin {
        writeln!(out, "admin   http://{}", reachable(address))?;
    }
    out.flush()
}

/// An address to connect to: for "every address of this machine", the one it would send from, as far as that is known.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    // Connecting a datagram socket sends nothing; it only picks a route. The target is of a net kept for documents.
    let own = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    let ip = own.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |own| own.ip());
    SocketAddr::new(ip, address.port())
}
