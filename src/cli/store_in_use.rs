//! Advice for a store in use: the commands on an embedded store need exclusive access.

use kubekv::store::embedded::IN_USE;

use super::exit::CommandError;

/// Adds advice to an error that says that another process uses the store. The exit code stays.
pub(super) fn advise<T>(result: Result<T, CommandError>, advice: &str) -> Result<T, CommandError> {
    result.map_err(|CommandError { code, message }| {
        let message = message.map(|message| {
            if message.starts_with(IN_USE) {
                format!("{message}; {advice}")
            } else {
                message
            }
        });
        CommandError { code, message }
    })
}
