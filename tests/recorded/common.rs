//! What several test files share.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use nlsim::conformance::{Report, replay};

/// The text of a file below `tests/golden/`, decompressed if its name ends in `.gz`.
pub(crate) fn golden(file: &str) -> String {
    let path = Path::new("tests/golden").join(file);
    let mut reader: Box<dyn Read> = Box::new(File::open(&path).expect("golden data are committed"));
    if path.extension().is_some_and(|extension| extension == "gz") {
        reader = Box::new(GzDecoder::new(reader));
    }
    let mut text = String::new();
    reader
        .read_to_string(&mut text)
        .expect("golden data are UTF-8");
    text
}

/// Replays a recording below `tests/golden/`.
pub(crate) fn replay_golden(kind: &str, file: &str) -> Report {
    replay(kind, &golden(file)).expect("golden data have the documented shape")
}
