//! The table of the options of a source and a target store.

use super::super::access::AccessOptions;

/// The options of a source and a target, in the order of the help texts: the flag without the dashes, the placeholder of
/// its value, and the help text.
pub const TRANSFER_OPTIONS: [(&str, &str, &str); 13] = [
    (
        FROM,
        "URL",
        "The source of the entries: consul://HOST:PORT | etcd2://HOST:PORT[,HOST:PORT...] | etcd3://HOST:PORT[,...] | \
         zk://HOST:PORT[,...][/CHROOT] | or a store of kubekv: embedded:PATH | kubernetes:[NAMESPACE] | etcd://HOST:PORT[,...]/PREFIX",
    ),
    (
        FROM_OPTIONS.authorities,
        "FILE",
        "The certificate authorities of the servers of --from, in PEM. This option turns TLS on",
    ),
    (
        FROM_OPTIONS.certificate,
        "FILE",
        "The client certificate for the servers of --from, in PEM",
    ),
    (FROM_OPTIONS.key, "FILE", "The key of --from-cert, in PEM"),
    (
        FROM_OPTIONS.user,
        "NAME",
        "The user of the etcd of --from, or of ZooKeeper's digest scheme",
    ),
    (
        FROM_OPTIONS.password_file,
        "FILE",
        "The file whose first line is the password of --from-user. The variable KUBEKV_FROM_PASSWORD can hold it instead",
    ),
    (
        TOKEN_FILE,
        "FILE",
        "The file whose first line is the token for the Consul of --from. The variable KUBEKV_FROM_TOKEN can hold it instead",
    ),
    (
        TO,
        "URL",
        "The store: embedded[:PATH] | kubernetes:[NAMESPACE] | etcd://HOST:PORT[,...]/PREFIX. No gateway may use it \
         while it is written to",
    ),
    (
        TO_OPTIONS.authorities,
        "FILE",
        "The certificate authorities of the etcd of --to, in PEM. This option or --to-cert turns TLS on",
    ),
    (
        TO_OPTIONS.certificate,
        "FILE",
        "The client certificate for the etcd of --to, in PEM",
    ),
    (TO_OPTIONS.key, "FILE", "The key of --to-cert, in PEM"),
    (TO_OPTIONS.user, "NAME", "The user of the etcd of --to"),
    (
        TO_OPTIONS.password_file,
        "FILE",
        "The file whose first line is the password of --to-user. The variable KUBEKV_TO_PASSWORD can hold it instead",
    ),
];

/// The option that names the source.
pub(super) const FROM: &str = "from";
/// The option that names the target store.
pub(super) const TO: &str = "to";
/// The option that names the file with Consul's token.
pub(super) const TOKEN_FILE: &str = "from-token-file";
/// The setting that the token variable fills.
pub(super) const TOKEN: &str = "from-token";

/// The credential options of a source.
pub(super) const FROM_OPTIONS: AccessOptions = AccessOptions {
    authorities: "from-ca",
    certificate: "from-cert",
    key: "from-key",
    user: "from-user",
    password_file: "from-password-file",
    password: "from-password",
    variable: "KUBEKV_FROM_PASSWORD",
};

/// The credential options of a target store.
pub(super) const TO_OPTIONS: AccessOptions = AccessOptions {
    authorities: "to-ca",
    certificate: "to-cert",
    key: "to-key",
    user: "to-user",
    password_file: "to-password-file",
    password: "to-password",
    variable: "KUBEKV_TO_PASSWORD",
};
