//! An import from its beginning to its proof.

use std::collections::BTreeSet;

use serde::Serialize;

use super::compare::{Difference, difference};
use super::source::store;
use super::target::Target;
use super::write::write;
use super::{Error, LeftOut, Listing, Source, Step, Tell};
use crate::config::{SourceUrl, StoreAccess, StoreUrl};
use crate::model::time;

/// How often what changed in the source meanwhile is written, too, before that is given up.
const ROUNDS: usize = 5;

/// What is to be moved where.
#[derive(Debug)]
pub struct Import {
    /// Where entries are read; `None` for those of the listing alone.
    pub source: Option<Source>,
    /// The entries, where they come from a file.
    pub listing: Option<Listing>,
    /// The store.
    pub target: StoreUrl,
    /// How it is reached.
    pub access: StoreAccess,
    /// How.
    pub options: Options,
}

/// How entries are moved.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the keys of a file must begin with.
    pub prefix: Vec<u8>,
    /// What they begin with in the target instead.
    pub dest_prefix: Option<Vec<u8>>,
    /// The target may have entries; those of the source go over them.
    pub into_existing: bool,
    /// What the target has and the source does not is deleted, as far as its keys begin as those of the source do.
    pub delete: bool,
}

impl Options {
    /// What keys begin with in the target.
    fn dest(&self) -> &[u8] {
        self.dest_prefix.as_ref().unwrap_or(&self.prefix)
    }
}

/// What an import came to. Keys are text for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Where entries were read.
    pub from: String,
    /// As of which index of the source.
    pub index: Option<u64>,
    /// Where they were written.
    pub to: String,
    /// How many the source has.
    pub entries: usize,
    /// How many bytes their values have.
    pub bytes: u64,
    /// How many were written.
    pub written: usize,
    /// How many were there already, and equal.
    pub equal: usize,
    /// How many were deleted.
    pub deleted: usize,
    /// What was left out.
    pub left_out: Vec<LeftOut>,
    /// What the source changed while it was read, up to the end.
    pub changing: Vec<String>,
    /// What is not in the target as it is in the source.
    pub wrong: Vec<String>,
    /// What the target has and the source does not.
    pub extra: Vec<String>,
    /// Whether the target may have more.
    pub extra_allowed: bool,
}

impl Report {
    /// Whether all is in the target as it is in the source, and nothing that somebody may miss was left out.
    pub fn is_good(&self) -> bool {
        let extra = self.extra_allowed || self.extra.is_empty();
        let faults = self.left_out.iter().any(|one| one.left.is_fault());
        extra && !faults && self.wrong.is_empty() && self.changing.is_empty()
    }
}

impl Import {
    /// Moves everything. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// One line, where something could not be read or written: what was written by then is there. That the target is
    /// not equal in the end is not an error but in the report.
    pub async fn run(self, tell: Tell<'_>) -> Result<Report, Error> {
        if let Some(Source {
            url: SourceUrl::Store(store),
            ..
        }) = &self.source
            && *store == self.target
        {
            return Err(Error::Input("the source is the target".to_owned()));
        }
        let listing = self.read().await?;
        tell(Step::Read {
            entries: listing.items.len(),
            bytes: listing.bytes(),
        });
        let target = Target::open(&self.target, &self.access, tell).await?;
        let (mut report, listing) = self.fill(&target, listing, tell).await?;
        tell(Step::Verifies);
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
        listing.rename(&self.options.prefix, self.options.dest());
        Ok(listing)
    }

    /// Writes until the target has what the source has; gives back what that is.
    async fn fill(
        &self,
        target: &Target,
        mut listing: Listing,
        tell: Tell<'_>,
    ) -> Result<(Report, Listing), Error> {
        target.sift(&mut listing);
        self.begin(target, &listing).await?;
        let mut report = Report {
            from: listing.origin.clone(),
            to: store::name(&self.target),
            extra_allowed: self.options.into_existing,
            ..Report::default()
        };
        // What this run wrote is its own to delete.
        let mut own = BTreeSet::new();
        for round in 1..=ROUNDS {
            let found = difference(&listing, &target.holds(), time::unix_ms());
            let mut deletes = found.extra;
            deletes.retain(|key| {
                own.contains(key) || (self.options.delete && key.starts_with(self.options.dest()))
            });
            if round == 1 {
                report.equal = listing.items.len() - found.wrong.len();
            }
            report.written += found.wrong.len();
            report.deleted += deletes.len();
            write(&target.space, &listing, &found.wrong, &deletes, tell).await?;
            own.extend(found.wrong);
            if self.source.is_none() {
                break;
            }
            let mut again = self.read().await?;
            target.sift(&mut again);
            let since = difference(&again, &listing, time::unix_ms());
            if since.is_none() {
                // The names of what is left out may have changed; and it is as of now as well.
                listing.left_out = again.left_out;
                listing.index = again.index;
                break;
            }
            let changed = [since.wrong, since.extra].concat();
            if round == ROUNDS {
                report.changing = names(&changed);
                break;
            }
            tell(Step::Changed {
                entries: changed.len(),
            });
            listing = again;
        }
        report.index = listing.index;
        report.entries = listing.items.len();
        report.bytes = listing.bytes();
        report.left_out.clone_from(&listing.left_out);
        target.end().await?;
        Ok((report, listing))
    }

    /// Whether the target may be written to, which it then knows.
    async fn begin(&self, target: &Target, listing: &Listing) -> Result<(), Error> {
        let there = target.holds().items.len();
        if self.options.into_existing {
            return Ok(());
        }
        match target.begun() {
            Some(begun) if begun.from == listing.origin => Ok(()),
            Some(begun) if there > 0 => Err(Error::NotEmpty(format!(
                "an import from {} was not finished there: run it again, or give --into-existing to go over what it left",
                begun.from
            ))),
            None if there > 0 => Err(Error::NotEmpty(format!(
                "there are {there} entries already: give --into-existing to go over them"
            ))),
            _ => target.begin(&listing.origin).await,
        }
    }
}

fn names(keys: &[Vec<u8>]) -> Vec<String> {
    keys.iter().map(|key| super::shown(key)).collect()
}
