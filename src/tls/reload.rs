//! Reload: a face's files are read again and again, and what they hold comes into use without a restart.
//!
//! They are read, not watched: a mounted Secret changes by a symbolic link far above them. What two readings in a row find
//! comes into use, so that nothing half written does. What cannot be used, a key that is not the certificate's for one, is
//! refused, and the last good state stays in use.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::error::TlsError;
use super::server_tls::ServerTls;
use super::state::{TlsState, now};

/// The pause between two readings.
const PAUSE: Duration = Duration::from_millis(500);

/// A day, in seconds.
const DAY: i64 = 24 * 3_600;

/// How close the end of a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Expiry {
    Far,
    Month,
    Week,
    Past,
}

/// What the last readings found.
#[derive(Debug)]
struct Readings {
    /// What the last reading found, if that is not in use.
    last: Option<[u8; 32]>,
    /// What was refused; logged once.
    refused: Option<[u8; 32]>,
    /// Why the files could not be read; logged once.
    unreadable: Option<TlsError>,
    /// What the log knows of the end of the certificate, and of the lists.
    logged: (Expiry, bool),
}

/// What one reading found.
enum Reading {
    /// What is in use.
    Same,
    /// Something else, which may change once more.
    Fresh([u8; 32]),
    /// What was refused before.
    StillRefused,
    New(Arc<TlsState>),
    Refused([u8; 32], TlsError),
    Unreadable(TlsError),
}

impl ServerTls {
    /// Follows the files, without end.
    #[expect(
        clippy::infinite_loop,
        reason = "its task is aborted when the gateway stops"
    )]
    pub async fn follow_files(self) {
        let mut readings = Readings {
            last: None,
            refused: None,
            unreadable: None,
            logged: (Expiry::Far, false),
        };
        loop {
            self.log_dates(&mut readings);
            tokio::time::sleep(PAUSE).await;
            let own = self.clone();
            let (last, refused) = (readings.last, readings.refused);
            let reading = spawn_blocking(move || own.read(last, refused)).await;
            // A reading that panicked was logged.
            if let Ok(reading) = reading {
                self.take(reading, &mut readings);
            }
        }
    }

    fn read(&self, last: Option<[u8; 32]>, refused: Option<[u8; 32]>) -> Reading {
        let contents = match self.0.files.read() {
            Ok(contents) => contents,
            Err(error) => return Reading::Unreadable(error),
        };
        let digest = contents.digest();
        if digest == self.0.state.borrow().digest {
            return Reading::Same;
        }
        if last != Some(digest) {
            return Reading::Fresh(digest);
        }
        if refused == Some(digest) {
            return Reading::StillRefused;
        }
        match TlsState::new(&self.0.files, &contents, self.0.protocols) {
            Ok(state) => Reading::New(Arc::new(state)),
            Err(error) => Reading::Refused(digest, error),
        }
    }

    fn take(&self, reading: Reading, readings: &mut Readings) {
        let face = self.0.face;
        let reloads = &self.0.bounds.metrics.reloads;
        let unreadable = readings.unreadable.take();
        match reading {
            Reading::Same => (readings.last, readings.refused) = (None, None),
            Reading::Fresh(digest) => readings.last = Some(digest),
            Reading::StillRefused => {}
            Reading::New(state) => {
                (readings.last, readings.refused) = (None, None);
                readings.logged = (Expiry::Far, false);
                self.0.state.send_replace(state);
                self.show_dates();
                self.count(reloads, "ok");
                tracing::info!(
                    face,
                    "TLS: the files have changed, and what they hold is in use"
                );
            }
            Reading::Refused(digest, error) => {
                readings.refused = Some(digest);
                self.count(reloads, "failed");
                tracing::error!(
                    face,
                    "TLS: the files have changed, but what they hold cannot be used; the last good ones stay in use: {error}"
                );
            }
            Reading::Unreadable(error) => {
                if unreadable.as_ref() != Some(&error) {
                    self.count(reloads, "failed");
                    tracing::error!(
                        face,
                        "TLS: a file cannot be read; what was read before stays in use: {error}"
                    );
                }
                readings.unreadable = Some(error);
            }
        }
    }

    /// Logs once each that the certificate ends within a month, within a week, and that it has; and that a list is overdue.
    fn log_dates(&self, readings: &mut Readings) {
        let face = self.0.face;
        let state = Arc::clone(&self.0.state.borrow());
        let now = i64::try_from(now().as_secs()).unwrap_or(i64::MAX);
        let left = state.pair.not_after.saturating_sub(now);
        let expiry = expiry(left);
        let (logged, overdue_logged) = &mut readings.logged;
        if expiry > *logged {
            *logged = expiry;
            let certificate = self.0.files.certificate.display();
            if expiry == Expiry::Past {
                tracing::error!(
                    face,
                    "TLS: the certificate in {certificate} has expired: clients refuse it"
                );
            } else {
                let days = left / DAY;
                tracing::warn!(
                    face,
                    days,
                    "TLS: the certificate in {certificate} expires soon"
                );
            }
        }
        let due = state.authorities.as_ref().and_then(|all| all.lists_due);
        let overdue = due.is_some_and(|due| due < now);
        if overdue && !*overdue_logged {
            tracing::warn!(
                face,
                "TLS: a list of revoked certificates (--tls-crl) is overdue: what was revoked since is not known"
            );
        }
        *overdue_logged = overdue;
    }
}

fn expiry(seconds: i64) -> Expiry {
    if seconds < 0 {
        Expiry::Past
    } else if seconds < 7 * DAY {
        Expiry::Week
    } else if seconds < 30 * DAY {
        Expiry::Month
    } else {
        Expiry::Far
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_of_a_month_a_week_and_the_end() {
        let stages = [31 * DAY, 29 * DAY, 6 * DAY, 0, -1].map(expiry);
        use Expiry::{Far, Month, Past, Week};
        assert_eq!(stages, [Far, Month, Week, Week, Past]);
        assert!(stages.is_sorted());
    }
}
