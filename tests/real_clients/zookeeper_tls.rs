//! A client of ZooKeeper over TLS: kazoo, as with a server's `secureClientPort`.

use std::process::Command;

use support::certificates::{certificates, server_files};
use support::command::kubekv;
use support::components::component;
use support::running::Running;

/// Creates a node, reads it, and prints it; a session without a certificate must not begin.
const PROGRAM: &str = "
import sys
from kazoo.client import KazooClient
hosts, at = sys.argv[1:]
def client(name):
    return KazooClient(hosts=hosts, timeout=4, use_ssl=True, ca=f'{at}/ca.pem',
                       certfile=f'{at}/{name}.pem', keyfile=f'{at}/{name}.key')
ours = client('ours')
ours.start()
ours.create('/secured', b'over TLS', ephemeral=True)
print(ours.get('/secured')[0].decode())
strange = client('strange')
try:
    strange.start(timeout=4)
    print('a stranger got a session')
except Exception as error:
    print(type(error).__name__)
ours.stop()
";

#[test]
#[ignore = "needs kazoo and openssl: tests/run"]
fn kazoo_has_a_session_over_tls_where_its_certificate_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    certificates(at, "ca", &["server", "ours"]);
    certificates(at, "other", &["strange"]);
    let [cert, key, ca] = server_files(at);
    let mut command = kubekv();
    command.args(["serve", "--store", "memory:", "--zookeeper", "127.0.0.1:0"]);
    for face in ["--consul", "--etcd", "--admin"] {
        command.args([face, "127.0.0.1:0"]);
    }
    command.args(["--zookeeper-tls-cert", &cert, "--zookeeper-tls-key", &key]);
    command.args(["--zookeeper-tls-client-ca", &ca]);
    let gateway = Running::spawn(command);
    let output = Command::new(component("kazoo").join("python"))
        .args(["-c", PROGRAM, &gateway.zookeeper().to_string()])
        .arg(at)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed, "over TLS\nKazooTimeoutError\n", "{output:?}");
}
