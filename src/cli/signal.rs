//! Ctrl-C, SIGTERM and SIGHUP: the work ends at the next opportunity and leaves nothing
//! half-written.
//!
//! Loops look at the flag. What does not look at it in time (a large cluster being built) is ended
//! from outside: the folder in the making is removed and the process exits.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::exit::{CliError, tell};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// The signal that came, 0 for none; a sweep sets the flag too when it cannot go on.
static SIGNALLED: AtomicU8 = AtomicU8::new(0);
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
    let installed = INSTALLED.get_or_init(|| install().map_err(|error| error.to_string()));
    match installed {
        Ok(()) => Ok(&INTERRUPTED),
        Err(error) => Err(io::Error::other(error.clone())),
    }
}

#[cfg(unix)]
fn install() -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let wait = move || signals.forever().for_each(|signal| interrupt(signal as u8));
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).map(drop)
}

#[cfg(not(unix))]
fn install() -> Result<(), ctrlc::Error> {
    const SIGINT: u8 = 2;
    ctrlc::set_handler(|| interrupt(SIGINT))
}

/// Removes this folder if the process is ended before [`finishing`].
pub(super) fn unfinished(folder: PathBuf) {
    *WRITING.lock().unwrap_or_else(PoisonError::into_inner) = Writing::Unfinished(folder);
}

/// From now on an interruption comes too late.
pub(super) fn finishing() {
    *WRITING.lock().unwrap_or_else(PoisonError::into_inner) = Writing::Finished;
}

/// The exit code of a process that a signal has ended, as shells count, if one came: what failed
/// afterwards failed because of that.
pub(super) fn exit_code() -> Option<u8> {
    match SIGNALLED.load(Ordering::Relaxed) {
        0 => None,
        signal => Some(128 + signal),
    }
}

fn interrupt(signal: u8) {
    SIGNALLED.store(signal, Ordering::Relaxed);
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
    std::process::exit(i32::from(128 + signal));
}
