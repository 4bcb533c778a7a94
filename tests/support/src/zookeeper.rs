//! A real ZooKeeper, and its own command line.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::components::component;
use crate::etcd_member::free;

/// A server on ports and in a directory of its own; it ends with the test.
pub struct ZooKeeper {
    process: Child,
    pub address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl ZooKeeper {
    /// Starts one that is alone: 3.8.0.
    pub fn start() -> Self {
        Self::start_with("", "")
    }

    /// The same: 3.9.4.
    pub fn start_latest() -> Self {
        let server = Self::spawn("zookeeper-3.9", "", "");
        server.until_it_says("Zookeeper version");
        server
    }

    /// Starts one with more settings and options for Java, and waits until it serves.
    pub fn start_with(settings: &str, options: &str) -> Self {
        let server = Self::spawn("zookeeper", settings, options);
        server.until_it_says("Zookeeper version");
        // It listens on its ports one after another.
        let secure = settings
            .lines()
            .find_map(|line| line.strip_prefix("secureClientPort="));
        if let Some(port) = secure {
            let secure = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
            let listens = || TcpStream::connect(secure).is_ok();
            let pause = || std::thread::sleep(Duration::from_millis(25));
            assert!(
                (0..2400).any(|_| listens() || {
                    pause();
                    false
                }),
                "{secure} is closed"
            );
        }
        server
    }

    /// Starts one that also speaks TLS, with the `server`'s certificate and the authority `ca` of a directory; with the address.
    pub fn start_over_tls(directory: &Path) -> (Self, SocketAddr) {
        let read = |name: &str| std::fs::read(directory.join(name)).unwrap();
        let both = [read("server.key"), read("server.pem")].concat();
        std::fs::write(directory.join("both.pem"), both).unwrap();
        // Certificates are made for this address.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let secure = listener.local_addr().unwrap();
        drop(listener);
        let settings = format!(
            "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory\nsecureClientPortAddress=127.0.0.1\n\
             secureClientPort={}\nssl.keyStore.location={}\nssl.trustStore.location={}\n",
            secure.port(),
            directory.join("both.pem").display(),
            directory.join("ca.pem").display()
        );
        (Self::start_with(&settings, ""), secure)
    }

    /// Starts one of three, whose others are not there.
    pub fn start_without_quorum() -> Self {
        let members: Vec<String> = (1..=3)
            .map(|number| format!("server.{number}={}:{}", free(), free().port()))
            .collect();
        let members = members.join("\n");
        let server = Self::spawn(
            "zookeeper",
            &format!("initLimit=10\nsyncLimit=5\n{members}\n"),
            "",
        );
        server.until_it_says("not currently serving requests");
        server
    }

    fn spawn(program: &str, settings: &str, options: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (address, at) = (free(), directory.path());
        std::fs::write(at.join("myid"), "1\n").unwrap();
        let config = at.join("zoo.cfg");
        let text = format!(
            "tickTime=2000\ndataDir={}\nclientPortAddress={}\nclientPort={}\nadmin.enableServer=false\n{settings}",
            at.display(),
            address.ip(),
            address.port()
        );
        std::fs::write(&config, text).unwrap();
        let process = Command::new(component(program).join("zookeeper"))
            .arg("org.apache.zookeeper.server.quorum.QuorumPeerMain")
            .arg(&config)
            .env(
                "JVMFLAGS",
                format!("-Dzookeeper.extendedTypesEnabled=true {options}"),
            )
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            process,
            address,
            _directory: directory,
        }
    }

    fn until_it_says(&self, word: &str) {
        let mut said = String::new();
        for _ in 0..2400 {
            said = self.srvr().unwrap_or_default();
            if said.contains(word) {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("ZooKeeper does not serve: {said}");
    }

    fn srvr(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        // One that is about to serve may take a word and never answer it.
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"srvr")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    }

    /// Runs lines of its command line, and returns its output; every `create` must succeed.
    pub fn run(&self, lines: &[String]) -> String {
        let mut child = Command::new(component("zookeeper").join("zookeeper"))
            .arg("org.apache.zookeeper.ZooKeeperMain")
            .args(["-server", &self.address.to_string()])
            .env("JVMFLAGS", "-Dfile.encoding=UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{}\nquit", lines.join("\n")).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let created = said.matches("Created /").count();
        let creates = lines.iter().filter(|line| line.starts_with("create "));
        assert_eq!(created, creates.count(), "{said}");
        said
    }
}

impl Drop for ZooKeeper {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}
