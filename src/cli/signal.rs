//! Ctrl-C, SIGTERM and SIGHUP: the work ends at the next opportunity and leaves nothing
//! half-written.
//!
//! Loops look at the flag. What does not look at it in time (a large cluster being built) is ended
//! from outside: the folder in the making is removed and the process exits.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::exit::{CliError, Exit, tell};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// Set by a signal alone; a sweep sets the flag too when it cannot go on.
static SIGNALLED: AtomicBool = AtomicBool::new(false);
static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
static WRITING: Mutex<Writing> = Mutex::new(Writing::Nothing);

/// How long loops have to notice the flag.
const GRACE: Duration = Duration::from_millis(500);

/// What an exit would leave behind.
enum Writing {
    Nothing,
    /// A folder in the making.
    Unfinished(PathBuf),
    /// A finished folder that takes its place.
    Finished,
}

/// A flag that is set when the user interrupts.
pub(super) fn interrupted() -> io::Result<&'static AtomicBool> {
    let installed =
        INSTALLED.get_or_init(|| ctrlc::set_handler(interrupt).map_err(|error| error.to_string()));
    match installed {
        Ok(()) => Ok(&INTERRUPTED),
        Err(error) => Err(io::Error::other(error.clone())),
    }
}

/// Removes this folder if the process is ended before [`finishing`].
pub(super) fn unfinished(folder: PathBuf) {
    *WRITING.lock().unwrap_or_else(PoisonError::into_inner) = Writing::Unfinished(folder);
}

/// From now on an interruption comes too late.
pub(super) fn finishing() {
    *WRITING.lock().unwrap_or_else(PoisonError::into_inner) = Writing::Finished;
}

/// Whether the user has interrupted: what failed afterwards failed because of that.
pub(super) fn is_interrupted() -> bool {
    SIGNALLED.load(Ordering::Relaxed)
}

fn interrupt() {
    SIGNALLED.store(true, Ordering::Relaxed);
    INTERRUPTED.store(true, Ordering::Relaxed);
    std::thread::sleep(GRACE);
    // Held until the exit, so that nothing is finished meanwhile.
    let writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    match &*writing {
        Writing::Finished => return,
        Writing::Nothing => {}
        Writing::Unfinished(folder) => {
            // Files may still be added to it.
            for _ in 0..100 {
                if std::fs::remove_dir_all(folder).is_ok() || !folder.exists() {
                    break;
                }
            }
        }
    }
    tell(format_args!("{}\n", CliError::Interrupted));
    std::process::exit(Exit::Interrupted as i32);
}
