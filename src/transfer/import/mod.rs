//! An import: reading the source, writing what differs, and verifying the target.

use std::collections::BTreeSet;

use super::compare::{Difference, difference};
use super::listing::ROOT;
use super::source::store;
use super::target::ImportTarget;
use super::write::write;
use super::{Error, ImportProgress, Listing, OnProgress, Source, printable};
use crate::config::{SourceUrl, StoreAccess, StoreUrl};
use crate::model::time;

mod options;
mod report;

pub use options::ImportOptions;
pub use report::ImportReport;

/// How many times the source is read and its changes are written before the import gives up.
const ROUNDS: usize = 5;

/// An import to run.
#[derive(Debug)]
pub struct Import {
    /// The source; `None` if the entries are those of the listing.
    pub source: Option<Source>,
    /// The entries, if they come from a file.
    pub listing: Option<Listing>,
    /// The store to write to.
    pub target: StoreUrl,
    /// The access to that store.
    pub access: StoreAccess,
    /// The options.
    pub options: ImportOptions,
}

impl Import {
    /// Moves everything. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// One line if something could not be read or written; entries written by then stay. A target that differs in the end
    /// is not an error; the report says so.
    pub async fn run(self, progress: OnProgress<'_>) -> Result<ImportReport, Error> {
        if let Some(Source {
            url: SourceUrl::Store(store),
            ..
        }) = &self.source
            && *store == self.target
        {
            return Err(Error::Input("the source is the target".to_owned()));
        }
        let listing = self.read().await?;
        progress(ImportProgress::Read {
            entries: listing.items.len(),
            bytes: listing.bytes(),
        });
        let target =
            ImportTarget::open("kubekv import", &self.target, &self.access, progress).await?;
        let (mut report, listing) = self.fill(&target, listing, progress).await?;
        progress(ImportProgress::Verifying);
        let there = target.read_back(&self.target, &self.access).await?;
        let Difference { wrong, extra } = difference(&listing, &there, time::unix_ms());
        report.wrong = names(&wrong);
        report.extra = names(&extra);
        Ok(report)
    }

    async fn read(&self) -> Result<Listing, Error> {
        let mut listing = match (&self.source, &self.listing) {
            (Some(source), _) => source.read().await?,
            (None, Some(listing)) => listing.clone(),
            (None, None) => return Err(Error::Input("there is no source".to_owned())),
        };
        if !self.options.versions {
            listing.forget_versions();
        } else if !listing.has_versions() {
            let why = "the source has no versions: only ZooKeeper, stores of kubekv, and dumps made with --versions have them";
            return Err(Error::Input(format!("--versions: {why}")));
        }
        listing.rename(&self.options.prefix, self.options.dest());
        Ok(listing)
    }

    /// Writes until the target equals the source; returns the listing that it equals.
    async fn fill(
        &self,
        target: &ImportTarget,
        mut listing: Listing,
        progress: OnProgress<'_>,
    ) -> Result<(ImportReport, Listing), Error> {
        target.leave_out_unfit(&mut listing);
        self.begin(target, &listing).await?;
        let mut report = ImportReport {
            from: listing.origin.clone(),
            to: store::name(&self.target),
            extra_allowed: self.options.into_existing,
            ..ImportReport::default()
        };
        // Entries that this run wrote may be deleted by it.
        let mut own = BTreeSet::new();
        for round in 1..=ROUNDS {
            let found = difference(&listing, &target.entries(), time::unix_ms());
            let mut deletes = found.extra;
            deletes.retain(|key| {
                own.contains(key) || (self.options.delete && key.starts_with(self.options.dest()))
            });
            if round == 1 {
                report.equal = listing.with_root().count() - found.wrong.len();
            }
            report.written += found.wrong.len();
            report.deleted += deletes.len();
            write(&target.space, &listing, &found.wrong, &deletes, progress).await?;
            own.extend(found.wrong);
            if self.source.is_none() {
                break;
            }
            let mut reread = self.read().await?;
            target.leave_out_unfit(&mut reread);
            let since = difference(&reread, &listing, time::unix_ms());
            if since.is_empty() {
                // The things left out may have changed; the entries are also those of the later index.
                listing.left_out = reread.left_out;
                listing.index = reread.index;
                break;
            }
            let changed = [since.wrong, since.extra].concat();
            if round == ROUNDS {
                report.changing = names(&changed);
                break;
            }
            progress(ImportProgress::SourceChanged {
                entries: changed.len(),
            });
            listing = reread;
        }
        report.index = listing.index;
        report.entries = listing.with_root().count();
        report.bytes = listing.bytes();
        report.left_out.clone_from(&listing.left_out);
        target.clear_marker().await?;
        Ok((report, listing))
    }

    /// Checks that the target may be written to, and marks the import as begun there.
    async fn begin(&self, target: &ImportTarget, listing: &Listing) -> Result<(), Error> {
        let there = target.entries().items.len();
        if self.options.into_existing {
            return Ok(());
        }
        match target.marker() {
            Some(marker) if marker.from == listing.origin => Ok(()),
            Some(marker) if there > 0 => Err(Error::NotEmpty(format!(
                "an import from {} was not finished there: run it again, or give --into-existing to overwrite what it left",
                marker.from
            ))),
            None if there > 0 => Err(Error::NotEmpty(format!(
                "there are {there} entries already: give --into-existing to overwrite them"
            ))),
            _ => target.set_marker(&listing.origin).await,
        }
    }
}

fn names(keys: &[Vec<u8>]) -> Vec<String> {
    let shown = |key: &Vec<u8>| {
        if key == ROOT {
            "/".to_owned()
        } else {
            printable(key)
        }
    };
    keys.iter().map(shown).collect()
}
