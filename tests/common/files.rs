//! File providers for tests: a folder, and files in memory.

#![allow(dead_code, reason = "each binary uses its own part")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use nlsim::scenario::FileProvider;

/// Files below a folder.
pub(crate) struct Folder(pub(crate) PathBuf);

impl FileProvider for Folder {
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        let file = File::open(self.0.join(path)).map_err(|_| "no such file".to_owned())?;
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let full = self.0.join(pattern);
        let paths = glob::glob(&full.to_string_lossy()).map_err(|error| error.msg.to_owned())?;
        let below = |path: PathBuf| {
            let path = path
                .strip_prefix(&self.0)
                .map(PathBuf::from)
                .unwrap_or(path);
            path.to_string_lossy().into_owned()
        };
        Ok(paths.filter_map(Result::ok).map(below).collect())
    }
}

/// Files in memory.
#[derive(Default)]
pub(crate) struct Memory {
    files: BTreeMap<String, Vec<u8>>,
    /// Files of so many zero bytes.
    pub(crate) sizes: BTreeMap<String, u64>,
    /// Bytes that were handed out.
    pub(crate) handed_out: Cell<u64>,
}

impl Memory {
    pub(crate) fn put(&mut self, path: &str, bytes: impl AsRef<[u8]>) {
        self.files.insert(path.to_owned(), bytes.as_ref().to_vec());
    }
}

impl FileProvider for Memory {
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        let bytes = match (self.files.get(path), self.sizes.get(path)) {
            (Some(bytes), _) => bytes.iter().copied().take(limit as usize + 1).collect(),
            (None, Some(size)) => vec![0; (limit + 1).min(*size) as usize],
            (None, None) => return Err("no such file".to_owned()),
        };
        self.handed_out
            .set(self.handed_out.get() + bytes.len() as u64);
        Ok(bytes)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        let pattern = glob::Pattern::new(pattern).map_err(|error| error.msg.to_owned())?;
        let paths = self.files.keys().filter(|path| pattern.matches(path));
        Ok(paths.cloned().collect())
    }
}
