//! Control groups: the memory that this process may use before the kernel ends it.

use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups are mounted, of either version.
const CGROUPS: &str = "sys/fs/cgroup";

/// The memory that this process may use, in bytes: the least limit of its control group and of those around it; where
/// there is none, half of the machine's memory.
pub fn memory_limit() -> u64 {
    let machine = rustix::system::sysinfo();
    // Asked of the kernel: a sandbox may hide `/proc/meminfo`.
    let machine = machine.totalram.saturating_mul(machine.mem_unit.into());
    limit_in(Path::new("/"), machine)
}

/// As [`memory_limit`], of a machine with so much memory, with the files of `/proc` and `/sys` below a directory.
fn limit_in(root: &Path, machine: u64) -> u64 {
    let limit = groups(root).filter(|limit| *limit < machine);
    limit.unwrap_or(machine / 2)
}

/// The least limit of the process's control groups.
fn groups(root: &Path) -> Option<u64> {
    let own = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let limits = own.lines().filter_map(|line| group(root, line));
    limits.min()
}

/// The limit of a group as a line of `/proc/self/cgroup` names it, `ID:CONTROLLERS:PATH`, and of those around it.
fn group(root: &Path, line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let path = path.trim_start_matches('/');
    let cgroups = root.join(CGROUPS);
    if controllers.is_empty() {
        // Version 2, beside version 1 in its own directory.
        let mounts = [cgroups.clone(), cgroups.join("unified")];
        let limits = mounts
            .iter()
            .filter_map(|mount| least(mount, path, "memory.max"));
        return limits.min();
    }
    let is_memory = controllers.split(',').any(|name| name == "memory");
    let mount = cgroups.join("memory");
    is_memory
        .then(|| least(&mount, path, "memory.limit_in_bytes"))
        .flatten()
}

/// The least number that files of this name hold, in a group's directory and those around it. In a container without a
/// namespace of its own the path is the host's and leads nowhere, and the mount itself is the group.
fn least(mount: &Path, path: &str, name: &str) -> Option<u64> {
    let own: PathBuf = mount.join(path);
    let around = own.ancestors().take_while(|group| group.starts_with(mount));
    let limits = around.filter_map(|group| {
        let text = fs::read_to_string(group.join(name)).ok()?;
        // `max` is no limit.
        text.trim().parse().ok()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: u64 = 16 << 30;

    /// The limit where these files are there.
    fn limit(files: &[(&str, &str)]) -> u64 {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        limit_in(root.path(), MACHINE)
    }

    #[test]
    fn the_least_limit_of_the_groups_around_counts() {
        let own = ("proc/self/cgroup", "0::/kubepods/pod1/c\n");
        let files = [
            own,
            ("sys/fs/cgroup/kubepods/pod1/c/memory.max", "max\n"),
            ("sys/fs/cgroup/kubepods/pod1/memory.max", "1073741824\n"),
            ("sys/fs/cgroup/kubepods/memory.max", "8589934592\n"),
        ];
        assert_eq!(limit(&files), 1 << 30);
        // In a namespace of its own the container is the root.
        let files = [
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "536870912\n"),
        ];
        assert_eq!(limit(&files), 512 << 20);
    }

    #[test]
    fn groups_of_version_1_are_read_too() {
        let lines = "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n";
        let host = "9223372036854771712\n";
        let files = [
            ("proc/self/cgroup", lines),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", host),
            (
                "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes",
                "268435456\n",
            ),
        ];
        assert_eq!(limit(&files), 256 << 20);
        // The host's path within a container leads nowhere.
        let files = [
            ("proc/self/cgroup", lines),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n"),
        ];
        assert_eq!(limit(&files), 128 << 20);
    }

    #[test]
    fn without_a_limit_it_is_half_of_the_machine() {
        let half = MACHINE / 2;
        let unlimited = "9223372036854771712\n";
        let own = ("proc/self/cgroup", "4:memory:/\n0::/a\n");
        assert_eq!(limit(&[]), half);
        assert_eq!(limit(&[own, ("sys/fs/cgroup/a/memory.max", "max\n")]), half);
        let files = [
            own,
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", unlimited),
        ];
        assert_eq!(limit(&files), half);
    }

    #[test]
    fn this_process_has_a_limit() {
        assert!(memory_limit() > 1 << 20);
    }
}
