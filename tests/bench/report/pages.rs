//! The pages of a report: all cells are shown, losses and gaps are named, and both forms are well-formed.

use kubekv::bench::page::{PageBlock, document, headline_plot, html, markdown, summary};
use kubekv::bench::suite::{AttackTables, CellRecord, ReportLevel, ReportRecord};
use kubekv::bench::watch::WatchSummary;

use super::{cells, measured};

/// Both forms of a report.
fn pages(record: &ReportRecord, earlier: Option<&ReportRecord>) -> [String; 2] {
    let document = document(record, earlier);
    [markdown(&document), html(&document)]
}

/// The row of the Markdown table after a heading that begins with a text.
fn row<'a>(text: &'a str, heading: &str, name: &str) -> &'a str {
    let (_, rest) = text
        .split_once(heading)
        .unwrap_or_else(|| panic!("no {heading}"));
    let begin = format!("| {name} |");
    rest.lines()
        .find(|line| line.starts_with(&begin))
        .unwrap_or_else(|| panic!("no {name} after {heading}"))
}

/// Checks that the tags of a page close each other; it has no text with a "<".
fn check_tags(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for part in page.split('<').skip(1) {
        let tag = part.split('>').next().unwrap();
        if tag.starts_with('!') || tag.ends_with('/') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "in {tag}");
            continue;
        }
        open.push(tag.split_whitespace().next().unwrap());
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn the_page_is_well_formed_and_fetches_nothing() {
    let mut record = measured(ReportLevel::Standard, 2.0);
    record.build.arguments = vec!["--with consul=<x>&\"y\"".to_owned()];
    let [_, page] = pages(&record, Some(&measured(ReportLevel::Standard, 1.0)));
    check_tags(&page);
    for forbidden in ["<script", "http://", "https://", "url(", "@import", "src="] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    for wanted in [
        "prefers-color-scheme: dark",
        "@media print",
        "width=device-width",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    assert!(page.contains("&lt;x&gt;&amp;&quot;y&quot;"));
}

#[test]
fn every_cell_is_shown_in_a_table_and_a_plot() {
    for level in [ReportLevel::Quick, ReportLevel::Standard] {
        let record = measured(level, 2.0);
        let document = document(&record, None);
        let plots = document
            .blocks
            .iter()
            .filter(|block| matches!(block, PageBlock::Plot(..)));
        let groups = record.plan.stages.iter().map(|stage| stage.groups.len());
        assert!(plots.count() > groups.sum::<usize>(), "{level:?}");
        let [text, page] = pages(&record, None);
        for (_, group, deployment) in cells(&record.plan) {
            let heading = format!("\n### {}\n", group.title);
            let found = row(&text, &heading, &deployment.name());
            assert!(!found.contains("not measured"), "{found}");
            assert!(page.contains(&format!("<h3>{}</h3>", group.title)));
        }
    }
}

#[test]
fn losing_rows_are_marked_in_words_and_listed() {
    let [wins, page] = pages(&measured(ReportLevel::Quick, 2.0), None);
    assert!(!wins.contains("LOSES") && !page.contains("class=\"loses\""));
    assert!(wins.contains("In no row that was measured."));
    let record = measured(ReportLevel::Quick, 0.5);
    let [loses, page] = pages(&record, None);
    let name = "Read a key, Consul's API beside Consul";
    let found = row(&loses, "kubekv beside the real servers", name);
    assert!(
        found.contains("0.50x") && found.ends_with("| LOSES |"),
        "{found}"
    );
    // A latency that is twice as long loses as well.
    let name = "Wake 100 watchers of a key, etcd v2's API beside etcd v2";
    let found = row(&loses, "kubekv beside the real servers", name);
    assert!(
        found.contains("2.0x") && found.ends_with("| LOSES |"),
        "{found}"
    );
    let lost = page.matches("<tr class=\"loses\">").count();
    assert!(lost > 20, "{lost}");
    assert!(loses.contains("comparisons. The worst:"));
}

#[test]
fn what_was_not_measured_is_named_with_its_reason() {
    let mut record = measured(ReportLevel::Quick, 2.0);
    let why = "no program consul in PATH";
    record
        .missing
        .insert("consul/consul".to_owned(), why.to_owned());
    record.cells.retain(|id, _| !id.ends_with("/consul/consul"));
    record.cells.insert(
        "primitives/get/zookeeper/zk".to_owned(),
        CellRecord {
            failed: Some("zookeeper ended".to_owned()),
            ..CellRecord::default()
        },
    );
    record.cells.remove("primitives/list/etcd2/etcd2");
    for page in pages(&record, None) {
        assert!(page.contains("Not measured: consul/consul: no program consul in PATH"));
        assert!(page.contains("2 cells are not measured yet, or failed"));
    }
    let [text, page] = pages(&record, None);
    let found = |heading: &str, name: &str| row(&text, heading, name).to_owned();
    assert!(found("### Read a key\n", "Consul").contains(why));
    assert!(found("### Read a key\n", "ZooKeeper").contains("failed: zookeeper ended"));
    assert!(found("### List 1,000 networks\n", "etcd v2").contains("not measured yet"));
    let name = "Read a key, Consul's API beside Consul";
    assert!(found("kubekv beside the real servers", name).contains(why));
    check_tags(&page);
}

#[test]
fn disturbed_cells_and_debug_builds_are_marked() {
    let mut record = measured(ReportLevel::Quick, 2.0);
    record.build.is_debug = true;
    let cell = record
        .cells
        .get_mut("primitives/get/consul/consul")
        .unwrap();
    cell.disturbed = Some("others used 40 % of the processors".to_owned());
    cell.rounds[0].result.limited_by = Some("client".to_owned());
    let [text, page] = pages(&record, None);
    for said in ["DEBUG BUILD", "1 of ", "others used 40 % of the processors"] {
        assert!(text.contains(said) && page.contains(said), "{said}");
    }
    let name = "Read a key, Consul's API beside Consul";
    let found = row(&text, "kubekv beside the real servers", name);
    assert!(found.contains("disturbed"), "{found}");
    assert!(text.contains("limited by client in 1 rounds"));
}

#[test]
fn two_reports_are_compared_cell_by_cell() {
    let (now, mut then) = (
        measured(ReportLevel::Quick, 1.0),
        measured(ReportLevel::Quick, 2.0),
    );
    then.cells.remove("primitives/lock/etcd2/etcd2");
    let [text, page] = pages(&now, Some(&then));
    let found = |name: &str| row(&text, "## Against another report", name).to_owned();
    let worse = found("Read a key: kubekv, Consul's API");
    assert!(
        worse.contains("0.50x") && worse.ends_with("| WORSE |"),
        "{worse}"
    );
    let same = found("Read a key: Consul");
    assert!(same.ends_with("| none that counts |"), "{same}");
    assert!(text.contains("has not: primitives/lock/etcd2/etcd2."));
    assert!(!text.contains("different machines"));
    check_tags(&page);
    then.machine.cores += 1;
    let [text, _] = pages(&now, Some(&then));
    assert!(text.contains("different machines"));
    let [text, _] = pages(&now, None);
    assert!(!text.contains("Against another report"));
}

#[test]
fn series_have_their_slopes() {
    let mut record = measured(ReportLevel::Standard, 1.0);
    // Ten times the networks, ten times the time.
    for (size, factor) in [("10", 1.0), ("100", 10.0), ("1000", 100.0)] {
        let id = format!("networks-{size}/container-start/consul/consul");
        for round in &mut record.cells.get_mut(&id).unwrap().rounds {
            let row = round.result.operations.get_mut("container start").unwrap();
            row.latency.p50_us = 500.0 * factor;
        }
    }
    let [text, _] = pages(&record, None);
    let heading = "### Start a container, over the number of networks";
    let steep = row(&text, heading, "Consul");
    assert!(
        steep.ends_with("| 500 us | 5.00 ms | 50.0 ms | 1.00 |"),
        "{steep}"
    );
    let flat = row(&text, heading, "kubekv, Consul's API");
    assert!(flat.ends_with("| 0.00 |"), "{flat}");
    // Both models know 10 and 100, and are right about 1,000.
    let predicted = row(&text, "Two models", "Consul");
    assert_eq!(
        predicted,
        "| Consul | 50.0 ms | 50.0 ms (+0 %) | 50.0 ms (+0 %) | 500 ms |"
    );
}

#[test]
fn a_model_that_was_wrong_about_the_last_size_says_how_much() {
    let mut record = measured(ReportLevel::Standard, 1.0);
    for (size, time) in [("10", 510.0), ("100", 600.0), ("1000", 1_500.0)] {
        let id = format!("networks-{size}/container-start/consul/consul");
        for round in &mut record.cells.get_mut(&id).unwrap().rounds {
            let row = round.result.operations.get_mut("container start").unwrap();
            row.latency.p50_us = time;
        }
    }
    let [text, _] = pages(&record, None);
    let predicted = row(&text, "Two models", "Consul");
    // A constant of 500 us and 1 us a network; the power law does not see it coming.
    assert_eq!(
        predicted,
        "| Consul | 1.50 ms | 706 us (-53 %) | 1.50 ms (+0 %) | 10.5 ms |"
    );
}

#[test]
fn memory_is_shown_for_each_entry_and_watcher() {
    let mut record = measured(ReportLevel::Standard, 1.0);
    for (size, mebibytes) in [("1000", 11), ("10000", 20), ("100000", 110)] {
        let id = format!("entries-{size}/entries-get/etcd2/etcd2");
        for round in &mut record.cells.get_mut(&id).unwrap().rounds {
            round.result.server.as_mut().unwrap().resident_bytes_after = mebibytes << 20;
        }
    }
    let id = "watchers/wake-1000/etcd2/etcd2";
    record.cells.get_mut(id).unwrap().rounds[0].result.watch = Some(WatchSummary {
        watchers: 1_000,
        resident_bytes_before: Some(10 << 20),
        resident_bytes_waiting: Some(20 << 20),
        ..WatchSummary::default()
    });
    let id = "idle-sessions/sessions/etcd2/etcd2";
    for round in &mut record.cells.get_mut(id).unwrap().rounds {
        let idle = round.result.idle.as_mut().unwrap();
        idle.resident_bytes_idle = Some((1 << 20) + 512_000);
    }
    // A connection whose memory did not grow has no figure.
    let id = "idle-connections/connections/etcd2/etcd2";
    for round in &mut record.cells.get_mut(id).unwrap().rounds {
        let idle = round.result.idle.as_mut().unwrap();
        idle.resident_bytes_idle = Some(1 << 10);
    }
    let [text, _] = pages(&record, None);
    let found = row(&text, "### Memory\n", "etcd v2");
    assert_eq!(found, "| etcd v2 | 1.02 KiB | 10.2 KiB | 512 B | - |");
    let found = row(&text, "### Memory of a connection\n", "etcd v2");
    assert!(found.contains("| no more than before |"), "{found}");
    let name = "Memory of a session, etcd v2's API beside etcd v2";
    let found = row(&text, "kubekv beside the real servers", name);
    assert!(
        found.contains("| 3.91 KiB | 512 B | 7.8x") && found.ends_with("| LOSES |"),
        "{found}"
    );
    let name = "Memory of a connection, etcd v2's API beside etcd v2";
    let found = row(&text, "kubekv beside the real servers", name);
    assert!(found.contains("no more memory than before"), "{found}");
}

#[test]
fn take_overs_are_shown_over_entries_beside_servers_that_are_alone() {
    let mut record = measured(ReportLevel::Standard, 1.0);
    for (size, seconds) in [("1000", 4.0), ("10000", 4.0), ("100000", 8.0)] {
        let id = format!("entries-{size}/entries-take-over/kubekv-on-etcd/etcd2");
        for round in &mut record.cells.get_mut(&id).unwrap().rounds {
            let row = round.result.operations.get_mut("write").unwrap();
            row.latency.p50_us = seconds * 1e6;
        }
    }
    let [text, page] = pages(&record, None);
    let heading = "### Writes after a leader was killed, over the number of entries";
    let found = row(&text, heading, "kubekv on etcd v3, etcd v2's API");
    assert!(
        found.starts_with("| kubekv on etcd v3, etcd v2's API | 4.00 s | 4.00 s | 8.00 s | 0."),
        "{found}"
    );
    let heading = "### Reads while a leader stops, over the number of entries";
    row(&text, heading, "kubekv on Kubernetes, etcd v2's API");
    let name =
        "Writes after a leader was killed, 100,000 entries present, etcd v2's API beside etcd v3";
    let found = row(
        &text,
        "kubekv on etcd v3 beside etcd v3 asked directly",
        name,
    );
    assert!(found.ends_with("| LOSES |"), "{found}");
    check_tags(&page);
}

#[test]
fn hosts_carried_are_shown_with_what_stops_each_system() {
    let record = measured(ReportLevel::Standard, 2.0);
    let [text, page] = pages(&record, None);
    let heading = "### Docker hosts that one store carries\n";
    let found = row(&text, heading, "etcd v2").to_owned();
    assert!(found.starts_with("| etcd v2 | 400 | 400 us | "), "{found}");
    assert!(found.contains("900 hosts: p99 of container start: 1.2 s"));
    let name = "Docker hosts that one store carries, etcd v2's API beside etcd v2";
    let found = row(&text, "kubekv beside the real servers", name);
    assert!(
        found.contains("| 1,600 hosts | 400 hosts | 4.0x"),
        "{found}"
    );
    check_tags(&page);
    let plot = headline_plot(&record).unwrap();
    check_tags(&plot);
    for wanted in [
        "xmlns=",
        "prefers-color-scheme: dark",
        ">1,600<",
        "class=\"back\"",
        "viewBox=\"-8 -6 416",
    ] {
        assert!(plot.contains(wanted), "{wanted}");
    }
    assert_eq!(headline_plot(&measured(ReportLevel::Quick, 1.0)), None);
}

#[test]
fn the_summary_has_the_ratios_with_losses_in_bold() {
    let found = summary(&measured(ReportLevel::Standard, 0.5));
    let line = |begin: &str| {
        let line = found.lines().find(|line| line.starts_with(begin));
        line.unwrap_or_else(|| panic!("no {begin} in {found}"))
            .to_owned()
    };
    let lost = "**0.50x** | **0.50x** | **0.50x** | **0.50x** | **0.50x** | **0.50x** |";
    assert_eq!(line("| Read a key |"), format!("| Read a key | {lost}"));
    let times = line("| Read a key: latency, time |");
    assert_eq!(times.matches("**2.0x**").count(), 6, "{times}");
    let hosts = line("| etcd v2 |");
    assert!(hosts.starts_with("| etcd v2 | 400 | 400 | "), "{hosts}");
}

#[test]
fn layers_of_security_are_shown_beside_plaintext_and_attacks_if_they_are_given() {
    let mut record = measured(ReportLevel::Standard, 2.0);
    let id = "security/layers-put/kubekv/consul+audit";
    for round in &mut record.cells.get_mut(id).unwrap().rounds {
        let row = round.result.operations.get_mut("put").unwrap();
        row.per_second /= 4.0;
    }
    let text = std::fs::read_to_string("docs/security.md").unwrap();
    record.attacks = AttackTables::parse("security.md", &text);
    let [text, page] = pages(&record, None);
    let name = "kubekv, Consul's API, TLS, certificates, a policy and an audit log";
    let found = row(&text, "## Security", name);
    assert!(
        found.contains("| 1.00x (1.00x to 1.00x) | 0.25x (0.25x to 0.25x) |"),
        "{found}"
    );
    let stolen = "a Docker host's that was stolen, or a hostile Docker host";
    let found = row(&text, "### What a stolen credential reaches", stolen);
    assert!(found.contains(" of "), "{found}");
    check_tags(&page);
}
