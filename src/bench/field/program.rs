//! The programs of the real servers: where they are, and their versions.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::bounded::run_bounded;
use super::error::FieldError;
use super::launcher::Launcher;

/// How long a program has to print its version.
const VERSION_LIMIT: Duration = Duration::from_secs(20);

/// The program of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldProgram {
    /// kubekv: the one that measures, unless another build is named.
    Kubekv,
    /// Consul.
    Consul,
    /// An etcd that still has version 2 of the API.
    Etcd2,
    /// Any etcd with version 3.
    Etcd3,
    /// ZooKeeper.
    ZooKeeper,
    /// Kubernetes' API server.
    ApiServer,
    /// Its command line.
    Kubectl,
}

impl FieldProgram {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Kubekv,
        Self::Consul,
        Self::Etcd2,
        Self::Etcd3,
        Self::ZooKeeper,
        Self::ApiServer,
        Self::Kubectl,
    ];

    /// Its name in `--with NAME=PATH`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubekv => "kubekv",
            Self::Consul => "consul",
            Self::Etcd2 => "etcd2",
            Self::Etcd3 => "etcd3",
            Self::ZooKeeper => "zookeeper",
            Self::ApiServer => "kube-apiserver",
            Self::Kubectl => "kubectl",
        }
    }

    /// The names of its file on `PATH`.
    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Kubekv => &["kubekv"],
            Self::Consul => &["consul"],
            Self::Etcd2 | Self::Etcd3 => &["etcd"],
            Self::ZooKeeper => &["zkServer.sh", "zookeeper"],
            Self::ApiServer => &["kube-apiserver"],
            Self::Kubectl => &["kubectl"],
        }
    }

    /// The arguments with which it prints its version; ZooKeeper's scripts have none in common, and it is asked when it runs.
    fn version_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Consul => &["version"],
            Self::Kubekv | Self::Etcd2 | Self::Etcd3 | Self::ApiServer => &["--version"],
            Self::Kubectl => &["version", "--client"],
            Self::ZooKeeper => &[],
        }
    }
}

impl FromStr for FieldProgram {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|one| one.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{text:?} is none of {names}")
        })
    }
}

/// A program that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundProgram {
    /// Its file.
    pub path: PathBuf,
    /// The first line that it prints about its version; empty where it prints none.
    pub version: String,
}

/// Where the programs are: named ones, and for the others the directories of `PATH`.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// The files of programs that the operator named.
    pub named: BTreeMap<FieldProgram, PathBuf>,
    /// The value of `PATH`.
    pub search_path: OsString,
}

impl Programs {
    /// The file of a program, and its version.
    pub fn find(
        &self,
        program: FieldProgram,
        launcher: &Launcher,
        scratch: &Path,
    ) -> Result<FoundProgram, FieldError> {
        let path = self.path(program, launcher)?;
        let version = version(program, &path, launcher, scratch)?;
        if program == FieldProgram::Etcd2 && !has_version_2(&version) {
            let message = format!(
                "{} is {version}, which has no version 2 of the API (etcd 3.4 and 3.5 have): give --with etcd2=FILE",
                path.display()
            );
            return Err(FieldError::Missing(message));
        }
        Ok(FoundProgram { path, version })
    }

    fn path(&self, program: FieldProgram, launcher: &Launcher) -> Result<PathBuf, FieldError> {
        if let Some(path) = self.named.get(&program) {
            if path.is_file() {
                return Ok(path.clone());
            }
            let message = format!("--with {}={}: no file", program.name(), path.display());
            return Err(FieldError::Missing(message));
        }
        if program == FieldProgram::Kubekv {
            return Ok(launcher.kubekv().to_owned());
        }
        let directories = std::env::split_paths(&self.search_path);
        let mut candidates = directories
            .flat_map(|directory| program.files().iter().map(move |file| directory.join(file)));
        candidates.find(|path| path.is_file()).ok_or_else(|| {
            let files = program.files().join(" or ");
            let name = program.name();
            FieldError::Missing(format!(
                "no program {files} in PATH: give --with {name}=FILE"
            ))
        })
    }
}

/// The first line of what a program prints about its version.
fn version(
    program: FieldProgram,
    path: &Path,
    launcher: &Launcher,
    scratch: &Path,
) -> Result<String, FieldError> {
    let arguments = program.version_arguments();
    if arguments.is_empty() {
        return Ok(String::new());
    }
    let mut command = launcher.command(path);
    command.args(arguments);
    let output = run_bounded(program.name(), command, VERSION_LIMIT, scratch)?;
    let text = String::from_utf8_lossy(&output.out);
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    if !output.status.success() || line.is_empty() {
        let message = format!("{} prints no version: {}", path.display(), output.err);
        return Err(FieldError::Missing(message));
    }
    Ok(line)
}

/// Whether an etcd of this version has `--enable-v2`, which 3.6 removed.
fn has_version_2(line: &str) -> bool {
    let number = line.rsplit(' ').next().unwrap_or_default();
    let mut parts = number.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < (3, 6),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_etcd_without_api_2_are_told_apart() {
        assert!(has_version_2("etcd Version: 3.4.23"));
        assert!(has_version_2("etcd Version: 3.5.1"));
        assert!(!has_version_2("etcd Version: 3.6.0"));
        assert!(!has_version_2("etcd Version: 4.0.0-rc.1"));
        assert!(!has_version_2("something else"));
    }

    #[test]
    fn a_program_that_is_nowhere_is_named_with_the_option_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let mut programs = Programs {
            search_path: directory.path().as_os_str().to_owned(),
            ..Programs::default()
        };
        let launcher = Launcher::new("kubekv".into());
        let why = |programs: &Programs| {
            let error = programs
                .path(FieldProgram::ZooKeeper, &launcher)
                .unwrap_err();
            error.to_string()
        };
        assert_eq!(
            why(&programs),
            "no program zkServer.sh or zookeeper in PATH: give --with zookeeper=FILE"
        );
        let file = directory.path().join("zookeeper");
        std::fs::write(&file, "").unwrap();
        assert_eq!(
            programs.path(FieldProgram::ZooKeeper, &launcher).unwrap(),
            file
        );
        programs
            .named
            .insert(FieldProgram::ZooKeeper, directory.path().join("gone"));
        assert!(why(&programs).ends_with("gone: no file"));
    }
}
