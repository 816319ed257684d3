//! Holds the imports between modules to the table in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rows of the table: module → modules it may use.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string("ARCHITECTURE.md").expect("ARCHITECTURE.md stands at the root");
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    let mut table = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let module = names(cells[1])
            .into_iter()
            .next()
            .expect("a row begins with its module");
        let mut uses = names(cells[3]);
        if cells[3] == "all of the above" {
            uses = table.keys().cloned().collect();
        }
        table.insert(module, uses);
    }
    table
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the source tree") {
        let path = entry.expect("an entry of the source tree").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file of all crates, with the module that it belongs to.
fn files_by_module() -> Vec<(String, PathBuf)> {
    let parts = fs::read_dir("crates").expect("the crates stand at the root");
    let parts = parts.map(|part| part.expect("a crate").path().join("src"));
    let mut all = Vec::new();
    for source in parts.chain([PathBuf::from("src")]) {
        let mut files = Vec::new();
        rust_files(&source, &mut files);
        all.extend(files.into_iter().map(|path| {
            let relative = path.strip_prefix(&source).expect("it was found there");
            let module = relative.iter().next().expect("a file has a name");
            let module = module.to_string_lossy().trim_end_matches(".rs").to_owned();
            (module, path)
        }));
    }
    all.sort();
    all
}

/// Modules named in `crate::…` paths, grouped imports (`crate::{a, b::c}`) included.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let (mut depth, mut expect_name, mut name) = (1, true, String::new());
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 1 && expect_name && (c.is_alphanumeric() || c == '_') {
                    name.push(c);
                } else if depth <= 1 && !name.is_empty() {
                    used.insert(std::mem::take(&mut name));
                    expect_name = false;
                }
                if depth == 1 && c == ',' {
                    expect_name = true;
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            used.insert(rest[..end].to_owned());
        }
    }
    used
}

/// The code without comments and without the tests at the file's end.
fn without_comments_and_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn imports_follow_the_table() {
    let table = allowed();
    let mut wrong = Vec::new();
    for (module, path) in files_by_module() {
        if module == "lib" || module == "main" {
            continue;
        }
        let Some(may_use) = table.get(&module) else {
            wrong.push(format!("{module} is not in the table of ARCHITECTURE.md"));
            continue;
        };
        let text = fs::read_to_string(&path).expect("a source file is readable");
        for used in used_modules(&without_comments_and_tests(&text)) {
            if used != module && table.contains_key(&used) && !may_use.contains(&used) {
                wrong.push(format!("{}: {module} must not use {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_imports_sees_groups_and_single_paths() {
    let code = "use crate::{sim::{SimTime, queue}, units};\nfn f() { crate::load::x() }";
    let expected: BTreeSet<String> = ["load", "sim", "units"].map(str::to_owned).into();
    assert_eq!(used_modules(code), expected);
}
