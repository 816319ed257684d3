//! The files of a scenario, from the file system.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::scenario::FileProvider;

/// Reads files as the paths name them.
pub(super) struct Disk;

impl FileProvider for Disk {
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        let file = File::open(path).map_err(|error| describe(&error))?;
        if file.metadata().is_ok_and(|data| data.is_dir()) {
            return Err("it is a directory".to_owned());
        }
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| describe(&error))?;
        Ok(bytes)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let paths = glob::glob(pattern).map_err(|error| error.to_string())?;
        let mut found = Vec::new();
        for path in paths {
            let path: PathBuf = path.map_err(|error| error.to_string())?;
            if path.is_file() {
                found.push(text(&path)?);
            }
        }
        found.sort();
        Ok(found)
    }
}

fn text(path: &Path) -> Result<String, String> {
    let text = path.to_str();
    text.map(str::to_owned)
        .ok_or_else(|| format!("{} is not a UTF-8 name", path.display()))
}

/// Without the operating system's error number.
pub(super) fn describe(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
