//! Retired values: large ones that are freed on a thread of their own, so that nobody who writes or reads waits for that.

use std::sync::Arc;
use std::time::Duration;

/// The pause between two looks at whether somebody still has a value.
const PAUSE: Duration = Duration::from_millis(20);

/// How often it is looked.
const LOOKS: usize = 500;

/// The niceness of such a thread: the kernel prefers those that serve clients.
const NICENESS: i32 = 10;

/// Frees a value that others may still have when they have let go of it, or after 10 s in any case: whoever has it last
/// frees it otherwise.
pub(crate) fn retire<T: Send + Sync + 'static>(value: Arc<T>) {
    let free = move || {
        let own = rustix::thread::gettid();
        // Otherwise it has a share as any thread.
        let _lowered = rustix::process::setpriority_process(Some(own), NICENESS);
        let mut looks = 0;
        while Arc::strong_count(&value) > 1 && looks < LOOKS {
            std::thread::sleep(PAUSE);
            looks += 1;
        }
        drop(value);
    };
    let thread = std::thread::Builder::new().name("kubekv-free".to_owned());
    // Without a thread it was freed here.
    drop(thread.spawn(free));
}
