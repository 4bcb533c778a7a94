//! Log lines: valid JSON, and the fields of warnings.

use serde_json::Value;

use support::command::{Done, done, embedded, kubekv};
use support::requests::ask;
use support::running::Running;

/// The lines, each of which must be one JSON object with each field once.
fn lines(log: &str) -> Vec<Value> {
    let read = |line: &str| {
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?} is plain"));
        let fields = value.as_object().unwrap_or_else(|| panic!("{line}"));
        for (name, field) in fields {
            let count = line.matches(&format!("\"{name}\":")).count();
            assert_eq!(count, 1, "{name}: {line}");
            // As unquoted integers and durations would be.
            let is_number = field
                .as_str()
                .is_some_and(|text| text.parse::<f64>().is_ok());
            assert!(!is_number, "{name} is a text: {line}");
        }
        for name in ["timestamp", "level", "target", "message"] {
            assert!(
                fields.get(name).is_some_and(Value::is_string),
                "{name}: {line}"
            );
        }
        value
    };
    log.lines().map(read).collect()
}

fn serve(arguments: &[&str]) -> Done {
    done(kubekv().arg("serve").args(arguments).output().unwrap())
}

#[test]
fn every_line_of_a_json_log_is_json() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let arguments = [
        "--store",
        &embedded(&path),
        "--log-format",
        "json",
        "--log-level",
        "trace",
    ];
    let gateway = Running::start_by(kubekv(), &arguments);
    ask(gateway.consul, "GET /v1/kv/a?recurse");
    ask(gateway.etcd, "GET /v2/keys/a");
    gateway.signal(rustix::process::Signal::HUP);
    std::fs::rename(&path, directory.path().join("elsewhere")).unwrap();
    // The write is not acknowledged, whatever the answer is, and the gateway stops.
    ask(gateway.consul, "PUT /v1/kv/a");
    let done = gateway.end();
    assert_eq!(done.code, 7, "{done:?}");
    let lines = lines(&done.err);
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["level"], &last["exit_code"]),
        (&"ERROR".into(), &7.into())
    );
    let answered = |line: &&Value| line["message"] == "answered" && line["face"] == "consul";
    let answered = lines.iter().find(answered).unwrap();
    assert!(answered["micros"].is_u64(), "{answered}");
    assert_eq!(
        (&answered["status"], &answered["method"]),
        (&404.into(), &"GET".into())
    );
}

#[test]
fn errors_at_start_are_json_in_a_json_log() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("k.toml");
    std::fs::write(&file, "log-format = \"json\"\nstore = \"nonsense\"\n").unwrap();
    let file = file.to_str().unwrap();
    for (arguments, code, words) in [
        (
            &["--log-format", "json", "--consul", "8500"][..],
            2,
            "--consul: ",
        ),
        (&["--log-format=json", "--consull", "off"], 2, "--consull"),
        (&["--consul", "--log-format", "json"], 2, "--consul"),
        (&["--config", file], 2, "k.toml:2:9: store: "),
        (
            &["--log-format=json", "--store", "embedded:/dev/null/x"],
            6,
            "/dev/null/x",
        ),
    ] {
        let done = serve(&[arguments, &["--admin", "off", "--etcd", "off"]].concat());
        assert_eq!(done.code, code, "{done:?}");
        let lines = lines(&done.err);
        let last = lines.last().unwrap();
        assert_eq!(last["exit_code"], code, "{last}");
        assert!(last["message"].as_str().unwrap().contains(words), "{last}");
    }
    let mut command = kubekv();
    command.args(["serve", "--consul", "8500"]);
    let output = command.env("KUBEKV_LOG_FORMAT", "json").output().unwrap();
    assert_eq!(lines(&done(output).err)[0]["exit_code"], 2);
    // Flags override the environment and the file, as for every option.
    let done = serve(&["--config", file, "--log-format", "text"]);
    assert!(done.err.starts_with("kubekv: "), "{done:?}");
}

#[test]
fn a_warning_names_face_method_path_and_peer() {
    let gateway = Running::start_by(kubekv(), &["--store", "memory:", "--log-format", "json"]);
    let answer = ask(gateway.consul, "PUT /v1/kv/a?flags=x&token=hush");
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    let done = gateway.stop();
    let lines = lines(&done.err);
    let warning = lines
        .iter()
        .find(|line| line["level"] == "WARN" && line["message"] == "answered");
    let warning = warning.unwrap_or_else(|| panic!("{}", done.err));
    for (field, is) in [("face", "consul"), ("method", "PUT")] {
        assert_eq!(warning[field], is, "{warning}");
    }
    let path = warning["path"].as_str().unwrap();
    assert!(
        path.starts_with("/v1/kv/a?") && !path.contains("hush"),
        "{warning}"
    );
    let peer = warning["peer"].as_str().unwrap();
    assert!(peer.starts_with("127.0.0.1:"), "{warning}");
}

#[test]
fn one_client_cannot_flood_the_log() {
    const REQUESTS: usize = 5_000;
    let arguments = ["--store", "memory:", "--log-format", "json"];
    let gateway = Running::start_by(kubekv(), &arguments);
    // Refused by name, with status 501.
    let request = "GET /v1/event/list HTTP/1.1\r\nHost: x\r\n\r\n".repeat(REQUESTS - 1);
    let last = "GET /v1/event/list HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut client = support::requests::connect(gateway.consul);
    let mut writer = client.try_clone().unwrap();
    let send = std::thread::spawn(move || {
        std::io::Write::write_all(&mut writer, format!("{request}{last}").as_bytes()).unwrap();
    });
    let mut answers = Vec::new();
    std::io::Read::read_to_end(&mut client, &mut answers).unwrap();
    send.join().unwrap();
    let answers = String::from_utf8(answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 501").count(), REQUESTS);
    let done = gateway.stop();
    let mut by_second = std::collections::BTreeMap::<String, usize>::new();
    for line in lines(&done.err) {
        if line["message"] == "answered" {
            let time = line["timestamp"].as_str().unwrap();
            let second = time.split('.').next().unwrap().to_owned();
            *by_second.entry(second).or_default() += 1;
        }
    }
    // Ten in any second from the first: a second of the clock has parts of two.
    let most = by_second.values().max();
    assert!(most.is_some_and(|most| *most <= 20), "{by_second:?}");
}
