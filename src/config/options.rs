//! The table of all options of `kubekv serve`.

/// The kind of value that an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Any text; in TOML a string.
    Text,
    /// `true` or `false`; in TOML a boolean. The flag alone means `true`.
    Switch,
    /// A whole number of 0 or more; in TOML an integer.
    Number,
}

/// An option. Its name is the flag without the dashes, and the key in the file.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The name, in lower case with dashes.
    pub name: &'static str,
    /// The placeholder of its value in help texts.
    pub value: &'static str,
    /// The kind of its value.
    pub kind: ValueKind,
    /// The help text, of one or two lines.
    pub help: &'static str,
    /// The default value, as help texts show it.
    pub default: &'static str,
}

impl OptionSpec {
    /// The variable of the environment: `KUBEKV_` and the name in upper case with underscores.
    pub fn variable(&self) -> String {
        format!("KUBEKV_{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// Whether the file may set it. The option that names the file cannot stand in the file.
    pub fn is_allowed_in_file(&self) -> bool {
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
        kind: ValueKind::Text,
        help,
        default,
    }
}

/// Every option, in the order of the help text.
pub const OPTIONS: [OptionSpec; 63] = [
    text(
        "store",
        "URL",
        "embedded",
        "The store that holds the entries: embedded[:PATH] | memory: | kubernetes:[NAMESPACE] | \
         etcd://HOST:PORT[,HOST:PORT...]/PREFIX. PATH is /var/lib/kubekv for root, else $XDG_DATA_HOME/kubekv, else \
         ~/.local/share/kubekv. PREFIX ends where the keys begin",
    ),
    text(
        "store-ca",
        "FILE",
        "none",
        "The certificate authorities of the etcd of --store, in PEM. This option or --store-cert turns TLS on",
    ),
    text(
        "store-cert",
        "FILE",
        "none",
        "The client certificate for the etcd of --store, in PEM; read again when the file changes",
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
        "The file whose first line is the password of --store-user. The variable KUBEKV_STORE_PASSWORD can hold it instead",
    ),
    text(
        "consul",
        "ADDR|off",
        "127.0.0.1:8500",
        "The listen address of Consul's HTTP API",
    ),
    text(
        "etcd",
        "ADDR|off",
        "127.0.0.1:2379",
        "The listen address of etcd's API, version 2",
    ),
    text(
        "zookeeper",
        "ADDR|off",
        "off",
        "The listen address of ZooKeeper's protocol",
    ),
    text(
        "admin",
        "ADDR|off",
        "127.0.0.1:9280",
        "The listen address of the admin port: /livez, /readyz, /status, /metrics and /version",
    ),
    text(
        "relay",
        "ADDR|off",
        "127.0.0.1:0",
        "The listen address of the relay, on a shared store: other gateways forward connections to it while this one is \
         the leader, over TLS of their own. With off, client connections wait while another gateway is the leader",
    ),
    text(
        "relay-advertise",
        "HOST:PORT",
        "the address it listens on",
        "The address where other gateways reach the relay port, if it is not the listen address",
    ),
    text(
        "tls-cert",
        "FILE",
        "none",
        "The certificate of every face and the admin port, with those between it and its authority, in PEM; with --tls-key it \
         turns TLS on. Files of certificates, keys, authorities and lists are read again when they change",
    ),
    text("tls-key", "FILE", "none", "The key of --tls-cert, in PEM"),
    text(
        "tls-client-ca",
        "FILE",
        "none",
        "The authorities of clients' certificates, in PEM",
    ),
    text(
        "tls-client-auth",
        "off|optional|required",
        "required with --tls-client-ca, else off",
        "Whether clients present a certificate that an authority of --tls-client-ca vouches for",
    ),
    text(
        "tls-crl",
        "FILE[,FILE...]",
        "none",
        "Lists of revoked certificates of clients, in PEM or DER. A connection ends when its client's certificate is revoked",
    ),
    text(
        "consul-tls-cert",
        "FILE|off",
        "that of --tls-cert",
        "The certificate of Consul's API in place of --tls-cert; off for plaintext",
    ),
    text(
        "consul-tls-key",
        "FILE",
        "that of --tls-key",
        "The key of --consul-tls-cert, in PEM",
    ),
    text(
        "consul-tls-client-ca",
        "FILE|off",
        "that of --tls-client-ca",
        "The authorities of clients of Consul's API in place of --tls-client-ca",
    ),
    text(
        "consul-tls-client-auth",
        "off|optional|required",
        "that of --tls-client-auth",
        "Whether clients of Consul's API present a certificate, in place of --tls-client-auth",
    ),
    text(
        "consul-tls-crl",
        "FILE[,FILE...]|off",
        "that of --tls-crl",
        "Lists of revoked certificates for Consul's API in place of --tls-crl",
    ),
    text(
        "etcd-tls-cert",
        "FILE|off",
        "that of --tls-cert",
        "The certificate of etcd's API in place of --tls-cert; off for plaintext",
    ),
    text(
        "etcd-tls-key",
        "FILE",
        "that of --tls-key",
        "The key of --etcd-tls-cert, in PEM",
    ),
    text(
        "etcd-tls-client-ca",
        "FILE|off",
        "that of --tls-client-ca",
        "The authorities of clients of etcd's API in place of --tls-client-ca",
    ),
    text(
        "etcd-tls-client-auth",
        "off|optional|required",
        "that of --tls-client-auth",
        "Whether clients of etcd's API present a certificate, in place of --tls-client-auth",
    ),
    text(
        "etcd-tls-crl",
        "FILE[,FILE...]|off",
        "that of --tls-crl",
        "Lists of revoked certificates for etcd's API in place of --tls-crl",
    ),
    text(
        "zookeeper-tls-cert",
        "FILE|off",
        "that of --tls-cert",
        "The certificate of ZooKeeper's protocol in place of --tls-cert; off for plaintext",
    ),
    text(
        "zookeeper-tls-key",
        "FILE",
        "that of --tls-key",
        "The key of --zookeeper-tls-cert, in PEM",
    ),
    text(
        "zookeeper-tls-client-ca",
        "FILE|off",
        "that of --tls-client-ca",
        "The authorities of clients of ZooKeeper's protocol in place of --tls-client-ca",
    ),
    text(
        "zookeeper-tls-client-auth",
        "off|optional|required",
        "that of --tls-client-auth",
        "Whether clients of ZooKeeper's protocol present a certificate, in place of --tls-client-auth",
    ),
    text(
        "zookeeper-tls-crl",
        "FILE[,FILE...]|off",
        "that of --tls-crl",
        "Lists of revoked certificates for ZooKeeper's protocol in place of --tls-crl",
    ),
    text(
        "admin-tls-cert",
        "FILE|off",
        "that of --tls-cert",
        "The certificate of the admin port in place of --tls-cert; off for plaintext",
    ),
    text(
        "admin-tls-key",
        "FILE",
        "that of --tls-key",
        "The key of --admin-tls-cert, in PEM",
    ),
    text(
        "admin-tls-client-ca",
        "FILE|off",
        "that of --tls-client-ca",
        "The authorities of clients of the admin port in place of --tls-client-ca",
    ),
    text(
        "admin-tls-client-auth",
        "off|optional|required",
        "that of --tls-client-auth",
        "Whether clients of the admin port present a certificate, in place of --tls-client-auth",
    ),
    text(
        "admin-tls-crl",
        "FILE[,FILE...]|off",
        "that of --tls-crl",
        "Lists of revoked certificates for the admin port in place of --tls-crl",
    ),
    OptionSpec {
        name: "allow-plaintext",
        value: "true|false",
        kind: ValueKind::Switch,
        help: "Listen without TLS on addresses other than loopback. Every client that reaches them can read and change everything",
        default: "false",
    },
    text(
        "policy",
        "FILE|kubernetes:[NAMESPACE]",
        "none",
        "The policy that defines who clients are and what each may do: a file in TOML, read again when it changes, or the \
         AccessPolicy objects in a namespace of a Kubernetes cluster. Without one every client can read and change everything",
    ),
    text(
        "policy-mode",
        "off|warn|enforce",
        "enforce with --policy, else off",
        "With warn, what the policy refuses is answered, and reported in the log and the metrics; with off the policy is not read",
    ),
    text(
        "credentials",
        "FILE",
        "none",
        "The tokens and the users of clients, in TOML, as kubekv token writes them; read again when the file changes. Without it \
         tokens and passwords are accepted and ignored",
    ),
    text(
        "token-review-audience",
        "AUDIENCE",
        "none",
        "The audience of Kubernetes ServiceAccounts' tokens that clients may show, such as kubekv; the API server of the cluster \
         reviews them. Never the API server's own audience",
    ),
    text(
        "guard",
        "off|warn|enforce",
        "off",
        "The Docker guard: with enforce, records that would harm Docker daemons and changes that no daemon makes are refused, and bad \
         records are kept from clients; with warn they are reported in the log and the metrics",
    ),
    text(
        "etcd-advertise",
        "URL[,URL...]",
        "the address a client connected to",
        "The client URLs that etcd's /v2/members returns, http://HOST:PORT or https://HOST:PORT; clients connect to them next",
    ),
    text(
        "host",
        "NAME[,NAME...]",
        "none",
        "Host names by which clients address this gateway, besides addresses, names without a dot, those that are advertised, \
         and *.svc, *.local, *.internal, *.localhost. *.DOMAIN stands for DOMAIN and all names in it. Requests for others are \
         refused, because web pages could make them",
    ),
    text(
        "node-name",
        "NAME",
        "the host's name",
        "The name of the one node in Consul's catalog and sessions",
    ),
    text(
        "datacenter",
        "NAME",
        "dc1",
        "The name of the one datacenter in Consul's answers",
    ),
    OptionSpec {
        name: "max-connections",
        value: "COUNT",
        kind: ValueKind::Number,
        help: "The limit of open connections, over all faces; connections beyond it are closed at once",
        default: "20000",
    },
    text(
        "memory-limit",
        "SIZE|auto",
        "auto",
        "The memory the gateway may use, in bytes or as 512MiB, 2GiB: what requests, answers, watches and entries may take \
         are shares of it. With auto, the limit of the control group, or half of the machine's memory where there is none",
    ),
    OptionSpec {
        name: "consul-connections-per-address",
        value: "COUNT",
        kind: ValueKind::Number,
        help: "The limit of open connections of one client address (IPv6: its first 64 bits) over Consul's API; 0 for none",
        default: "200",
    },
    OptionSpec {
        name: "etcd-connections-per-address",
        value: "COUNT",
        kind: ValueKind::Number,
        help: "The same over etcd's API, where dockerd holds a connection for each network",
        default: "0",
    },
    OptionSpec {
        name: "zookeeper-connections-per-address",
        value: "COUNT",
        kind: ValueKind::Number,
        help: "The same over ZooKeeper's protocol, where each session holds a connection",
        default: "0",
    },
    OptionSpec {
        name: "connections-per-identity",
        value: "COUNT",
        kind: ValueKind::Number,
        help: "The limit of open connections of one identity that --policy recognizes, over all faces and from all addresses; 0 \
               for none",
        default: "0",
    },
    text(
        "renew-under",
        "PATH[,PATH...]|off",
        "docker/nodes,*/docker/nodes",
        "The directories beneath which writing the value that an entry has, with a TTL or under a session, is a renewal: it \
         is no write to the store, and wakes nobody. */ before a path stands for any path, as that in --cluster-store",
    ),
    text(
        "zookeeper-words",
        "WORD[,WORD...]",
        "srvr",
        "The four-letter words of ZooKeeper that are answered, as its 4lw.commands.whitelist: ruok, srvr, stat, mntr, envi, \
         isro, cons, wchs; * for all of them",
    ),
    text(
        "zookeeper-docker",
        "auto|on|off",
        "auto",
        "Which connections over ZooKeeper's protocol get the answers without which dockerd crashes: with auto, those that \
         are recognized as dockerd's",
    ),
    text(
        "zookeeper-super",
        "super:HASH",
        "none",
        "The digest of the ZooKeeper user whom no access list binds, as its DigestAuthenticationProvider.superDigest: HASH is \
         the SHA-1 of super:PASSWORD, in Base64",
    ),
    OptionSpec {
        name: "lead-duration",
        value: "SECONDS",
        kind: ValueKind::Number,
        help: "How long leadership of a shared store lasts without a heartbeat of the leader; then another gateway takes over",
        default: "4",
    },
    text(
        "audit",
        "FILE|-",
        "none",
        "The audit log: a JSON line for each change, refusal, login and end of a session, appended to a file, or to standard \
         output with -. While it cannot be written, changes of clients are refused",
    ),
    OptionSpec {
        name: "audit-reads",
        value: "true|false",
        kind: ValueKind::Switch,
        help: "Record reads, lists and watches in the audit log as well",
        default: "false",
    },
    text(
        "log-level",
        "LEVEL",
        "info",
        "The log level on standard error: error, warn, info, debug, trace, or a filter such as info,kubekv::face=debug",
    ),
    text("log-format", "text|json", "text", "The format of log lines"),
    text(
        "config",
        "FILE",
        "none",
        "A TOML file of these options, without the dashes. Flags and KUBEKV_* variables override it",
    ),
];

/// The option of this name.
pub(crate) fn find(name: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|option| option.name == name)
}
