//! An output folder that appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

/// Marks a folder as written by this program, so that it may be replaced.
const MARK: &str = ".nlsim";

/// Why an output folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Something else has its path.
    #[error(
        "{0} exists and was not written by nlsim: choose another folder with --out, or remove it"
    )]
    Foreign(PathBuf),
    /// It exists but cannot be replaced.
    #[error("{0} is the current folder or a volume, which cannot be replaced: name a folder in it, for example --out {shown}", shown = .0.join("results").display())]
    Fixed(PathBuf),
    /// The user interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The file system refused.
    #[error("cannot write {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A temporary folder beside the final one.
#[derive(Debug)]
pub struct OutputFolder {
    target: PathBuf,
    temporary: TempDir,
    stop: Option<&'static AtomicBool>,
}

const INTERRUPTED: &str = "interrupted";

/// Writes to a file until the user interrupts.
struct Interruptible {
    file: File,
    stop: Option<&'static AtomicBool>,
}

fn is_set(stop: Option<&AtomicBool>) -> bool {
    stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
}

impl Write for Interruptible {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if is_set(self.stop) {
            // Not `Interrupted`, after which `write_all` tries again.
            return Err(io::Error::other(INTERRUPTED));
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError + '_ {
    move |source| FolderError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Whether a folder may be written at this path.
fn check(target: &Path) -> Result<(), FolderError> {
    let Ok(data) = fs::symlink_metadata(target) else {
        return Ok(());
    };
    let empty = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
    if data.is_dir() && is_fixed(target, &data) {
        Err(FolderError::Fixed(target.to_owned()))
    } else if data.is_dir() && (target.join(MARK).is_file() || empty()) {
        Ok(())
    } else {
        Err(FolderError::Foreign(target.to_owned()))
    }
}

/// Whether a folder cannot be renamed: it has no name of its own in the path, or another file
/// system begins there, as with a container's volume.
fn is_fixed(target: &Path, data: &fs::Metadata) -> bool {
    if target.file_name().is_none() {
        return true;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::symlink_metadata(target.join("..")).is_ok_and(|parent| parent.dev() != data.dev())
    }
    #[cfg(not(unix))]
    {
        let _ = data;
        false
    }
}

impl OutputFolder {
    /// Begins a folder. Fails at once where [`Self::finish`] could not succeed.
    pub fn create(target: &Path) -> Result<Self, FolderError> {
        check(target)?;
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(at(parent))?;
        let temporary = temporary_in(parent).map_err(at(parent))?;
        let folder = Self {
            target: target.to_owned(),
            temporary,
            stop: None,
        };
        folder.write(MARK, |out| {
            out.write_all(b"Written by nlsim; may be replaced by it.\n")
        })?;
        Ok(folder)
    }

    /// Where it is made.
    pub fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// Writes no more once this flag is set: [`FolderError::Interrupted`].
    #[must_use]
    pub fn until(self, stop: &'static AtomicBool) -> Self {
        Self {
            stop: Some(stop),
            ..self
        }
    }

    /// Writes a file; its name may contain folders. Several may be written at a time.
    pub fn write(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), FolderError> {
        if is_set(self.stop) {
            return Err(FolderError::Interrupted);
        }
        let path = self.temporary.path().join(name);
        let shown = self.target.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(at(&shown))?;
        }
        let file = File::create(&path).map_err(at(&shown))?;
        let stop = self.stop;
        let mut out = BufWriter::new(Interruptible { file, stop });
        let written = write(&mut out).and_then(|()| out.flush());
        // What is left in the buffer after a failure is not wanted.
        let _ = out.into_parts();
        written.map_err(|source| {
            if is_set(stop) && source.to_string() == INTERRUPTED {
                FolderError::Interrupted
            } else {
                at(&shown)(source)
            }
        })
    }

    /// Moves the folder to its path and replaces the results of an earlier run.
    pub fn finish(self) -> Result<PathBuf, FolderError> {
        let Self {
            target,
            temporary,
            stop,
        } = self;
        if is_set(stop) {
            return Err(FolderError::Interrupted);
        }
        check(&target)?;
        let made = temporary.path();
        let old = made.with_extension("old");
        let replaced = target.exists();
        if replaced {
            fs::rename(&target, &old).map_err(at(&target))?;
        }
        if let Err(source) = fs::rename(made, &target) {
            if replaced {
                let _ = fs::rename(&old, &target); // what was there is still there
            }
            return Err(at(&target)(source));
        }
        // Moved away already, so there is nothing left to remove.
        let _ = temporary.keep();
        if replaced {
            fs::remove_dir_all(&old).map_err(at(&old))?;
        }
        Ok(target)
    }
}

/// A temporary folder that others may read as far as umask allows, as any other folder.
fn temporary_in(parent: &Path) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".nlsim-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    builder.tempdir_in(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_appears_whole_and_replaces_its_predecessor() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("a/b");
        for text in ["one", "two"] {
            let folder = OutputFolder::create(&target).unwrap();
            folder
                .write("x/y.csv", |out| out.write_all(text.as_bytes()))
                .unwrap();
            folder.finish().unwrap();
            assert_eq!(fs::read_to_string(target.join("x/y.csv")).unwrap(), text);
        }
        assert_eq!(names(target.parent().unwrap()), ["b"]);
    }

    #[test]
    fn a_folder_that_is_not_finished_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("out");
        let folder = OutputFolder::create(&target).unwrap();
        let failed = folder.write("a.csv", |_| Err(io::Error::other("disk full")));
        assert!(
            failed
                .unwrap_err()
                .to_string()
                .ends_with("a.csv: disk full")
        );
        drop(folder);
        assert!(names(place.path()).is_empty());
    }

    #[test]
    fn an_interrupted_folder_leaves_nothing() {
        static BEFORE: AtomicBool = AtomicBool::new(false);
        static WITHIN: AtomicBool = AtomicBool::new(false);
        let place = tempfile::tempdir().unwrap();
        let create = |stop| {
            OutputFolder::create(&place.path().join("out"))
                .unwrap()
                .until(stop)
        };
        let folder = create(&BEFORE);
        folder.write("a.csv", |out| out.write_all(b"a")).unwrap();
        BEFORE.store(true, Ordering::Relaxed);
        let stopped = folder.write("b.csv", |_| panic!("is not begun"));
        assert!(matches!(stopped, Err(FolderError::Interrupted)));
        assert!(matches!(folder.finish(), Err(FolderError::Interrupted)));
        let folder = create(&WITHIN);
        let stopped = folder.write("a.csv", |out| {
            WITHIN.store(true, Ordering::Relaxed);
            loop {
                out.write_all(b"a row without end\n")?;
            }
        });
        assert!(matches!(stopped, Err(FolderError::Interrupted)));
        drop(folder);
        assert!(names(place.path()).is_empty());
    }

    #[test]
    fn what_cannot_be_replaced_is_told_before_anything_is_run() {
        for target in [".", "..", "/"] {
            let refused = OutputFolder::create(Path::new(target)).unwrap_err();
            assert!(matches!(refused, FolderError::Fixed(_)), "{refused}");
        }
        #[cfg(target_os = "linux")]
        assert!(is_fixed(
            Path::new("/proc"),
            &fs::metadata("/proc").unwrap()
        ));
    }

    #[test]
    fn what_somebody_else_wrote_is_not_touched() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("thesis.txt"), "years").unwrap();
        let file = place.path().join("thesis.txt");
        for target in [place.path(), &file] {
            let refused = OutputFolder::create(target).unwrap_err();
            assert!(matches!(refused, FolderError::Foreign(_)));
        }
        assert_eq!(names(place.path()), ["thesis.txt"]);
    }
}
