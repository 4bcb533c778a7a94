//! Waiting until a condition holds.

use std::time::{Duration, Instant};

/// The longest wait before a condition counts as failed; checking it may take a while as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// The time between two checks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(PAUSE);
    }
}
