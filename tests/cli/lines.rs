//! Errors at start: one line on standard error, and an exit code for each kind.

use std::net::TcpListener;
use std::path::Path;

use support::command::{Done, done, embedded, kubekv, run};
use support::running::Running;

const OFF: [&str; 7] = [
    "serve", "--consul", "off", "--etcd", "off", "--admin", "off",
];

fn refused(done: &Done, code: i32, line: &str) {
    assert_eq!(done.code, code, "{done:?}");
    assert_eq!(done.err, format!("kubekv: {line}\n"));
    assert!(done.out.is_empty(), "{done:?}");
}

#[test]
fn a_port_in_use_is_reported_at_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let done = run(&[
        "serve", "--store", "memory:", "--admin", "off", "--etcd", "off", "--consul", &address,
    ]);
    let line = format!("consul: cannot listen on {address}: Address already in use (os error 98)");
    refused(&done, 5, &line);
}

#[test]
fn an_unwritable_data_directory_is_reported_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let done = run(&[&OFF[..], &["--store", &embedded(&file.join("store"))]].concat());
    assert_eq!(done.code, 6, "{done:?}");
    let lines: Vec<&str> = done
        .err
        .lines()
        .filter(|line| line.starts_with("kubekv: "))
        .collect();
    assert_eq!(lines.len(), 1, "{done:?}");
    assert!(lines[0].contains(&file.display().to_string()), "{done:?}");
}

#[test]
fn a_second_gateway_on_the_same_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = embedded(directory.path());
    let gateway = Running::start(&store);
    let done = run(&[&OFF[..], &["--log-level", "error", "--store", &store]].concat());
    let line = format!(
        "another kubekv is using this directory (pid {}): {}",
        gateway.pid(),
        directory.path().display()
    );
    refused(&done, 6, &line);
}

#[test]
fn invalid_flags_are_reported_at_start() {
    for (arguments, line) in [
        (
            ["--consul", "8500"],
            "--consul: \"8500\" is not an address: want IP:PORT, for example 127.0.0.1:8500 or [::1]:8500, or off",
        ),
        (
            ["--consul", "0.0.0.0:0"],
            "--consul: 0.0.0.0:0 is not a loopback address; give --tls-cert and --tls-key, or --allow-plaintext to listen there without TLS",
        ),
        (
            ["--admin", "[::]:0"],
            "--admin: [::]:0 is not a loopback address; give --tls-cert and --tls-key, or --allow-plaintext to listen there without TLS",
        ),
        (
            ["--zookeeper-words", "srvr,dump"],
            "--zookeeper-words: \"dump\" is no four-letter word that is answered: those are ruok, srvr, stat, mntr, envi, isro, cons, wchs, *",
        ),
        (
            ["--store", "kubernetes:My_Namespace"],
            "--store: kubernetes: the namespace is not a DNS label",
        ),
        (
            ["--lead-duration", "0"],
            "--lead-duration: \"0\" is not a number from 1 to 300",
        ),
        (
            ["--store", "etcd://h:2379"],
            "--store: etcd: want etcd://HOST:PORT[,HOST:PORT...]/PREFIX",
        ),
        (
            ["--max-connections", "0"],
            "--max-connections: \"0\" is not a number from 1 to 1000000",
        ),
        (
            ["--max-connections", "-1"],
            "--max-connections: \"-1\" is not a number from 1 to 1000000",
        ),
        (
            ["--log-level", "loud"],
            "--log-level: \"loud\" is not a level: want error, warn, info, debug or trace",
        ),
        (
            ["--config", "/nowhere/k.toml"],
            "--config: cannot read /nowhere/k.toml: No such file or directory (os error 2)",
        ),
    ] {
        let [name, value] = arguments;
        refused(&run(&["serve", &format!("{name}={value}")]), 2, line);
    }
    let done = run(&["serve", "--consull", "off"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("--consull"), "{done:?}");
}

#[test]
fn invalid_environment_variables_are_reported_at_start() {
    for (name, value, line) in [
        (
            "KUBEKV_CONSUL",
            "x",
            "KUBEKV_CONSUL: \"x\" is not an address: want IP:PORT, for example 127.0.0.1:8500 or [::1]:8500, or off",
        ),
        (
            "KUBEKV_ALLOW_PLAINTEXT",
            "maybe",
            "KUBEKV_ALLOW_PLAINTEXT: \"maybe\" is neither true nor false",
        ),
        ("KUBEKV_STOER", "memory:", "KUBEKV_STOER: no such option"),
    ] {
        let output = kubekv().arg("serve").env(name, value).output().unwrap();
        refused(&done(output), 2, line);
    }
}

#[test]
fn invalid_configuration_files_are_reported_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k.toml");
    let name = path.display().to_string();
    for (content, line) in [
        (
            "store = \"memory:\"\n consul = \"x\"",
            "2:11: consul: \"x\" is not an address: want IP:PORT, for example 127.0.0.1:8500 or [::1]:8500, or off",
        ),
        ("stoer = \"memory:\"", "1:1: stoer: no such option"),
        (
            "allow-plaintext = \"yes\"",
            "1:19: allow-plaintext: not true or false",
        ),
    ] {
        std::fs::write(&path, content).unwrap();
        refused(
            &run(&["serve", "--config", &name]),
            2,
            &format!("{name}:{line}"),
        );
    }
}

#[test]
fn flags_override_variables_and_variables_override_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("k.toml");
    std::fs::write(&path, "store = \"memory:file\"\n").unwrap();
    let first = |flag: bool, variable: bool| {
        let mut command = kubekv();
        command.args(["serve", "--config"]).arg(Path::new(&path));
        if flag {
            command.args(["--store", "memory:flag"]);
        }
        if variable {
            command.env("KUBEKV_STORE", "memory:variable");
        }
        let done = done(command.output().unwrap());
        assert_eq!(done.code, 2);
        done.err
    };
    assert!(first(true, true).starts_with("kubekv: --store: "));
    assert!(first(false, true).starts_with("kubekv: KUBEKV_STORE: "));
    let place = format!("kubekv: {}:1:9: store: ", path.display());
    assert!(first(false, false).starts_with(&place));
}

#[test]
fn help_names_every_option_and_exit_code() {
    let help = run(&["serve", "--help"]);
    assert_eq!(help.code, 0);
    for option in &kubekv::config::OPTIONS {
        let flag = format!("--{}", option.name);
        assert!(help.text().contains(&flag), "{flag}");
        assert!(help.text().contains(&option.variable()), "{flag}");
    }
    assert!(run(&["--help"]).text().contains("Exit codes:"));
    assert_eq!(
        run(&["--version"]).text(),
        concat!("kubekv ", env!("CARGO_PKG_VERSION"), "\n")
    );
    assert_eq!(run(&[]).code, 2);
}

#[test]
fn shell_completions_list_commands_and_options() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]);
        assert_eq!(script.code, 0);
        for word in ["serve", "allow-plaintext", "watch"] {
            assert!(script.text().contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(run(&["completions", "cmd"]).code, 2);
}
