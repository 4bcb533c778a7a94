//! Certificates for the servers of a test and for us.

use std::path::Path;
use std::process::Command;

/// Runs openssl in a directory.
fn openssl(directory: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .current_dir(directory)
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// An authority, and certificates of it for a server at 127.0.0.1 and for us: NAME.pem and NAME.key, each.
pub fn certificates(directory: &Path, ca: &str, names: &[&str]) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(
        directory,
        &format!("req -x509 {key} -keyout {ca}.key -out {ca}.pem -subj /CN={ca} -days 1"),
    );
    std::fs::write(
        directory.join("san"),
        "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
    )
    .unwrap();
    for name in names {
        openssl(
            directory,
            &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"),
        );
        openssl(
            directory,
            &format!(
                "x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -out {name}.pem -days 1 -extfile san"
            ),
        );
    }
}

/// The paths of the server's certificate and key, and of the certificate of its authority `ca`.
pub fn server_files(directory: &Path) -> [String; 3] {
    ["server.pem", "server.key", "ca.pem"].map(|name| directory.join(name).display().to_string())
}
