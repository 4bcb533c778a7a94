//! The answer to `envi`: the version and the machine.

use std::fmt::{self, Write};

use super::release::Release;

/// The lines of `envi`. Clients read the version; what ZooKeeper says of Java, of paths and of users, there is not here.
pub(super) fn write(release: &Release, to: &mut impl Write) -> fmt::Result {
    writeln!(to, "Environment:")?;
    writeln!(to, "zookeeper.version={release}")?;
    writeln!(to, "os.name={}", std::env::consts::OS)?;
    writeln!(to, "os.arch={}", std::env::consts::ARCH)
}
