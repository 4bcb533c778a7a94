//! ZooKeeper, one server.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::error::FieldError;
use super::program::FieldProgram;
use super::running::{FieldPlace, RunningDeployment};

/// The options of Java: a heap that does not limit it, and both compilers and the collector that Java takes for a server, whatever
/// the program that starts it says.
const JAVA: &str = "-Xms1g -Xmx1g -XX:TieredStopAtLevel=4 -XX:-UseSerialGC -XX:+UseG1GC";

/// How long it has to answer what version it is.
const SRVR_LIMIT: Duration = Duration::from_secs(2);

/// Starts one.
pub(super) fn start(place: &mut FieldPlace<'_>) -> Result<RunningDeployment, FieldError> {
    let program = place.find(FieldProgram::ZooKeeper)?;
    let port = place.port()?;
    let data = place.directory.join("data");
    let failed = |error| FieldError::io(place.directory.display(), error);
    fs::create_dir_all(&data).map_err(failed)?;
    let file = place.directory.join("zoo.cfg");
    let config = format!(
        "tickTime=2000\ndataDir={}\nclientPortAddress=127.0.0.1\nclientPort={port}\nadmin.enableServer=false\n\
         maxClientCnxns=0\n4lw.commands.whitelist=srvr\n",
        data.display()
    );
    fs::write(&file, &config).map_err(failed)?;
    let mut command = place.launcher.command(&program.path);
    if program.path.ends_with("zkServer.sh") {
        command.arg("start-foreground").arg(&file);
    } else {
        command.arg("org.apache.zookeeper.server.quorum.QuorumPeerMain");
        command.arg(&file);
    }
    command
        .env("JVMFLAGS", JAVA)
        .env("ZOO_LOG_DIR", &place.directory);
    let target = format!("zk://127.0.0.1:{port}");
    let mut running = place.run("zookeeper", command, program.version, target, Vec::new())?;
    running.version = version(port);
    running.commands.push(format!("JVMFLAGS={JAVA}"));
    let config = place.shown(config.trim_end());
    running.commands.push(config.replace('\n', ", "));
    Ok(running)
}

/// The version, as it answers the word `srvr`.
fn version(port: u16) -> String {
    let asked = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(SRVR_LIMIT))?;
        stream.write_all(b"srvr")?;
        let mut said = String::new();
        stream.take(1 << 16).read_to_string(&mut said)?;
        Ok(said)
    };
    let said = asked().unwrap_or_default();
    let version = said.lines().next().unwrap_or_default();
    let version = version.strip_prefix("Zookeeper version: ");
    // 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on ...
    let version = version.and_then(|rest| rest.split(['-', ',']).next());
    format!("ZooKeeper {}", version.unwrap_or("of unknown version"))
}
