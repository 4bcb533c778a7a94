//! Consul in server mode, one server.

use std::path::Path;

use rustix::process::{Resource, getrlimit};
use serde_json::{Value, json};

use super::credentials;
use super::error::FieldError;
use super::program::FieldProgram;
use super::running::{FieldPlace, RunningDeployment};

/// The most connections of one address, where files allow them: all loads come from one.
const CONNECTIONS: u64 = 12_000;

/// The files that Consul wants to have left for other things.
const OTHER_FILES: u64 = 100;

/// The connections of one address that the limit of files allows; Consul refuses to start with more.
fn connections() -> u64 {
    let limit = getrlimit(Resource::Nofile).maximum;
    let left = limit.map_or(CONNECTIONS, |files| files.saturating_sub(OTHER_FILES));
    left.min(CONNECTIONS)
}

/// The token that may do everything, where access lists are on.
const TOKEN: &str = "5e2a0d36-8d3c-4f8e-9d1b-000000000000";

/// Starts one, with TLS, certificates of clients and access lists if it is to be secured.
pub(super) fn start(
    place: &mut FieldPlace<'_>,
    is_secured: bool,
) -> Result<RunningDeployment, FieldError> {
    let program = place.find(FieldProgram::Consul)?;
    let [http, server, serf] = [place.port()?, place.port()?, place.port()?];
    let mut config = config(&place.directory, [http, server, serf]);
    let mut access = Vec::new();
    if is_secured {
        credentials::certificates(place)?;
        let token = place.directory.join("token");
        credentials::write(&token, TOKEN)?;
        secure(&mut config, &place.directory, http);
        let authority = place.directory.join("ca.crt");
        access = credentials::shown(place);
        for (name, path) in [("--tls-ca", authority), ("--token-file", token)] {
            access.extend([name.to_owned(), path.display().to_string()]);
        }
    }
    let file = place.directory.join("consul.json");
    credentials::write(&file, &config.to_string())?;
    let mut command = place.launcher.command(&program.path);
    command.args(["agent", "-config-file"]).arg(&file);
    let target = format!("consul://127.0.0.1:{http}");
    let mut running = place.run("consul", command, program.version, target, access)?;
    running.commands.push(place.shown(&config.to_string()));
    Ok(running)
}

fn config(directory: &Path, [http, server, serf]: [u16; 3]) -> Value {
    // Its own limits: of connections of one address, and of a session's shortest time.
    json!({
        "server": true,
        "bootstrap_expect": 1,
        "data_dir": directory.join("data"),
        "bind_addr": "127.0.0.1",
        "client_addr": "127.0.0.1",
        "node_name": "bench",
        "log_level": "ERR",
        "disable_update_check": true,
        "performance": {"raft_multiplier": 1},
        "session_ttl_min": "1s",
        "limits": {"http_max_conns_per_client": connections(), "https_handshake_timeout": "60s"},
        "ports": {"http": http, "server": server, "serf_lan": serf, "serf_wan": -1, "dns": -1, "grpc": -1},
    })
}

/// Adds what secures it.
fn secure(config: &mut Value, directory: &Path, port: u16) {
    let more = json!({
        "acl": {"enabled": true, "default_policy": "deny", "tokens": {"master": TOKEN}},
        "verify_incoming_https": true,
        "ca_file": directory.join("ca.crt"),
        "cert_file": directory.join("server.crt"),
        "key_file": directory.join("server.key"),
    });
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        config.extend(more);
    }
    for (name, port) in [("https", json!(port)), ("http", json!(-1))] {
        if let Some(ports) = config.get_mut("ports").and_then(Value::as_object_mut) {
            ports.insert(name.to_owned(), port);
        }
    }
}
