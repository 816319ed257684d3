//! Ctrl-C, SIGTERM and SIGHUP: the work ends at the next opportunity and leaves nothing
//! half-written.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();

/// A flag that is set when the user interrupts.
pub(super) fn interrupted() -> io::Result<&'static AtomicBool> {
    let installed = INSTALLED.get_or_init(|| {
        ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed))
            .map_err(|error| error.to_string())
    });
    match installed {
        Ok(()) => Ok(&INTERRUPTED),
        Err(error) => Err(io::Error::other(error.clone())),
    }
}
