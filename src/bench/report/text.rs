//! A result as text.

use std::fmt::Write;

use super::{DockerSummary, OperationResult, RunResult, ServerResult};
use crate::bench::idle::IdleSummary;
use crate::bench::measure::Limit;
use crate::bench::watch::WatchSummary;

/// The result as lines for a terminal.
pub fn text(result: &RunResult) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _written = write_all(result, &mut out);
    out
}

fn write_all(result: &RunResult, out: &mut String) -> std::fmt::Result {
    if let Some(idle) = &result.idle {
        return write_idle(result, idle, out);
    }
    let load = &result.load;
    let (who, pace) = match (load.rate, &result.watch, &result.docker) {
        (Some(rate), Some(_), _) => ("watchers", format!("{rate} writes a second due")),
        (None, Some(_), _) => {
            let pace = "a write when the last has woken its watchers";
            ("watchers", pace.to_owned())
        }
        (rate, None, Some(_)) => {
            let rate = rate.unwrap_or(0.0);
            ("hosts", format!("{rate} events a second due"))
        }
        (Some(rate), None, None) => ("clients", format!("{rate} operations a second due")),
        (None, None, None) => ("clients", each_waits(load.pipeline)),
    };
    writeln!(
        out,
        "{}: {} {who}, {:.1} s, {pace}",
        result.target, load.clients, load.seconds
    )?;
    for (name, operation) in &result.operations {
        write_operation(name, operation, out)?;
    }
    if result.not_sent > 0 {
        let not_sent = result.not_sent;
        writeln!(
            out,
            "NOT SENT: {not_sent} operations that were due, since no client was free until the end."
        )?;
    }
    write_client(result, out)?;
    if let Some(docker) = &result.docker {
        write_docker(docker, out)?;
    }
    if let Some(watch) = &result.watch {
        write_watchers(watch, out)?;
    }
    if let Some(server) = &result.server {
        write_server(server, out)?;
    }
    if result.watch.is_none() && result.docker.is_none() {
        writeln!(
            out,
            "longest time without a success: {}",
            duration(result.longest_gap_ms * 1e3)
        )?;
    }
    let limits = [Limit::Client, Limit::Machine, Limit::Lateness];
    let limit = limits
        .into_iter()
        .find(|limit| result.limited_by.as_deref() == Some(limit.name()));
    if let Some(limit) = limit {
        writeln!(out, "NOT THE SERVER'S LIMIT: {}.", limit.explanation())?;
    }
    Ok(())
}

/// How a client in a closed loop sends.
fn each_waits(pipeline: Option<u32>) -> String {
    match pipeline {
        None => "each waits for its answer".to_owned(),
        Some(several) => format!("each with {several} operations in flight"),
    }
}

fn write_client(result: &RunResult, out: &mut String) -> std::fmt::Result {
    let client = &result.client;
    write!(
        out,
        "client    busiest thread {:.0} % of a core, {:.0} % waiting for one",
        client.busiest_thread * 100.0,
        client.waited_for_processor * 100.0
    )?;
    if result.load.rate.is_some() && result.watch.is_none() {
        write!(
            out,
            "; sent late by p50 {}, p99 {}, max {}",
            duration(client.lateness_p50_us),
            duration(client.lateness_p99_us),
            duration(client.lateness_max_us)
        )?;
    }
    writeln!(out)
}

fn write_docker(docker: &DockerSummary, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "requests of {} hosts, {} networks and {} containers at the end; {} writes lost against another host's and were tried again:",
        docker.hosts, docker.networks, docker.containers, docker.conflicts
    )?;
    for (name, request) in &docker.requests {
        write_operation(name, request, out)?;
    }
    writeln!(out, "before it was measured:")?;
    for (name, step) in &docker.start {
        write_operation(name, step, out)?;
    }
    Ok(())
}

fn write_watchers(watch: &WatchSummary, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "watchers  {} on {} keys; {} writes woke {} of {}, and {} of other keys; {} watchers failed",
        watch.watchers,
        watch.keys,
        watch.writes,
        watch.woken,
        watch.expected,
        watch.others,
        watch.lost
    )?;
    let (before, waiting) = (watch.resident_bytes_before, watch.resident_bytes_waiting);
    if let (Some(before), Some(waiting)) = (before, waiting) {
        let (before, waiting) = (before >> 20, waiting >> 20);
        writeln!(
            out,
            "memory    {waiting} MiB resident while they wait, {before} MiB before"
        )?;
    }
    Ok(())
}

fn write_idle(result: &RunResult, idle: &IdleSummary, out: &mut String) -> std::fmt::Result {
    let (kind, target) = (idle.kind.name(), &result.target);
    let seconds = result.load.seconds;
    writeln!(
        out,
        "{target}: {} {kind}s opened in {seconds:.1} s",
        idle.open
    )?;
    for (name, operation) in &result.operations {
        write_operation(name, operation, out)?;
    }
    if let (Some(before), Some(with)) = (idle.resident_bytes_before, idle.resident_bytes_idle) {
        let each = match idle.bytes_each() {
            Some(each) => format!("{each:.0} bytes a {kind}"),
            None => "no more than before".to_owned(),
        };
        writeln!(
            out,
            "memory    {} MiB resident with them, {} MiB before: {each}",
            with >> 20,
            before >> 20
        )?;
    }
    match &result.server {
        Some(server) => write_server(server, out),
        None => Ok(()),
    }
}

fn write_server(server: &ServerResult, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "server    {:.1} s of processor time, {:.1} us an operation; resident {} MiB, {} MiB before; {} MiB written",
        server.cpu_seconds,
        server.cpu_us_per_operation,
        server.resident_bytes_after >> 20,
        server.resident_bytes_before >> 20,
        server.written_bytes >> 20
    )
}

fn write_operation(name: &str, operation: &OperationResult, out: &mut String) -> std::fmt::Result {
    let latency = &operation.latency;
    if operation.answered == 0 {
        writeln!(out, "{name:<17} none answered")?;
        return write_failures(operation, out);
    }
    writeln!(
        out,
        "{name:<17} {:>9.1}/s  p50 {}  p90 {}  p99 {}  p99.9 {}  max {}",
        operation.per_second,
        duration(latency.p50_us),
        duration(latency.p90_us),
        duration(latency.p99_us),
        duration(latency.p999_us),
        duration(latency.max_us)
    )?;
    if operation.conflicts > 0 {
        let (conflicts, answered) = (operation.conflicts, operation.answered);
        writeln!(
            out,
            "        {conflicts} of {answered} lost against another write"
        )?;
    }
    if operation.after_end > 0 {
        let (late, answered) = (operation.after_end, operation.answered);
        writeln!(
            out,
            "        {late} of {answered} answered after the end, and not in the rate"
        )?;
    }
    write_failures(operation, out)
}

fn write_failures(operation: &OperationResult, out: &mut String) -> std::fmt::Result {
    for (failure, count) in &operation.failures {
        writeln!(out, "        {count} failed: {failure}")?;
    }
    Ok(())
}

/// A time in the unit that suits it.
pub(super) fn duration(us: f64) -> String {
    if us < 1_000.0 {
        format!("{us:.0} us")
    } else if us < 100_000.0 {
        format!("{:.2} ms", us / 1e3)
    } else if us < 1_000_000.0 {
        format!("{:.0} ms", us / 1e3)
    } else {
        format!("{:.2} s", us / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn times_have_a_unit_that_suits_them() {
        let shown = [0.6, 12.0, 1_234.0, 250_000.0, 9_876_543.0].map(duration);
        assert_eq!(shown, ["1 us", "12 us", "1.23 ms", "250 ms", "9.88 s"]);
    }
}
