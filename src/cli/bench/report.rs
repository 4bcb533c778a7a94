//! `kubekv bench report`.

use std::fmt::Write;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use kubekv::bench::field::{FieldProgram, Launcher, Programs, run_bounded};
use kubekv::bench::page;
use kubekv::bench::suite::{
    AttackTables, Conductor, ReportBuild, ReportLevel, ReportPlan, ReportRecord,
};
use kubekv::model::time;

use super::output::stderr_line;
use crate::cli::exit::{CommandError, IO, USAGE};
use crate::cli::kv::print;

/// How long git has to say which commit a program was built from.
const GIT: Duration = Duration::from_secs(10);

/// The options of a report.
#[derive(Debug, Args)]
#[command(
    after_help = "It starts every server by itself, on loopback, measures them in turn, and writes DIR/report.html, DIR/report.md and \
DIR/report.json, and DIR/summary.md with DIR/plot.svg for documents. The real servers' programs are found in PATH or named by --with; one that is missing is named in the report. \
Cells that DIR/report.json has already are not measured again, so that the same command goes on after an interruption. Servers keep \
their data in DIR while they run: it should be on the disk that is to be measured, and the machine should do nothing else."
)]
pub(super) struct Report {
    /// The directory of the report
    #[arg(long, value_name = "DIR", required_unless_present = "plan")]
    out: Option<PathBuf>,
    #[command(flatten)]
    level: LevelFlags,
    /// The program of a server: kubekv, consul, etcd2, etcd3, zookeeper, kube-apiserver or kubectl, and its file. By default kubekv is this program, and
    /// the others are looked for in PATH
    #[arg(long, value_name = "NAME=FILE", value_parser = named_program)]
    with: Vec<(FieldProgram, PathBuf)>,
    /// Measure only what has this text in the id of its stage and group, such as primitives/get; several are added
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Measure only this system: kubekv, kubekv-on-etcd, kubekv-on-kubernetes, consul, etcd2, zookeeper, etcd3 or kube-apiserver; several are
    /// added
    #[arg(long, value_name = "NAME", value_parser = ["kubekv", "kubekv-on-etcd", "kubekv-on-kubernetes", "consul", "etcd2", "zookeeper", "etcd3", "kube-apiserver"])]
    system: Vec<String>,
    /// Show what attacks on each deployment came to: docs/security.md, or what tests/attacks/run --table prints
    #[arg(long, value_name = "FILE")]
    attacks: Option<PathBuf>,
    /// Print how long each stage takes about, and measure nothing
    #[arg(long)]
    plan: bool,
    /// Compare with the report.json of another report
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Print no progress
    #[arg(long, short)]
    quiet: bool,
}

/// How much is measured.
#[derive(Debug, Args)]
struct LevelFlags {
    /// A first look, in about 5 minutes on 2 cores
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// The long series as well, over a night; without --quick and --full it takes about 45 minutes
    #[arg(long)]
    full: bool,
}

impl LevelFlags {
    fn level(&self) -> ReportLevel {
        match (self.quick, self.full) {
            (true, _) => ReportLevel::Quick,
            (false, true) => ReportLevel::Full,
            (false, false) => ReportLevel::Standard,
        }
    }
}

impl Report {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let plan = ReportPlan::new(self.level.level())
            .only(&self.only)
            .only_systems(&self.system);
        if plan.stages.is_empty() {
            let message = "--only, --system: nothing in the plan is left";
            return Err(CommandError::new(USAGE, message));
        }
        let Some(out) = self.out.as_deref().filter(|_| !self.plan) else {
            return print_plan(&plan);
        };
        let earlier = self.against.as_deref().map(read).transpose()?;
        let attacks = self.attacks.as_deref().map(read_attacks).transpose()?;
        let directory = absolute(out)?;
        let lock = lock(&directory)?;
        let servers = directory.join("servers");
        fs::create_dir_all(&servers)?;
        let own = std::env::current_exe()?;
        // Servers and loads inherit it.
        kubekv::gateway::raise_file_limit();
        let new = ReportRecord::new(plan, build(&own, &servers), time::unix_ms());
        let mut record = continued(&directory, new)?;
        record.attacks = attacks.or(record.attacks);
        let progress = |line: &str| {
            if !self.quiet {
                stderr_line(line);
            }
        };
        let estimate = record.plan.estimate() / 60.0;
        progress(&format!(
            "about {estimate:.0} minutes, if nothing is there yet"
        ));
        let launcher = Launcher::new(own);
        let programs = Programs {
            named: self.with.into_iter().collect(),
            search_path: std::env::var_os("PATH").unwrap_or_default(),
        };
        let save = |record: &mut ReportRecord| {
            record.ended_ms = time::unix_ms();
            write(&directory, record, earlier.as_ref())
        };
        let conductor = Conductor {
            launcher: &launcher,
            programs: &programs,
            directory: servers.clone(),
            progress: &progress,
            save: &save,
        };
        conductor
            .run(&mut record)
            .map_err(|error| CommandError::new(IO, error.to_string()))?;
        write(&directory, &record, earlier.as_ref())?;
        fs::remove_dir_all(&servers)?;
        progress(&format!("{}", directory.join("report.html").display()));
        drop(lock);
        print::bytes(page::summary(&record).as_bytes())?;
        Ok(())
    }
}

/// Prints how long each stage takes about.
fn print_plan(plan: &ReportPlan) -> Result<(), CommandError> {
    let mut text = String::new();
    for stage in &plan.stages {
        let seconds = stage.estimate();
        let (groups, cells) = (stage.groups.len(), stage.cells());
        // Writing to a string does not fail.
        let _written = writeln!(
            text,
            "{seconds:>7.0} s  {}: {groups} groups, {cells} cells",
            stage.title
        );
    }
    let minutes = plan.estimate() / 60.0;
    let _written = writeln!(
        text,
        "{minutes:>5.1} min  altogether, if nothing is disturbed"
    );
    print::bytes(text.as_bytes())?;
    Ok(())
}

/// Reads the tables of attacks.
fn read_attacks(path: &Path) -> Result<AttackTables, CommandError> {
    let failed = |code, why: &dyn std::fmt::Display| {
        CommandError::new(code, format!("--attacks: {}: {why}", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|error| failed(IO, &error))?;
    let name = path.file_name().unwrap_or(path.as_os_str());
    let found = AttackTables::parse(&name.to_string_lossy(), &text);
    found.ok_or_else(|| failed(USAGE, &"it has no tables of tests/attacks/run"))
}

/// The record that is in a directory, if it is of the same plan, build and machine; otherwise the new one.
fn continued(directory: &Path, new: ReportRecord) -> Result<ReportRecord, CommandError> {
    let path = directory.join("report.json");
    if !path.exists() {
        return Ok(new);
    }
    let there = read(&path)?;
    there.require_same(&new).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        CommandError::new(USAGE, message)
    })?;
    Ok(there)
}

/// Reads a record.
fn read(path: &Path) -> Result<ReportRecord, CommandError> {
    let failed = |code, error: &dyn std::fmt::Display| {
        CommandError::new(code, format!("{}: {error}", path.display()))
    };
    let text = fs::read(path).map_err(|error| failed(IO, &error))?;
    let record: ReportRecord =
        serde_json::from_slice(&text).map_err(|error| failed(USAGE, &error))?;
    record
        .require_known()
        .map_err(|error| failed(USAGE, &error))?;
    Ok(record)
}

/// Writes the files of a report, each of which is the old or the new one at any time.
fn write(
    directory: &Path,
    record: &ReportRecord,
    earlier: Option<&ReportRecord>,
) -> io::Result<()> {
    let document = page::document(record, earlier);
    let mut json = serde_json::to_string(record).map_err(io::Error::from)?;
    json.push('\n');
    let files = [
        ("report.json", json),
        ("report.md", page::markdown(&document)),
        ("report.html", page::html(&document)),
        ("summary.md", page::summary(record)),
    ];
    let plot = page::headline_plot(record).map(|text| ("plot.svg", text));
    for (name, text) in files.into_iter().chain(plot) {
        let part = directory.join(format!("{name}.part"));
        fs::write(&part, text)?;
        fs::rename(&part, directory.join(name))?;
    }
    Ok(())
}

/// Creates the directory of a report; servers get their paths from it, whatever directory they change to.
fn absolute(path: &Path) -> Result<PathBuf, CommandError> {
    let failed = |error| CommandError::new(IO, format!("{}: {error}", path.display()));
    fs::create_dir_all(path).map_err(failed)?;
    fs::canonicalize(path).map_err(failed)
}

/// Keeps others from measuring into the same directory.
fn lock(directory: &Path) -> Result<File, CommandError> {
    let path = directory.join("lock");
    let failed = |error: io::Error| CommandError::new(IO, format!("{}: {error}", path.display()));
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = format!("another report is being made in {}", directory.display());
            Err(CommandError::new(USAGE, message))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The program that measures, with the commit of the checkout that it lies in.
fn build(program: &Path, scratch: &Path) -> ReportBuild {
    let arguments = std::env::args_os().skip(1);
    let arguments = arguments.map(|one| one.to_string_lossy().into_owned());
    ReportBuild {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: commit(program, scratch),
        is_debug: cfg!(debug_assertions),
        arguments: arguments.collect(),
    }
}

fn commit(program: &Path, scratch: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(program.parent()?);
    git.args(["describe", "--always", "--dirty", "--abbrev=12"]);
    let output = run_bounded("git", git, GIT, scratch).ok()?;
    let text = String::from_utf8(output.out).ok()?;
    let commit = text.trim();
    (output.status.success() && !commit.is_empty()).then(|| commit.to_owned())
}

fn named_program(text: &str) -> Result<(FieldProgram, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("want NAME=FILE")?;
    let path = fs::canonicalize(path).map_err(|error| format!("{path}: {error}"))?;
    Ok((name.parse()?, path))
}
