//! The tables of docs/docker-requests.md, made from the stored recordings.

use support::recorder::profile::{Profile, StepProfile};
use support::recorder::record::load;

use crate::live::stored;
use crate::servers::Store;

/// A name, and the forms of the requests it counts.
type Column = (&'static str, fn(&str) -> bool);

/// The columns of a table.
const COLUMNS: [Column; 5] = [
    ("checks", is_check),
    ("lists", is_list),
    ("reads", is_read),
    ("writes", is_write),
    ("connections", is_connection),
];

fn is_connection(form: &str) -> bool {
    form.starts_with("connect ") || form.starts_with("GET /v2/members")
}

fn is_write(form: &str) -> bool {
    let methods = ["PUT ", "DELETE ", "create ", "setData ", "delete "];
    methods.iter().any(|method| form.starts_with(method))
}

fn is_list(form: &str) -> bool {
    let words = ["getChildren2 ", "recurse=", "recursive=true"];
    words.iter().any(|word| form.contains(word)) && !is_write(form)
}

/// Whether it asks whether a directory is there: HTTP has the same request for that and for a key.
fn is_check(form: &str) -> bool {
    if is_list(form) || is_write(form) || is_connection(form) {
        return false;
    }
    let Some(target) = form.strip_prefix("GET ") else {
        return form.starts_with("exists ");
    };
    let path = target.split('?').next().unwrap().trim_end_matches('/');
    let (parent, name) = path.rsplit_once('/').unwrap();
    let is_directory = ["network", "endpoint_count", "nodes"].contains(&name);
    let is_of_network = parent.ends_with("/v1.0/endpoint");
    is_directory || is_of_network
}

fn is_read(form: &str) -> bool {
    !is_check(form) && !is_list(form) && !is_write(form) && !is_connection(form)
}

fn row(step: &str, host: &str, profile: &StepProfile) -> Option<String> {
    if profile.commands.is_empty() {
        return None;
    }
    let count = |counts: fn(&str) -> bool| -> usize {
        let commands = profile.commands.iter().filter(|(form, _)| counts(form));
        commands.map(|(_, count)| count).sum()
    };
    let cells = COLUMNS.map(|(_, counts)| count(counts).to_string());
    let sum = count(|_| true);
    Some(format!(
        "| {step} | {host} | {} | {sum} |",
        cells.join(" | ")
    ))
}

fn table(store: Store) -> String {
    let profile = Profile::of(&load(&stored(store)));
    let names = COLUMNS.map(|(name, _)| name).join(" | ");
    let mut lines = vec![
        format!("| step | host | {names} | all |"),
        "|---|---|--:|--:|--:|--:|--:|--:|".to_owned(),
    ];
    for (step, hosts) in &profile.steps {
        let rows = hosts
            .iter()
            .filter_map(|(host, profile)| row(step, host, profile));
        lines.extend(rows);
    }
    lines.join("\n")
}

#[test]
fn the_tables_of_requests_are_those_of_the_recordings() {
    let document = std::fs::read_to_string("docs/docker-requests.md").unwrap();
    for store in [Store::Etcd, Store::Consul, Store::ZooKeeper] {
        let table = table(store);
        assert!(
            document.contains(&table),
            "{store:?}: the table is\n{table}\n"
        );
    }
}
