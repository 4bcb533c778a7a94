//! `DockerLab`: two real Docker hosts, and the servers they talk to, in network namespaces (`tests/docker`).

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use parking_lot::{Mutex, MutexGuard};

use crate::components::component;

/// The address in the lab where servers listen.
pub const STORE: &str = "10.99.0.254";

/// The namespace in which servers listen.
pub const STORE_NAMESPACE: &str = "/run/netns/kubekv-store";

/// There is one lab on a machine.
static LAB: Mutex<()> = Mutex::new(());

/// The lab; it is taken down when dropped, also after a failure.
#[derive(Debug)]
pub struct DockerLab(
    #[expect(dead_code, reason = "held while the lab is up")] MutexGuard<'static, ()>,
);

impl DockerLab {
    /// Takes the lab, with nothing but its network.
    pub fn take() -> Self {
        let lab = Self(LAB.lock());
        run(docker().arg("down"));
        run(docker().arg("network"));
        lab
    }
}

impl Drop for DockerLab {
    fn drop(&mut self) {
        let _failed = docker().arg("down").status();
    }
}

/// The lab's own command.
pub fn docker() -> Command {
    Command::new("tests/docker")
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(
        output.status.success(),
        "{command:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Runs docker's client on a host, and returns what it printed.
pub fn docker_on(host: &str, arguments: &[&str]) -> String {
    let output = run(docker().args(["on", host]).args(arguments));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A server in the lab that ends with the test.
#[derive(Debug)]
pub struct LabServer(Child);

impl LabServer {
    /// Starts a program of a component and waits until this command of bash succeeds in the server's namespace.
    pub fn start(component_name: &str, words: &[String], ready: &str) -> Self {
        let (program, arguments) = words.split_first().unwrap();
        let program = component(component_name).join(program);
        Self::start_program(&program, arguments, ready)
    }

    /// The same for any program.
    pub fn start_program(program: &Path, arguments: &[String], ready: &str) -> Self {
        let child = docker()
            .arg("store")
            .arg(program)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self(child);
        let ready = format!("nsenter --net={STORE_NAMESPACE} bash -c '{ready}' 2>/dev/null");
        again_until(&ready);
        server
    }
}

impl Drop for LabServer {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Runs a command of bash again and again, for two minutes, until it succeeds. A try ends after five seconds: a server that is about to
/// serve may take a request and never answer it, as ZooKeeper does with `srvr`.
pub fn again_until(command: &str) {
    let tries =
        "until timeout 5 bash -c \"$0\"; do [ $SECONDS -lt 120 ] || exit 1; sleep 0.1; done";
    run(Command::new("bash").args(["-c", tries, command]));
}

/// A configuration file's path as text.
pub fn shown(path: &Path) -> String {
    path.display().to_string()
}
