//! Answers, byte by byte as ZooKeeper's.

use super::super::connections::SessionFigures;
use super::super::server_figures::WatchFigures;
use super::*;

fn release() -> Release {
    Release {
        version: "3.9.4".to_owned(),
        built: "08/19/2025 19:53 UTC".to_owned(),
    }
}

fn figures() -> ServerFigures {
    ServerFigures {
        mode: "standalone",
        zxid: 0x1f,
        latency_ms: (0, 1.552_71, 80),
        received: 524,
        sent: 550,
        connections: 2,
        outstanding: 3,
        nodes: 40,
        ephemerals: 4,
        data_bytes: 349,
        sessions: 5,
        watches: WatchFigures {
            all: 6,
            connections: 1,
            paths: 2,
            of_data: 3,
        },
        uptime_ms: 1_317_603,
        file_descriptors: (39, 20_000),
    }
}

fn connections() -> Vec<ConnectionFigures> {
    let session = SessionFigures {
        id: 0x0100_00d8_804b_0000,
        last_operation: "PING",
        established_ms: 1_795_926_255_535,
        timeout_ms: 30_000,
        last_xid: 4,
        last_zxid: 0x16,
        last_response_ms: 99,
        latency_ms: [1, 0, 2, 3],
    };
    let connection = ConnectionFigures {
        peer: "127.0.0.1:46870".parse().unwrap(),
        queued: 0,
        received: 6,
        sent: 6,
        session: Some(session),
    };
    let asking = ConnectionFigures {
        peer: "[::1]:4".parse().unwrap(),
        received: 1,
        sent: 0,
        session: None,
        ..connection.clone()
    };
    vec![connection, asking]
}

fn all() -> AllowList {
    "*".parse().unwrap()
}

fn said(word: FourLetterWord) -> String {
    answer(word, &all(), &release(), Some(&figures()), connections)
}

const LINES: &str = "Latency min/avg/max: 0/1.5527/80\nReceived: 524\nSent: 550\nConnections: 2\n\
    Outstanding: 3\nZxid: 0x1f\nMode: standalone\nNode count: 40\n";
const VERSION: &str = "Zookeeper version: 3.9.4, built on 08/19/2025 19:53 UTC\n";

#[test]
fn a_word_about_the_server_is_answered_as_zookeeper_does() {
    assert_eq!(said(FourLetterWord::Ruok), "imok");
    assert_eq!(said(FourLetterWord::Isro), "rw");
    assert_eq!(said(FourLetterWord::Srvr), format!("{VERSION}{LINES}"));
    let wchs = "1 connections watching 2 paths\nTotal watches:3\n";
    assert_eq!(said(FourLetterWord::Wchs), wchs);
    let envi = said(FourLetterWord::Envi);
    let start = "Environment:\nzookeeper.version=3.9.4, built on 08/19/2025 19:53 UTC\n";
    assert!(envi.starts_with(start), "{envi}");
    // Kazoo splits each line at its first equals sign.
    assert!(
        envi.lines()
            .skip(1)
            .all(|line| line.split('=').count() == 2),
        "{envi}"
    );
    let whole = ServerFigures {
        latency_ms: (0, 0.0, 0),
        ..figures()
    };
    let said = answer(
        FourLetterWord::Srvr,
        &all(),
        &release(),
        Some(&whole),
        Vec::new,
    );
    assert!(said.contains("\nLatency min/avg/max: 0/0.0/0\n"), "{said}");
}

#[test]
fn a_word_about_connections_has_a_line_for_each() {
    let clients = " /127.0.0.1:46870[1](queued=0,recved=6,sent=6)\n \
        /0:0:0:0:0:0:0:1:4[0](queued=0,recved=1,sent=0)\n";
    let stat = format!("{VERSION}Clients:\n{clients}\n{LINES}");
    assert_eq!(said(FourLetterWord::Stat), stat);
    let cons = " /127.0.0.1:46870[1](queued=0,recved=6,sent=6,sid=0x10000d8804b0000,lop=PING,\
        est=1795926255535,to=30000,lcxid=0x4,lzxid=0x16,lresp=99,llat=1,minlat=0,avglat=2,maxlat=3)\n \
        /0:0:0:0:0:0:0:1:4[0](queued=0,recved=1,sent=0)\n\n";
    assert_eq!(said(FourLetterWord::Cons), cons);
    let mut pinged = connections().remove(0);
    pinged.session.as_mut().unwrap().last_xid = -2;
    let cons = answer(
        FourLetterWord::Cons,
        &all(),
        &release(),
        Some(&figures()),
        || vec![pinged],
    );
    assert!(!cons.contains("lcxid"), "{cons}");
    // Nobody lists connections for a word that does not show them.
    for word in [
        FourLetterWord::Srvr,
        FourLetterWord::Mntr,
        FourLetterWord::Wchs,
    ] {
        answer(word, &all(), &release(), Some(&figures()), || {
            panic!("{word:?} lists connections")
        });
    }
}

#[test]
fn mntr_has_the_figures_that_tools_read() {
    let mntr = said(FourLetterWord::Mntr);
    let value = |name: &str| {
        let lines = mntr.lines().filter_map(|line| line.strip_prefix("zk_"));
        let mut pairs = lines.filter_map(|line| line.split_once('\t'));
        pairs
            .find(|(own, _)| *own == name)
            .unwrap_or_else(|| panic!("{name}"))
            .1
            .to_owned()
    };
    for (name, wanted) in [
        ("version", "3.9.4, built on 08/19/2025 19:53 UTC"),
        ("server_state", "standalone"),
        ("avg_latency", "1.5527"),
        ("min_latency", "0"),
        ("max_latency", "80"),
        ("packets_received", "524"),
        ("packets_sent", "550"),
        ("num_alive_connections", "2"),
        ("outstanding_requests", "3"),
        ("znode_count", "40"),
        ("watch_count", "6"),
        ("ephemerals_count", "4"),
        ("approximate_data_size", "349"),
        ("open_file_descriptor_count", "39"),
        ("max_file_descriptor_count", "20000"),
        ("global_sessions", "5"),
        ("uptime", "1317603"),
    ] {
        assert_eq!(value(name), wanted, "{name}");
    }
    assert!(
        mntr.lines()
            .all(|line| line.starts_with("zk_") && line.matches('\t').count() == 1)
    );
}

#[test]
fn words_that_are_not_allowed_are_refused_by_name() {
    for word in [
        FourLetterWord::Ruok,
        FourLetterWord::Mntr,
        FourLetterWord::Refused("dump"),
    ] {
        let refused = format!(
            "{} is not executed because it is not in the whitelist.\n",
            word.name()
        );
        let said = answer(
            word,
            &AllowList::default(),
            &release(),
            Some(&figures()),
            connections,
        );
        assert_eq!(said, refused);
    }
    let dump = answer(
        FourLetterWord::Refused("dump"),
        &all(),
        &release(),
        None,
        connections,
    );
    assert_eq!(
        dump,
        "dump is not executed because it is not in the whitelist.\n"
    );
}

#[test]
fn a_server_that_does_not_serve_says_so() {
    let said = |word| answer(word, &all(), &release(), None, connections);
    assert_eq!(said(FourLetterWord::Ruok), "imok");
    assert_eq!(said(FourLetterWord::Isro), "null");
    assert!(said(FourLetterWord::Envi).contains("=3.9.4, built on "));
    for word in [
        FourLetterWord::Srvr,
        FourLetterWord::Stat,
        FourLetterWord::Cons,
        FourLetterWord::Mntr,
        FourLetterWord::Wchs,
    ] {
        assert_eq!(said(word), NOT_SERVING);
    }
}
