//! Waiting until a condition holds.

use std::time::{Duration, Instant};

/// How long anything here may take before it counts as never; asking may take a while as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(PAUSE);
    }
}
