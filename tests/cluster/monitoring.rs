//! Monitoring: definitions that are not Kubernetes' own, rules and a dashboard.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::access_policies::Policies;
use crate::gateway::{get, put, start_by, state, until, until_ready};
use crate::rendered::{Overlay, manifests, only, render};
use support::command::kubekv;
use support::components::component;
use support::kubernetes::{kubectl, namespace};
use support::requests::{ask, send};
use support::running::Running;

/// Metrics that are served only after an event which this test does not cause: a bug in kubekv, half a minute without a
/// leader, a cluster that refuses.
const RARE: [&str; 3] = [
    "kubekv_face_panics_total",
    "kubekv_relay_failed_total",
    "kubekv_store_refused_total",
];

fn overlay() -> Vec<Value> {
    render(&manifests().join("overlays/monitoring"))
}

/// The groups of rules.
fn groups(objects: &[Value]) -> Value {
    only(objects, "PrometheusRule")["spec"]["groups"].clone()
}

/// Everything the dashboard asks, as it is asked when a namespace is chosen.
fn queries(objects: &[Value]) -> Vec<String> {
    let text = only(objects, "ConfigMap")["data"]["dashboard.json"].as_str();
    let dashboard: Value = serde_json::from_str(text.unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap().clone());
    let exprs = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    exprs
        .map(|expr| {
            expr.replace("$namespace", "kubekv")
                .replace("$__rate_interval", "1m")
        })
        .collect()
}

fn promtool(arguments: &[&str]) {
    let program = component("prometheus").join("promtool");
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn written(directory: &Path, name: &str, value: &Value) -> String {
    let path = directory.join(name);
    std::fs::write(&path, value.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs Kubernetes and definitions: tests/run"]
fn monitoring_objects_match_the_operators_definitions() {
    for kind in ["podmonitors", "prometheusrules"] {
        let name = format!("{kind}.monitoring.coreos.com");
        // A cluster that has them keeps its own.
        if kubectl(&["get", "crd", &name], &[]).is_err() {
            let file =
                component("prometheus-operator").join(format!("monitoring.coreos.com_{kind}.yaml"));
            kubectl(&["create", "-f", file.to_str().unwrap()], &[]).unwrap();
        }
        let wait = [
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            "crd",
        ];
        kubectl(&[&wait[..], &[&name]].concat(), &[]).unwrap();
    }
    let namespace = namespace();
    let overlay = Overlay::within("overlays/monitoring", &namespace);
    let tried = ["--dry-run=server", "--validate=strict"];
    let said = overlay.apply(&tried);
    for object in ["podmonitor", "prometheusrule", "configmap/kubekv-dashboard"] {
        assert!(said.contains(object), "{said}");
    }
}

#[test]
#[ignore = "needs Prometheus: tests/components get prometheus kubernetes"]
fn prometheus_accepts_rules_and_dashboard() {
    let objects = overlay();
    let directory = tempfile::tempdir().unwrap();
    let exprs = queries(&objects);
    assert!(exprs.len() > 10, "{exprs:?}");
    let exprs = exprs.iter().enumerate();
    let rules: Vec<_> = exprs
        .map(|(at, expr)| json!({"record": format!("panel:{at}"), "expr": expr}))
        .collect();
    let panels = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    promtool(&[
        "check",
        "rules",
        &written(directory.path(), "panels", &panels),
    ]);
    let rules = json!({"groups": groups(&objects)});
    promtool(&[
        "check",
        "rules",
        &written(directory.path(), "rules", &rules),
    ]);
}

/// Asserts, by Prometheus' own test of rules, that an alert fires after an hour of these series, a value a minute each.
fn assert_fires(series: &[(&str, &str)], alert: &str, labels: &Value) {
    // The text of the alert is not compared: only its name and labels.
    let mut name = vec![
        format!("alertname=\"{alert}\""),
        "alertstate=\"firing\"".to_owned(),
    ];
    let labels = labels.as_object().unwrap().iter();
    name.extend(labels.map(|(label, value)| format!("{label}={value}")));
    let sample = json!({"labels": format!("ALERTS{{{}}}", name.join(", ")), "value": 1});
    assert_firing(series, alert, &[sample]);
}

/// Asserts that no alert of such a name fires then.
fn assert_quiet(series: &[(&str, &str)], alerts: &str) {
    assert_firing(series, alerts, &[]);
}

fn assert_firing(series: &[(&str, &str)], alerts: &str, samples: &[Value]) {
    let directory = tempfile::tempdir().unwrap();
    let rules = json!({"groups": groups(&overlay())});
    let rules = written(directory.path(), "rules", &rules);
    let series = series.iter();
    let series: Vec<_> = series
        .map(|(series, values)| json!({"series": series, "values": values}))
        .collect();
    let expr = format!("ALERTS{{alertname=~\"{alerts}\", alertstate=\"firing\"}}");
    let test = json!({
        "rule_files": [rules],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": series,
            "promql_expr_test": [{"expr": expr, "eval_time": "60m", "exp_samples": samples}],
        }],
    });
    promtool(&["test", "rules", &written(directory.path(), "test", &test)]);
}

#[test]
#[ignore = "needs Prometheus: tests/components get prometheus kubernetes"]
fn first_count_of_a_series_raises_an_alert() {
    let refused = r#"kubekv_relay_refused_total{namespace="n", pod="p", face="etcd"}"#;
    let labels = json!({"namespace": "n", "face": "etcd", "severity": "warning"});
    assert_fires(
        &[(refused, "_x55 1x10")],
        "KubekvTooManyConnections",
        &labels,
    );
    let failed = r#"kubekv_relay_failed_total{namespace="n", pod="p", face="etcd"}"#;
    assert_fires(
        &[(failed, "_x55 1x10")],
        "KubekvClientsWithoutLeader",
        &labels,
    );
}

#[test]
#[ignore = "needs Prometheus: tests/components get prometheus kubernetes"]
fn missing_leader_raises_an_alert() {
    let critical = json!({"severity": "critical"});
    let standby = r#"kubekv_store_is_leader{namespace="n", pod="p"}"#;
    assert_fires(&[(standby, "0x61")], "KubekvNobodyLeads", &critical);
    let alone = json!({"namespace": "n", "severity": "warning"});
    assert_fires(&[(standby, "0x61")], "KubekvAlone", &alone);
}

#[test]
#[ignore = "needs Prometheus: tests/components get prometheus kubernetes"]
fn bad_policies_and_credentials_raise_alerts() {
    let state = r#"kubekv_policy_objects{namespace="n", pod="p", state="last_good"}"#;
    let labels = json!({"namespace": "n", "state": "last_good", "severity": "warning"});
    assert_fires(&[(state, "0x50 1x10")], "KubekvPolicyRefused", &labels);
    let read = r#"kubekv_policy_objects_read_timestamp_seconds{namespace="n", pod="p"}"#;
    let of_pod = json!({"namespace": "n", "pod": "p", "severity": "warning"});
    // Read each minute, and then no more.
    assert_fires(&[(read, "0+60x50 3000x10")], "KubekvPolicyUnread", &of_pod);
    for file in ["policy", "credentials"] {
        let usable = format!(r#"kubekv_{file}_file_usable{{namespace="n", pod="p"}}"#);
        assert_fires(&[(&usable, "1x50 0x10")], "KubekvFileRefused", &of_pod);
    }
    let expiry = r#"kubekv_credentials_next_expiry_timestamp_seconds{namespace="n", pod="p"}"#;
    let of_all = json!({"namespace": "n", "severity": "warning"});
    assert_fires(&[(expiry, "90000x60")], "KubekvTokenExpires", &of_all);
    let unanswered =
        r#"kubekv_token_review_requests_total{namespace="n", pod="p", outcome="unavailable"}"#;
    let critical = json!({"namespace": "n", "severity": "critical"});
    assert_fires(
        &[(unanswered, "0x50 1+1x10")],
        "KubekvTokensNotReviewed",
        &critical,
    );
}

#[test]
#[ignore = "needs Prometheus: tests/components get prometheus kubernetes"]
fn good_policies_and_credentials_raise_no_alert() {
    let series = [
        (
            r#"kubekv_policy_objects{namespace="n", pod="p", state="accepted"}"#,
            "2x60",
        ),
        (
            r#"kubekv_policy_objects{namespace="n", pod="p", state="last_good"}"#,
            "0x60",
        ),
        (
            r#"kubekv_policy_objects_read_timestamp_seconds{namespace="n", pod="p"}"#,
            "0+60x60",
        ),
        (
            r#"kubekv_policy_file_usable{namespace="n", pod="p"}"#,
            "1x60",
        ),
        (
            r#"kubekv_credentials_file_usable{namespace="n", pod="p"}"#,
            "1x60",
        ),
        // Nothing expires, at one gateway; later than in two days, at another one.
        (
            r#"kubekv_credentials_next_expiry_timestamp_seconds{namespace="n", pod="p"}"#,
            "0x60",
        ),
        (
            r#"kubekv_credentials_next_expiry_timestamp_seconds{namespace="m", pod="p"}"#,
            "200000x60",
        ),
        (
            r#"kubekv_token_review_requests_total{namespace="n", pod="p", outcome="unavailable"}"#,
            "3x60",
        ),
    ];
    assert_quiet(&series, "KubekvPolicy.*|KubekvFile.*|KubekvToken.*");
}

/// A gateway that accepts so many connections, and that tells clients apart in every way, but refuses nobody for it.
fn start_limited(
    (namespace, name): (&str, &str),
    connections: &str,
    (policy, directory): (&str, &Path),
) -> Running {
    let credentials = directory.join("credentials.toml");
    std::fs::write(&credentials, "").unwrap();
    std::fs::set_permissions(&credentials, Permissions::from_mode(0o600)).unwrap();
    let mut command = kubekv();
    command
        .env("KUBEKV_MAX_CONNECTIONS", connections)
        .env("KUBEKV_POLICY", policy)
        .env("KUBEKV_POLICY_MODE", "warn")
        .env("KUBEKV_CREDENTIALS", &credentials)
        .env("KUBEKV_TOKEN_REVIEW_AUDIENCE", "kubekv");
    start_by(command, namespace, name)
}

/// The names of the series on a page of metrics.
fn served(gateway: &Running) -> BTreeSet<String> {
    let page = ask(gateway.admin, "GET /metrics");
    let lines = page.lines().filter(|line| line.starts_with("kubekv_"));
    let names = lines.filter_map(|line| line.split(['{', ' ']).next());
    names.map(str::to_owned).collect()
}

#[test]
#[ignore = "needs Kubernetes: export KUBECONFIG=$(tests/kubernetes up)"]
fn every_queried_metric_is_served() {
    let namespace = namespace();
    Policies::within(&namespace);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.toml");
    std::fs::write(&file, "").unwrap();
    let objects = ("kubernetes:", directory.path());
    let first = start_limited((&namespace, "first"), "2", objects);
    until_ready(&first);
    let file = (file.to_str().unwrap(), directory.path());
    let second = start_limited((&namespace, "second"), "1", file);
    until("it relays", || state(&second) == "relaying");
    put(&second, "k", "v");
    assert_eq!(get(&first, "k").as_deref(), Some("v"));
    // As many connections as are allowed, and more.
    let crowd = |gateway: &Running| -> Vec<TcpStream> {
        (0..3)
            .map(|_| send(gateway.etcd, "GET /v2/keys/k?wait=true"))
            .collect()
    };
    let (at_first, at_second) = (crowd(&first), crowd(&second));
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/running.md"));
    let documented = text.unwrap();
    let objects = overlay();
    let mut wanted = groups(&objects).to_string();
    wanted += &queries(&objects).join(" ");
    let words = wanted.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_');
    let names: BTreeSet<_> = words.filter(|word| word.starts_with("kubekv_")).collect();
    assert!(names.len() > 10, "{names:?}");
    let (rare, usual): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| RARE.contains(name));
    for name in usual {
        until(name, || {
            served(&first).contains(name) || served(&second).contains(name)
        });
    }
    for name in rare {
        assert!(documented.contains(&format!("| `{name}")), "{name}");
    }
    drop((at_first, at_second));
    assert_eq!(second.stop().code, 0);
    assert_eq!(first.stop().code, 0);
}
