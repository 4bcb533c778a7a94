//! Advice of `kubekv certs`: the files it wrote, and the options that take them.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::files::{CertificateDirectory, Written};
use super::lifetime::day;

/// The port in examples of `--cluster-advertise`, which Docker's documentation uses.
const ADVERTISED: u16 = 2376;

pub(super) fn of_authority(
    directory: &CertificateDirectory,
    written: &Written,
    fingerprint: &str,
) -> String {
    let path = shown(directory.own());
    format!(
        "{} until {}\n{} signs certificates: keep it from gateways and clients\nSHA-256 {fingerprint}\n\n\
         kubekv certs server --dir {path} NAME...   with all names of all gateways\n\
         kubekv certs node --dir {path} ADDRESS     for each Docker host\n\
         kubekv certs client --dir {path} NAME      for each other client\n",
        shown(&written.certificate),
        day(written.until),
        shown(&written.key),
    )
}

pub(super) fn of_server(
    directory: &CertificateDirectory,
    written: &Written,
    names: &str,
) -> String {
    format!(
        "{}for {names}\n\n\
         kubekv serve --tls-cert {} --tls-key {} --tls-client-ca {} --tls-client-auth required\n",
        files(written),
        shown(&written.certificate),
        shown(&written.key),
        authority(directory),
    )
}

pub(super) fn of_node(
    directory: &CertificateDirectory,
    written: &Written,
    address: IpAddr,
) -> String {
    let advertise = SocketAddr::new(address, ADVERTISED);
    format!(
        "{}for the Docker host {address}. GATEWAY is a name of the gateway's certificate, and etcd: instead of consul: works, too\n\n\
         dockerd --cluster-advertise={advertise} --cluster-store=consul://GATEWAY:8500 \
         --cluster-store-opt=kv.cacertfile={} --cluster-store-opt=kv.certfile={} --cluster-store-opt=kv.keyfile={}\n",
        files(written),
        authority(directory),
        shown(&written.certificate),
        shown(&written.key),
    )
}

pub(super) fn of_client(directory: &CertificateDirectory, written: &Written, name: &str) -> String {
    format!(
        "{}for the client {name}. GATEWAY is a name of the gateway's certificate\n\n\
         curl --cacert {} --cert {} --key {} https://GATEWAY:8500/v1/kv/?keys\n",
        files(written),
        authority(directory),
        shown(&written.certificate),
        shown(&written.key),
    )
}

/// `count` certificates are on the list, until the day when it is too old.
pub(super) fn of_list(list: &Path, count: usize, until: u64) -> String {
    let day = day(until);
    let list = shown(list);
    format!(
        "{list} until {day}, revoked certificates: {count}. kubekv certs revoke without certificates renews it\n\n\
         kubekv serve ... --tls-crl {list}\n"
    )
}

fn files(written: &Written) -> String {
    let (certificate, key) = (shown(&written.certificate), shown(&written.key));
    format!("{certificate} until {}\n{key}\n", day(written.until))
}

fn authority(directory: &CertificateDirectory) -> String {
    shown(&directory.path("ca.crt"))
}

/// A path as a shell reads it.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-:@+,=".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
