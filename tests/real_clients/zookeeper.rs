//! Clients of ZooKeeper: their own tests, unchanged, and Curator's recipes.
//!
//! What fails on kubekv is run on a real ZooKeeper as well, so that a failure tells whose it is.

use std::process::{Command, Output};
use std::time::Instant;

use crate::zookeeper_server::ServerProgram;

/// A client, and the versions of ZooKeeper on which its tests pass.
struct ZooKeeperClient {
    name: &'static str,
    real: &'static [&'static str],
    /// A test of its own that does not wait for what it needs, and what it says where it was too early.
    race: Option<(&'static str, &'static str)>,
}

/// How many runs must lose such a race.
const RUNS: usize = 3;

impl ZooKeeperClient {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            real: &["3.9", "3.8"],
            race: None,
        }
    }

    /// Whether nothing failed but the test that may.
    fn lost_its_race(&self, output: &Output) -> bool {
        let said = text(output);
        let failed: Vec<&str> = said
            .lines()
            .filter(|line| line.trim_start().starts_with("--- FAIL: "))
            .collect();
        self.race.is_some_and(|(test, words)| {
            matches!(failed.as_slice(), [one] if one.contains(test)) && said.contains(words)
        })
    }

    fn run(&self, program: ServerProgram) -> Output {
        let mut command = Command::new("tests/clients/zookeeper");
        command.args([self.name, program.argument()]);
        command.output().unwrap()
    }

    /// Fails if its tests fail on kubekv.
    fn works(&self) {
        #[expect(
            clippy::disallowed_methods,
            reason = "a process has no clock that could be paused"
        )]
        let began = Instant::now();
        let mut output = self.run(ServerProgram::Kubekv);
        for _ in 1..RUNS {
            if output.status.success() || !self.lost_its_race(&output) {
                break;
            }
            println!("{}: run again, because of\n{}", self.name, text(&output));
            output = self.run(ServerProgram::Kubekv);
        }
        println!("{}: {:.1?}", self.name, began.elapsed());
        if output.status.success() {
            return;
        }
        let real = self.real[0];
        let on_real = self.run(ServerProgram::ZooKeeper(real));
        let verdict = if on_real.status.success() {
            "the same tests pass on it"
        } else {
            "the same tests fail on it"
        };
        panic!(
            "{} fails on kubekv; ZooKeeper {real}: {verdict}\n{}\n--- ZooKeeper\n{}",
            self.name,
            text(&output),
            text(&on_real)
        );
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

const LIBKV: ZooKeeperClient = ZooKeeperClient::new("libkv");
const VALKEYRIE: ZooKeeperClient = ZooKeeperClient::new("valkeyrie");
const KAZOO: ZooKeeperClient = ZooKeeperClient::new("kazoo");
const CURATOR: ZooKeeperClient = ZooKeeperClient::new("curator");
/// It wants of `multi` what ZooKeeper answers since 3.9.
const RUST: ZooKeeperClient = ZooKeeperClient {
    real: &["3.9"],
    ..ZooKeeperClient::new("zookeeper-client")
};
/// It reads the version's date only in the form of ZooKeeper before 3.7, so that its tests do not start on later ones.
const GO: ZooKeeperClient = ZooKeeperClient {
    real: &["3.6"],
    ..ZooKeeperClient::new("go-zookeeper")
};

/// Those of its tests that want three servers. One stops the server that it is connected to, and sends a request at once, without
/// waiting for a new connection: what is sent on one that ends fails with it, and the client does not send it again.
const GO_WITH_THREE: ZooKeeperClient = ZooKeeperClient {
    name: "go-zookeeper-three",
    real: &["3.6"],
    race: Some((
        "TestIntegration_DNSHostProviderReconnect",
        "Create returned error: zk: connection closed",
    )),
};

#[test]
#[ignore = "needs Go: tests/run"]
fn libkvs_own_tests_pass_over_zookeeper() {
    LIBKV.works();
}

#[test]
#[ignore = "needs Go: tests/run"]
fn valkeyries_own_tests_pass_over_zookeeper() {
    VALKEYRIE.works();
}

#[test]
#[ignore = "needs kazoo: tests/run"]
fn kazoos_own_tests_pass() {
    KAZOO.works();
}

#[test]
#[ignore = "needs Go: tests/run"]
fn go_zookeepers_own_tests_pass() {
    GO.works();
}

#[test]
#[ignore = "needs Go and etcd: tests/run"]
fn go_zookeepers_own_tests_pass_on_three_gateways() {
    GO_WITH_THREE.works();
}

#[test]
#[ignore = "needs zookeeper-client: tests/run"]
fn the_rust_clients_own_tests_pass() {
    RUST.works();
}

#[test]
#[ignore = "needs Curator: tests/run"]
fn curators_recipes_work() {
    CURATOR.works();
}

/// The tests themselves: what they want, ZooKeeper does. About 10 minutes on a machine with nothing else to do, where ZooKeeper
/// starts in time for those that restart it.
#[test]
#[ignore = "by hand: cargo test --test real_clients -- --ignored --nocapture by_hand"]
fn zookeepers_pass_the_tests_of_their_clients_by_hand() {
    for client in [LIBKV, VALKEYRIE, KAZOO, CURATOR, RUST, GO, GO_WITH_THREE] {
        for version in client.real {
            let output = client.run(ServerProgram::ZooKeeper(version));
            println!("{} on ZooKeeper {version}: {}", client.name, output.status);
            assert!(output.status.success(), "{}", text(&output));
        }
    }
}

#[test]
fn only_a_race_that_is_known_is_run_again() {
    let said = |text: &str| Output {
        status: std::process::ExitStatus::default(),
        stdout: text.into(),
        stderr: Vec::new(),
    };
    let lost = "--- FAIL: TestIntegration_DNSHostProviderReconnect (1.2s)\n";
    let words = "x_test.go:170: Create returned error: zk: connection closed\n";
    let lost_its_race = |text: &str| GO_WITH_THREE.lost_its_race(&said(text));
    assert!(lost_its_race(&format!("{lost}{words}FAIL\n")));
    assert!(!lost_its_race(&format!("{lost}Get returned nil stat\n")));
    assert!(!lost_its_race(&format!(
        "{lost}{words}--- FAIL: TestOther (0s)\n"
    )));
    assert!(!GO.lost_its_race(&said(&format!("{lost}{words}"))));
}
