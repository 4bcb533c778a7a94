//! Consul in server mode, one server.

use std::fs;

use rustix::process::{Resource, getrlimit};

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

/// Starts one.
pub(super) fn start(place: &mut FieldPlace<'_>) -> Result<RunningDeployment, FieldError> {
    let program = place.find(FieldProgram::Consul)?;
    let [http, server, serf] = [place.port()?, place.port()?, place.port()?];
    let file = place.directory.join("consul.json");
    // Its own limits: of connections of one address, and of a session's shortest time.
    let config = serde_json::json!({
        "server": true,
        "bootstrap_expect": 1,
        "data_dir": place.directory.join("data"),
        "bind_addr": "127.0.0.1",
        "client_addr": "127.0.0.1",
        "node_name": "bench",
        "log_level": "ERR",
        "disable_update_check": true,
        "performance": {"raft_multiplier": 1},
        "session_ttl_min": "1s",
        "limits": {"http_max_conns_per_client": connections()},
        "ports": {"http": http, "server": server, "serf_lan": serf, "serf_wan": -1, "dns": -1, "grpc": -1},
    });
    fs::write(&file, config.to_string()).map_err(|e| FieldError::io(file.display(), e))?;
    let mut command = place.launcher.command(&program.path);
    command.args(["agent", "-config-file"]).arg(&file);
    let target = format!("consul://127.0.0.1:{http}");
    let mut running = place.run("consul", command, program.version, target)?;
    running.commands.push(place.shown(&config.to_string()));
    Ok(running)
}
