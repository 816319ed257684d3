//! File names made from object names: unique, and never a path.

use std::collections::BTreeSet;

/// Bytes that are kept of each end of a name that is too long. File systems take 255 in all.
const END: usize = 96;

/// Gives out names.
#[derive(Debug, Default)]
pub(super) struct FileNames {
    given: BTreeSet<String>,
}

impl FileNames {
    /// The file name of a label: `hpa.a/web.flaps` is `hpa.a.web.flaps`. A name that was given
    /// before gets a number.
    pub(super) fn give(&mut self, called: &str) -> String {
        let name = shortened(&called.replace(is_special, "."));
        let numbered = |number: u32| match number {
            1 => name.clone(),
            _ => format!("{name}-{number}"),
        };
        // Some file systems ignore case.
        let is_new = |name: &String| self.given.insert(name.to_lowercase());
        (1..=u32::MAX).map(numbered).find(is_new).unwrap_or(name)
    }
}

/// Characters that separate folders, or that some file system does not take.
fn is_special(c: char) -> bool {
    c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
}

/// The name, or its ends: what is in the middle tells names apart least.
fn shortened(name: &str) -> String {
    if name.len() <= 2 * END + 1 {
        return name.to_owned();
    }
    let is_between = |place: &usize| name.is_char_boundary(*place);
    let head = (0..=END).rev().find(is_between).unwrap_or(0);
    let tail = (name.len() - END..=name.len()).find(is_between);
    format!("{}~{}", &name[..head], &name[tail.unwrap_or(name.len())..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_given_once_and_leads_into_no_folder() {
        let mut names = FileNames::default();
        assert_eq!(names.give("replicas-web"), "replicas-web");
        assert_eq!(names.give("replicas-a/web"), "replicas-a.web");
        // An HPA may have this name.
        assert_eq!(names.give("replicas-a.web"), "replicas-a.web-2");
        assert_eq!(names.give("replicas-A.web"), "replicas-A.web-3");
        assert_eq!(names.give("../a\\b"), "...a.b");
    }

    #[test]
    fn long_names_keep_their_ends_and_stay_apart() {
        let mut names = FileNames::default();
        let long = |middle: &str| format!("{}{middle}{}", "a".repeat(150), "é".repeat(100));
        let (first, second) = (names.give(&long("x")), names.give(&long("y")));
        assert!(first.len() < 200 && second.len() < 200);
        assert!(first.starts_with("aaa") && first.ends_with("éé"));
        assert_ne!(first, second);
    }
}
