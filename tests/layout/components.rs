//! `tests/components` on machines that have other versions of its programs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Writes a shell script as a program.
fn program(directory: &Path, name: &str, script: &str) {
    let path = directory.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// `tests/components` with a cache of its own, and these programs before all others.
fn components(home: &Path) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join("tests/components"));
    let path = std::env::vars().find(|(name, _)| name == "PATH").unwrap().1;
    command
        .env("PATH", format!("{}:{path}", home.join("bin").display()))
        .env("TESTS_CACHE", home.join("cache"))
        .env_remove("KUBEBUILDER_ASSETS");
    command
}

fn output_of(mut command: Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn programs_of_other_versions_in_path_are_ignored() {
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let module = include_str!("../servers/kubernetes/go.mod");
    let version = module
        .lines()
        .find_map(|line| line.strip_prefix("require k8s.io/kubernetes v"));
    let version = version.unwrap();
    // A fake compiler: it creates an empty program at once, and the script reports the build.
    program(
        &bin,
        "go",
        "case $1 in env) echo go1.99.0 ;; build) while [ \"$1\" != -o ]; do shift; done; touch \"$2\"; chmod +x \"$2\" ;; esac",
    );
    program(
        &bin,
        "kubectl",
        &format!("echo Client Version: v{version}-other"),
    );
    program(&bin, "kube-apiserver", "echo Kubernetes v1.2.3");
    let get = || {
        let mut command = components(home.path());
        command.args(["get", "kubernetes"]);
        let (done, text) = output_of(command);
        assert!(done, "{text}");
        text
    };
    let text = get();
    assert!(text.contains("bin/kube-apiserver is 1.2, not "), "{text}");
    assert!(text.contains("building kube-apiserver"), "{text}");
    assert!(!text.contains("building kubectl"), "{text}");
    let fetched = home.path().join("cache/components/kubernetes/bin");
    assert!(!fetched.join("kube-apiserver").is_symlink());
    assert_eq!(
        fetched.join("kubectl").read_link().unwrap(),
        bin.join("kubectl").canonicalize().unwrap()
    );
    assert_eq!(get(), "", "the second run must build nothing");

    // The linked program changes its version: only this one is built.
    program(&bin, "kubectl", "echo Client Version: v1.2.3");
    let text = get();
    assert!(text.contains("building kubectl"), "{text}");
    assert!(!text.contains("building kube-apiserver"), "{text}");
    assert_eq!(get(), "");
}

#[test]
#[ignore = "needs Debian 12's packages: tests/run"]
fn packages_are_fetched_when_other_versions_are_installed_held_or_preferred() {
    let home = tempfile::tempdir().unwrap();
    // apt reads this file before its command line, as it reads the machine's settings.
    let (status, config) = (home.path().join("status"), home.path().join("apt.conf"));
    std::fs::write(
        &status,
        "Package: etcd-client\nStatus: hold ok installed\nMaintainer: x <x@x>\nArchitecture: amd64\n\
         Version: 99:28.5-1\nDescription: x\n",
    )
    .unwrap();
    let lines = format!(
        "Dir::State::status \"{}\";\nAPT::Default-Release \"bookworm\";\n",
        status.display()
    );
    std::fs::write(&config, lines).unwrap();
    let mut command = components(home.path());
    command.args(["get", "etcdctl"]).env("APT_CONFIG", &config);
    let (done, text) = output_of(command);
    assert!(done, "{text}");
    let fetched = home.path().join("cache/components/etcdctl/bin/etcdctl");
    let mut command = Command::new(fetched);
    command.arg("version").env("ETCDCTL_API", "3");
    let (_, text) = output_of(command);
    assert!(text.starts_with("etcdctl version: 3.4."), "{text}");
}
