//! `FollowedFile`: a file that is read at the start, and again and again, so that a change of it is in force within a second.
//!
//! It is read, not watched: a mounted `ConfigMap` or `Secret` changes by a symbolic link far above the file. What two readings in a
//! row find comes into force, so that nothing half written does. What cannot be used is refused, and the last good one stays.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::task::spawn_blocking;

/// The pause between two readings: what is written is in force after two of them.
const PAUSE: Duration = Duration::from_millis(300);

/// What a file holds, and who uses it.
pub(super) trait FileUser: fmt::Debug + Send + Sync + 'static {
    /// What it is called in the log.
    const NAME: &'static str;
    /// The longest file, in bytes.
    const MAX_BYTES: usize;

    /// What a mode must not give every user of the machine, and the end of the sentence that refuses it.
    const NOT_FOR_OTHERS: (u32, &'static str);

    /// Whether the file may be read: what is wrong with it besides its text.
    fn check(file: &File) -> Result<(), String> {
        let (forbidden, why) = Self::NOT_FOR_OTHERS;
        let metadata = file.metadata().map_err(|error| error.to_string())?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & forbidden == 0 {
            return Ok(());
        }
        Err(format!(
            "its mode {mode:o} lets every user of this machine {why}"
        ))
    }

    /// Puts a text in force.
    ///
    /// # Errors
    ///
    /// Where it cannot be used; why.
    fn put_in_force(&self, text: &str) -> Result<(), String>;

    /// Counts and records that the file cannot be used, with its text if that could be read.
    fn count_unusable(&self, text: Option<&str>, why: &str);

    /// Does what is due from time to time.
    fn tick(&self) {}
}

/// A file, and who uses it.
#[derive(Debug)]
pub(super) struct FollowedFile<U> {
    path: PathBuf,
    pub(super) user: U,
    /// Whether the last reading found what can be used: what is in force may be older.
    is_usable: Gauge,
}

/// What the last readings found.
#[derive(Debug)]
struct FileReadings {
    /// The text in force.
    current: String,
    /// What the last reading found, if that is not in force.
    last: Option<String>,
    /// Why the last text, or the file, could not be used: logged once.
    complaint: Option<String>,
}

impl<U: FileUser> FollowedFile<U> {
    /// A file that can be used now. Whether it still can is a metric, `kubekv_NAME_file_usable`.
    pub(super) fn new(path: PathBuf, user: U, registry: &mut Registry) -> Self {
        let is_usable = Gauge::default();
        is_usable.set(1);
        registry.sub_registry_with_prefix(U::NAME).register(
            "file_usable",
            "1 where the file has what is in force; 0 where it cannot be used, so that an older version is in force, and none after a \
             restart",
            is_usable.clone(),
        );
        Self {
            path,
            user,
            is_usable,
        }
    }

    /// Follows the file, without end; `current` is the text in force.
    #[expect(
        clippy::infinite_loop,
        reason = "its task is aborted when the gateway stops"
    )]
    pub(super) async fn follow(self, current: String) {
        let readings = FileReadings {
            current,
            last: None,
            complaint: None,
        };
        let own = Arc::new((self, Mutex::new(readings)));
        loop {
            tokio::time::sleep(PAUSE).await;
            let own = Arc::clone(&own);
            // Beside the runtime: for quotas that are new, all entries are counted. A reading that panicked was logged.
            let _read = spawn_blocking(move || {
                let (file, readings) = own.as_ref();
                file.take(read::<U>(&file.path), &mut readings.lock());
                file.user.tick();
            })
            .await;
        }
    }

    fn take(&self, found: Result<String, String>, readings: &mut FileReadings) {
        let name = U::NAME;
        let text = match found {
            Ok(text) => text,
            Err(why) => return self.complain((why, None), readings),
        };
        if text == readings.current {
            readings.last = None;
            self.is_usable.set(1);
            if readings.complaint.take().is_some() {
                tracing::info!("{name}: the file has what is in force again");
            }
            return;
        }
        if readings.last.as_ref() != Some(&text) {
            readings.last = Some(text);
            return;
        }
        match self.user.put_in_force(&text) {
            Ok(()) => {
                (readings.last, readings.complaint) = (None, None);
                self.is_usable.set(1);
                readings.current = text;
            }
            Err(why) => self.complain((why, Some(&text)), readings),
        }
    }

    /// Tells once that the file cannot be used.
    fn complain(&self, (why, text): (String, Option<&str>), readings: &mut FileReadings) {
        self.is_usable.set(0);
        if readings.complaint.as_ref() != Some(&why) {
            self.user.count_unusable(text, &why);
            let (name, file) = (U::NAME, self.path.display());
            tracing::error!(%file, "{name}: the file cannot be used; the last good one stays in force: {why}");
            readings.complaint = Some(why);
        }
    }
}

/// The text of a file, which is no longer than it may be.
pub(super) fn read<U: FileUser>(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    let file = File::open(path).map_err(failed)?;
    U::check(&file)?;
    let most = u64::try_from(U::MAX_BYTES).unwrap_or(u64::MAX);
    let mut text = String::new();
    // One byte more, so that one that is too long is seen to be.
    let mut file = file.take(most.saturating_add(1));
    file.read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
