//! The container image, built and run by a real Docker.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::gateway::{get, put, until, until_ready};
use support::components::component;
use support::kubernetes::{kubectl, namespace};
use support::running::Running;

/// The largest size of the image, in bytes, with the program that `tests/run` builds for it: without optimization it is larger
/// than that of a release.
const LARGEST: u64 = 75_000_000;

/// A Docker daemon of this test alone, without a network of its own: containers use the machine's.
struct Daemon {
    child: Child,
    directory: tempfile::TempDir,
    programs: PathBuf,
    /// The control groups of its containers.
    groups: String,
}

impl Daemon {
    fn start() -> Self {
        let programs = component("docker-etcd");
        let directory = tempfile::tempdir().unwrap();
        let groups = format!("kubekv-image-{}", std::process::id());
        let at = |name: &str| directory.path().join(name).display().to_string();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        // Its mounts end with it.
        let mut command = Command::new("unshare");
        command.args(["--mount", "dockerd", "--storage-driver=vfs"]);
        command.args(["--bridge=none", "--iptables=false"]);
        command.args(["--exec-opt=native.cgroupdriver=cgroupfs"]);
        command.args(["--cgroup-parent", &format!("/{groups}")]);
        command.args(["--data-root", &at("data"), "--exec-root", &at("exec")]);
        command.args(["--pidfile", &at("pid")]);
        command.args(["--host", &format!("unix://{}", at("socket"))]);
        command.env("PATH", path(&programs));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let daemon = Self {
            child: command.spawn().unwrap(),
            directory,
            programs,
            groups,
        };
        until("the daemon answers", || daemon.docker(&["info"]).is_some());
        daemon
    }

    /// A command with this daemon's docker.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let socket = self.directory.path().join("socket");
        command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        command.env("PATH", path(&self.programs));
        command
    }

    fn docker(&self, arguments: &[&str]) -> Option<String> {
        let output = self.command("docker").args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then(|| text.trim().to_owned())
    }

    /// Runs a gateway in a container without privileges, on a read-only root.
    fn gateway(&self, image: &str, more: &[&str], arguments: &[&str]) -> Running {
        let mut command = self.command("docker");
        command.args(["run", "--rm", "--network=host", "--read-only"]);
        command.args(["--cap-drop=ALL", "--security-opt=no-new-privileges"]);
        command.args(more).arg(image);
        Running::start_by(command, arguments)
    }

    /// The user ids of the one container's process.
    fn users(&self) -> String {
        let id = self.docker(&["ps", "--quiet"]).unwrap();
        let process = self.docker(&["inspect", "--format={{.State.Pid}}", &id]);
        let status = format!("/proc/{}/status", process.unwrap());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with("Uid:"));
        line.unwrap().to_owned()
    }
}

fn path(programs: &Path) -> String {
    let (_, own) = std::env::vars().find(|(name, _)| name == "PATH").unwrap();
    format!("{}:{own}", programs.display())
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.path().join("log"));
            println!("{}", log.unwrap_or_default());
        }
        // Containers of a test that failed.
        let left = self.docker(&["ps", "--quiet"]).unwrap_or_default();
        for id in left.lines() {
            let _gone = self.docker(&["kill", id]);
        }
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        let _gone = kill_process(pid, Signal::TERM);
        let _status = self.child.wait();
        for root in ["/sys/fs/cgroup".to_owned()]
            .into_iter()
            .chain(controllers())
        {
            let _unused = std::fs::remove_dir(format!("{root}/{}", self.groups));
        }
    }
}

/// The control group trees of a machine that has one for each controller.
fn controllers() -> impl Iterator<Item = String> {
    let found = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten();
    found
        .flatten()
        .map(|entry| entry.path().display().to_string())
}

fn answers(gateway: &Running) {
    put(gateway, "k", "v");
    assert_eq!(get(gateway, "k").as_deref(), Some("v"));
}

#[test]
#[ignore = "needs Docker and Kubernetes, builds for release: tests/run"]
fn image_serves_unprivileged_on_a_read_only_root() {
    let daemon = Daemon::start();
    let mut build = daemon.command("manifests/image/build");
    // Without one that is built already, for release, which takes minutes.
    if let Some((_, program)) = std::env::vars().find(|(name, _)| name == "TESTS_IMAGE_PROGRAM") {
        build.args(["--of", &program]);
    }
    let built = build.arg("kubekv:tests").output().unwrap();
    assert!(built.status.success(), "{built:?}");
    let inspect = |what: &str| {
        let what = format!("--format={what}");
        daemon
            .docker(&["image", "inspect", &what, "kubekv:tests"])
            .unwrap()
    };
    let size: u64 = inspect("{{.Size}}").parse().unwrap();
    assert!(size < LARGEST, "{size} bytes");
    assert_eq!(inspect("{{len .RootFS.Layers}}"), "1");

    let gateway = daemon.gateway("kubekv:tests", &[], &["--store", "memory:"]);
    answers(&gateway);
    assert_eq!(daemon.users(), "Uid:\t65532\t65532\t65532\t65532");
    assert_eq!(gateway.stop().code, 0);

    // The API server by name: what the machine's libraries would look up, the program must by itself.
    let config = kubectl(&["config", "view", "--raw", "--minify", "--flatten"], &[]).unwrap();
    let config = config.replace("https://127.0.0.1:", "https://localhost:");
    let there = daemon.directory.path().join("kubeconfig");
    std::fs::write(&there, config).unwrap();
    let mount = format!("--volume={}:/kubeconfig:ro", there.display());
    let store = format!("kubernetes:{}", namespace());
    let gateway = daemon.gateway(
        "kubekv:tests",
        &[&mount, "--env=KUBECONFIG=/kubeconfig"],
        &["--store", &store],
    );
    until_ready(&gateway);
    answers(&gateway);
    assert_eq!(gateway.stop().code, 0);
}
