//! The certificates, the policy and the tokens of a deployment, and the options that name them.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::bounded::succeed;
use super::error::FieldError;
use super::layer::SecurityLayer;
use super::running::FieldPlace;

/// The address in the one client certificate, and in the name of the one token.
const CLIENT: &str = "10.0.0.1";

/// The prefixes of the keys that loads of the layers write.
const PREFIXES: &str = r#"["report", "report-own", "ready"]"#;

/// What a deployment is started with, and how its clients reach it.
#[derive(Debug, Default)]
pub(super) struct LayerOptions {
    /// Arguments of `kubekv serve`.
    pub(super) serve: Vec<String>,
    /// Arguments of `kubekv bench`.
    pub(super) access: Vec<String>,
}

/// Makes what a layer of kubekv needs in the deployment's directory.
pub(super) fn layer(
    place: &FieldPlace<'_>,
    layer: SecurityLayer,
) -> Result<LayerOptions, FieldError> {
    let file = |name: &str| place.directory.join(name).display().to_string();
    let mut options = LayerOptions::default();
    let (has_tls, shows, has_policy, is_audited, has_tokens) = match layer {
        SecurityLayer::Plaintext | SecurityLayer::AccessLists => return Ok(options),
        SecurityLayer::Guard => {
            options.serve = words(&["--guard", "enforce"]);
            return Ok(options);
        }
        SecurityLayer::Tls => (true, false, false, false, false),
        SecurityLayer::Certificates => (true, true, false, false, false),
        SecurityLayer::Policy => (true, true, true, false, false),
        SecurityLayer::Audit => (true, true, true, true, false),
        SecurityLayer::Token => (true, false, true, false, true),
    };
    if has_tls {
        certificates(place)?;
        options.serve = words(&["--tls-cert", &file("server.crt"), "--tls-key"]);
        options.serve.push(file("server.key"));
        options.access = words(&["--tls-ca", &file("ca.crt")]);
    }
    if shows {
        let serve = [
            "--tls-client-ca",
            &file("ca.crt"),
            "--tls-client-auth",
            "required",
        ];
        options.serve.extend(words(&serve));
        options.access.extend(shown(place));
    }
    if has_policy {
        let text = policy(&place.directory, has_tokens)?;
        write(&place.directory.join("policy.toml"), &text)?;
        options
            .serve
            .extend(words(&["--policy", &file("policy.toml")]));
    }
    if is_audited {
        options
            .serve
            .extend(words(&["--audit", &file("audit.log")]));
    }
    if has_tokens {
        let token = place.directory.join("token");
        write(&token, &secret(place)?)?;
        let serve = ["--credentials", &file("credentials.toml")];
        options.serve.extend(words(&serve));
        options
            .access
            .extend(words(&["--token-file", &file("token")]));
    }
    Ok(options)
}

/// Makes an authority, the server's certificate and the client's in the directory of a deployment.
pub(super) fn certificates(place: &FieldPlace<'_>) -> Result<(), FieldError> {
    let directory = place.directory.display().to_string();
    for arguments in [
        &["certs", "ca", "--dir", &directory][..],
        &["certs", "server", "--dir", &directory, "127.0.0.1"],
        &["certs", "node", "--dir", &directory, CLIENT],
    ] {
        let mut command = place.launcher.command(place.launcher.kubekv());
        command.args(arguments);
        succeed("kubekv certs", command, &place.directory)?;
    }
    Ok(())
}

/// The client's certificate, as arguments of `kubekv bench`.
pub(super) fn shown(place: &FieldPlace<'_>) -> Vec<String> {
    let [certificate, key] = client_files(&place.directory);
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    words(&["--tls-cert", &certificate, "--tls-key", &key])
}

/// The client's certificate and key.
pub(super) fn client_files(directory: &Path) -> [PathBuf; 2] {
    ["crt", "key"].map(|kind| directory.join(format!("node-{CLIENT}.{kind}")))
}

/// The name in the client's certificate.
pub(super) fn client_name() -> &'static str {
    CLIENT
}

/// A policy that gives the client what a Docker host may do, and the keys of the loads.
fn policy(directory: &Path, has_tokens: bool) -> Result<String, FieldError> {
    let identity = if has_tokens {
        "authority = \"credentials\"\nfield = \"token\"\nname = \"node-{ip}\"\n".to_owned()
    } else {
        let print = fingerprint(&directory.join("ca.crt"))?;
        format!("authority = \"sha256:{print}\"\nfield = \"ip\"\nname = \"{{ip}}\"\n")
    };
    Ok(format!(
        "[[identity]]\n{identity}principal = \"node/{{ip}}\"\n\
         [[rule]]\nname = \"hosts\"\nidentities = [\"node/{{ip}}\"]\nrole = \"docker-node\"\n\
         [[rule]]\nname = \"loads\"\nidentities = [\"node/{{ip}}\"]\nallow = [\"all\"]\nbeneath = {PREFIXES}\n"
    ))
}

/// The SHA-256 of a certificate in PEM.
fn fingerprint(path: &Path) -> Result<String, FieldError> {
    let text = fs::read_to_string(path).map_err(|error| FieldError::io(path.display(), error))?;
    let lines = text.lines().filter(|line| !line.starts_with("-----"));
    let encoded: String = lines.map(str::trim).collect();
    let bytes = STANDARD.decode(encoded);
    let invalid = |error| FieldError::io(path.display(), std::io::Error::other(error));
    let digest = Sha256::digest(bytes.map_err(invalid)?);
    let mut print = String::new();
    for byte in digest {
        // Writing to a string does not fail.
        let _written = write!(print, "{byte:02x}");
    }
    Ok(print)
}

/// Makes a token for the client; its secret.
fn secret(place: &FieldPlace<'_>) -> Result<String, FieldError> {
    let file = place.directory.join("credentials.toml");
    let mut command = place.launcher.command(place.launcher.kubekv());
    command.args(["token", "create", "--file"]).arg(&file);
    command.args(["--name", &format!("node-{CLIENT}")]);
    let out = succeed("kubekv token create", command, &place.directory)?;
    let text = String::from_utf8_lossy(&out);
    let secret = text.lines().find_map(|line| line.strip_prefix("secret "));
    secret.map(str::to_owned).ok_or_else(|| {
        let why = std::io::Error::other("it printed no secret");
        FieldError::io("kubekv token create", why)
    })
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), FieldError> {
    fs::write(path, text).map_err(|error| FieldError::io(path.display(), error))
}

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}
