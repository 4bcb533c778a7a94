//! A whole gateway by `run`, as the binary and load harnesses start it.

use std::net::SocketAddr;

use kubekv::config::{self, Config, SettingOrigin, Settings};
use kubekv::gateway::{Error, Listeners, Stage, run_with_stages};
use prometheus_client::registry::Registry;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::harness::{get_once, rest};

fn config(store: &str) -> Config {
    config_with(store, &[])
}

/// The configuration of a gateway on loopback with these options, too.
pub(crate) fn config_with(store: &str, options: &[(&'static str, &str)]) -> Config {
    let mut settings = Settings::default();
    settings.set("store", store, SettingOrigin::Flag("store"));
    for face in ["consul", "etcd", "admin"] {
        settings.set(face, "127.0.0.1:0", SettingOrigin::Flag(face));
    }
    for (name, value) in options {
        settings.set(name, *value, SettingOrigin::Flag(name));
    }
    config::load(settings, []).unwrap()
}

/// A running gateway.
pub(crate) struct Running {
    pub(crate) consul: SocketAddr,
    pub(crate) etcd: SocketAddr,
    pub(crate) admin: SocketAddr,
    zookeeper: Option<SocketAddr>,
    stages: mpsc::UnboundedReceiver<Stage>,
    shutdown: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), Error>>,
}

/// Starts a gateway that answers.
pub(crate) async fn ready(options: &[(&'static str, &str)]) -> Running {
    ready_on("memory:", options).await
}

/// The same on this store.
pub(crate) async fn ready_on(store: &str, options: &[(&'static str, &str)]) -> Running {
    let mut gateway = start(config_with(store, options));
    let ready = gateway.stages.recv().await;
    assert!(matches!(ready, Some(Stage::Ready(_))), "{ready:?}");
    gateway
}

fn start(config: Config) -> Running {
    let listeners = Listeners::bind(&config.listen).unwrap();
    let ports = listeners.ports().unwrap();
    let (shutdown, shutdown_requested) = oneshot::channel::<()>();
    let (stage_sender, stages) = mpsc::unbounded_channel();
    let gateway = run_with_stages(
        config,
        listeners,
        Registry::with_prefix("kubekv"),
        async { shutdown_requested.await.unwrap() },
        move |stage| stage_sender.send(stage).unwrap(),
    );
    Running {
        consul: ports.consul.unwrap(),
        etcd: ports.etcd.unwrap(),
        admin: ports.admin.unwrap(),
        zookeeper: ports.zookeeper,
        stages,
        shutdown,
        ended: tokio::spawn(gateway),
    }
}

impl Running {
    /// The port of ZooKeeper's protocol, where it has one.
    pub(crate) fn zookeeper(&self) -> SocketAddr {
        self.zookeeper.unwrap()
    }

    /// Stops it, and waits until its store is closed.
    pub(crate) async fn stop(self) {
        self.shutdown.send(()).unwrap();
        self.ended.await.unwrap().unwrap();
    }
}

async fn ask(to: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(get_once(path).as_bytes()).await.unwrap();
    rest(&mut stream).await
}

#[tokio::test]
async fn the_gateway_is_ready_until_shutdown_and_then_drains() {
    let mut gateway = start(config("memory:"));
    let ready = gateway.stages.recv().await.unwrap();
    let Stage::Ready(ports) = ready else {
        panic!("{ready:?}");
    };
    assert_eq!(ports.consul, Some(gateway.consul));
    assert!(ask(gateway.admin, "/readyz").await.ends_with("ok\n"));
    // A request in flight keeps the gateway, and so its admin port, until it ends.
    let mut stream = TcpStream::connect(gateway.consul).await.unwrap();
    stream
        .write_all(b"PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nva")
        .await
        .unwrap();
    while !ask(gateway.admin, "/metrics")
        .await
        .contains("kubekv_face_in_flight{face=\"consul\"} 1\n")
    {}
    gateway.shutdown.send(()).unwrap();
    assert_eq!(gateway.stages.recv().await, Some(Stage::Stopping));
    let answer = ask(gateway.admin, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.ends_with("draining\n"), "{answer}");
    assert!(ask(gateway.admin, "/livez").await.ends_with("ok\n"));

    stream.write_all(b"lue").await.unwrap();
    assert!(rest(&mut stream).await.ends_with("true"));
    gateway.ended.await.unwrap().unwrap();
    assert!(TcpStream::connect(gateway.admin).await.is_err());
}

#[tokio::test]
async fn shutdown_closes_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("embedded:{}", directory.path().display());
    for _ in 0..2 {
        let mut gateway = start(config(&store));
        assert!(matches!(gateway.stages.recv().await, Some(Stage::Ready(_))));
        gateway.shutdown.send(()).unwrap();
        gateway.ended.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_stops_the_gateway() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let gateway = start(config(&format!("embedded:{}", file.path().display())));
    let error = gateway.ended.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Store(_)), "{error}");
}

#[tokio::test]
async fn what_clients_take_are_shares_of_the_memory_limit() {
    let mut gateway = start(config_with("memory:", &[("memory-limit", "64MiB")]));
    gateway.stages.recv().await.unwrap();
    let metrics = ask(gateway.admin, "/metrics").await;
    let percent = (64 << 20) / 100;
    for (name, share) in [
        ("fairness_limit_bytes{budget=\"bodies\"}", 10),
        ("fairness_limit_bytes{budget=\"answers\"}", 15),
        ("fairness_limit_bytes{budget=\"watch_queues\"}", 5),
        ("space_bytes_limit", 45),
    ] {
        let line = format!("kubekv_{name} {}\n", percent * share);
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    assert!(metrics.contains("kubekv_fairness_in_use{work=\"heavy\"} 0\n"));
    // A keyspace that no longer fits refuses to grow, and can be made smaller.
    let send = async |method: &str, number: usize, body: &[u8]| {
        let mut stream = TcpStream::connect(gateway.consul).await.unwrap();
        let length = body.len();
        let head = format!(
            "{method} /v1/kv/k{number} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        rest(&mut stream).await
    };
    let value = vec![b'v'; 500_000];
    let mut written = 0;
    let refused = loop {
        let answer = send("PUT", written, &value).await;
        if !answer.ends_with("true") {
            break answer;
        }
        written += 1;
        assert!(written * value.len() <= percent * 45, "nothing was refused");
    };
    assert!(refused.contains("--memory-limit"), "{refused}");
    assert!(written * value.len() > percent * 43, "{written}: {refused}");
    assert!(send("DELETE", 0, b"").await.ends_with("true"));
    assert!(send("PUT", 0, &value).await.ends_with("true"));
    gateway.shutdown.send(()).unwrap();
    gateway.ended.await.unwrap().unwrap();
}
