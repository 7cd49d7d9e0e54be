//! The walls: SQL only under event_store/postgres, wasmtime only under guest.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Lines of the host's source outside `wall` in which one of `words` stands.
fn outside(wall: &str, words: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "the source is where this test looks for it");
    let (inside, outside): (Vec<_>, Vec<_>) =
        files.iter().partition(|path| path.strip_prefix(&root).unwrap().starts_with(wall));
    let stands = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let hits = text.lines().enumerate().filter(|(_, line)| words.iter().any(|word| line.contains(word)));
        hits.map(|(number, line)| format!("{}:{}: {line}", path.display(), number + 1)).collect::<Vec<_>>()
    };
    assert!(inside.iter().any(|path| !stands(path).is_empty()), "the words are the ones that the wall holds back");
    outside.into_iter().flat_map(stands).collect()
}

#[test]
fn sql_stands_only_under_event_store_postgres() {
    let breaches = outside("event_store/postgres", &["sqlx::query", "query!(", "query_as!(", "query_file"]);
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn wasmtime_stands_only_under_guest() {
    let breaches = outside("guest", &["wasmtime::"]);
    assert!(breaches.is_empty(), "{breaches:#?}");
}
