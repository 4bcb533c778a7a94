//! Every option of `kubekv serve`, once.

/// What an option's text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text; in TOML a string.
    Text,
    /// `true` or `false`; in TOML a boolean. The flag alone means `true`.
    Switch,
    /// A whole number, not negative; in TOML an integer.
    Number,
}

/// An option: its flag less the dashes, which is also its key in the file.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The name, in lower case with dashes.
    pub name: &'static str,
    /// What stands for its value in help texts.
    pub value: &'static str,
    /// What its text must be.
    pub kind: Kind,
    /// What it does, in one line or two.
    pub help: &'static str,
    /// The value where it is not given, as help texts say it.
    pub default: &'static str,
}

impl OptionSpec {
    /// The variable of the environment: `KUBEKV_` and the name in upper case with underscores.
    pub fn variable(&self) -> String {
        format!("KUBEKV_{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// Whether the file may have it: the option that names the file cannot be in it.
    pub fn in_file(&self) -> bool {
        self.name != "config"
    }
}

const fn text(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> OptionSpec {
    OptionSpec {
        name,
        value,
        kind: Kind::Text,
        help,
        default,
    }
}

/// Every option, in the order of the help text.
pub const OPTIONS: [OptionSpec; 21] = [
    text(
        "store",
        "URL",
        "embedded",
        "Where entries are kept: embedded[:PATH] | memory: | kubernetes:[NAMESPACE] | \
         etcd://HOST:PORT[,HOST:PORT...]/PREFIX. PATH is /var/lib/kubekv for root, else $XDG_DATA_HOME/kubekv, else \
         ~/.local/share/kubekv. PREFIX ends where the keys begin",
    ),
    text(
        "store-ca",
        "FILE",
        "none",
        "Who may vouch for the etcd of --store, in PEM. Connections to it are encrypted where this or --store-cert is given",
    ),
    text(
        "store-cert",
        "FILE",
        "none",
        "The certificate shown to the etcd of --store, in PEM; read anew when it changes",
    ),
    text(
        "store-key",
        "FILE",
        "none",
        "The key of --store-cert, in PEM",
    ),
    text(
        "store-user",
        "NAME",
        "none",
        "The user of the etcd of --store",
    ),
    text(
        "store-password-file",
        "FILE",
        "none",
        "The file whose first line is that user's password, or have it in the variable KUBEKV_STORE_PASSWORD",
    ),
    text(
        "consul",
        "ADDR|off",
        "127.0.0.1:8500",
        "Where Consul's HTTP API listens",
    ),
    text(
        "etcd",
        "ADDR|off",
        "127.0.0.1:2379",
        "Where etcd's API, version 2, listens",
    ),
    text(
        "zookeeper",
        "ADDR|off",
        "off",
        "Where ZooKeeper's protocol listens: not in this build",
    ),
    text(
        "admin",
        "ADDR|off",
        "127.0.0.1:9280",
        "Where /livez, /readyz, /metrics and /version listen",
    ),
    text(
        "relay",
        "ADDR|off",
        "127.0.0.1:0",
        "Where other gateways of a shared store reach this one, to relay connections to it while it leads; with TLS of \
         their own. Off, it lets connections wait while another leads",
    ),
    text(
        "relay-advertise",
        "HOST:PORT",
        "the address it listens on",
        "Where other gateways reach the relay's port, if not where it listens",
    ),
    OptionSpec {
        name: "allow-plaintext",
        value: "true|false",
        kind: Kind::Switch,
        help: "Listen without TLS on addresses other than loopback: whoever reaches them can read and change everything",
        default: "false",
    },
    text(
        "etcd-advertise",
        "URL[,URL...]",
        "the address a client came by",
        "What etcd's /v2/members names, http://HOST:PORT; clients go on there",
    ),
    text(
        "node-name",
        "NAME",
        "the host's name",
        "What the one node is called in Consul's catalog and sessions",
    ),
    text(
        "datacenter",
        "NAME",
        "dc1",
        "What the one datacenter is called in Consul's answers",
    ),
    OptionSpec {
        name: "max-connections",
        value: "COUNT",
        kind: Kind::Number,
        help: "The most connections open at a time, over all faces; more are closed at once",
        default: "20000",
    },
    OptionSpec {
        name: "lead-duration",
        value: "SECONDS",
        kind: Kind::Number,
        help: "How long the lead of a shared store lasts when its gateway falls silent; then another takes it",
        default: "4",
    },
    text(
        "log-level",
        "LEVEL",
        "info",
        "What is logged on standard error: error, warn, info, debug, trace, or a filter as in info,kubekv::face=debug",
    ),
    text("log-format", "text|json", "text", "How it is logged"),
    text(
        "config",
        "FILE",
        "none",
        "A TOML file of these options, without the dashes; flags and KUBEKV_* variables come before it",
    ),
];

/// The option of this name.
pub(crate) fn find(name: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|option| option.name == name)
}
