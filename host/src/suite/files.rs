//! Which files a suite is read from.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::reading::read_file;
use super::scenario::{ScenarioFile, Suite};
use super::{Mistake, Place, SuiteError};

/// One file, files of one suite, and directories below one another.
const FILE_BYTES_MAX: u64 = 1 << 20;
const FILES_MAX: usize = 1_000;
const DEPTH_MAX: usize = 8;
/// Files that are told to be none of scenarios: beyond these, it is the wrong directory.
const OTHERS_TOLD_MAX: usize = 20;

/// Reads every file of scenarios in a directory, and below it.
pub(super) fn read(dir: &Path) -> Result<Suite, SuiteError> {
    let mut files = Vec::new();
    let mut mistakes = Vec::new();
    for path in paths(dir)? {
        let text = read_text(&path)?;
        match read_file(path, text) {
            Ok(file) => files.push(file),
            Err(found) => mistakes.extend(found),
        }
    }
    if mistakes.is_empty() && files.iter().all(|file| file.scenarios.is_empty()) {
        return Err(SuiteError::NoScenarios { dir: dir.to_owned() });
    }
    mistakes.extend(twice(&files));
    if mistakes.is_empty() {
        Ok(Suite { dir: dir.to_owned(), files, golden_dir: None })
    } else {
        Err(SuiteError::Mistakes(mistakes))
    }
}

/// What stands in a directory of scenarios.
enum Entry {
    Scenarios,
    Directory,
    /// Notes, and what editors and version control keep beside a file.
    LeftAside,
    Other(&'static str),
}

fn paths(dir: &Path) -> Result<Vec<PathBuf>, SuiteError> {
    let (mut paths, mut mistakes) = (Vec::new(), Vec::new());
    let (mut ahead, mut seen) = (vec![(dir.to_owned(), 0)], HashSet::new());
    while let Some((within, depth)) = ahead.pop() {
        let failed = |error| SuiteError::io("read", &within, error);
        let real = match within.canonicalize() {
            Err(error) if depth == 0 && error.kind() == ErrorKind::NotFound => {
                return Err(SuiteError::NoScenarios { dir: dir.to_owned() });
            }
            real => real.map_err(failed)?,
        };
        // A symbolic link may lead back.
        if !seen.insert(real) {
            continue;
        }
        let entries = fs::read_dir(&within).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(failed)?;
        for path in entries.into_iter().map(|entry| entry.path()) {
            match look_at(&path)? {
                Entry::Scenarios => paths.push(path),
                Entry::Directory if depth < DEPTH_MAX => ahead.push((path, depth + 1)),
                Entry::Directory => {
                    let message = format!("directories of scenarios are at most {DEPTH_MAX} deep: move it up");
                    mistakes.push(Mistake { path, place: Place::FIRST, message });
                }
                Entry::LeftAside => {}
                Entry::Other(message) => {
                    mistakes.push(Mistake { path, place: Place::FIRST, message: message.to_owned() });
                }
            }
        }
        if paths.len() + ahead.len() > FILES_MAX {
            let message = format!("more than {FILES_MAX} files and directories: put more scenarios into one file");
            mistakes.push(Mistake { path: dir.to_owned(), place: Place::FIRST, message });
        }
        if mistakes.len() >= OTHERS_TOLD_MAX || paths.len() > FILES_MAX {
            break;
        }
    }
    paths.sort();
    mistakes.sort_by(|left, right| left.path.cmp(&right.path));
    mistakes.truncate(OTHERS_TOLD_MAX);
    if mistakes.is_empty() { Ok(paths) } else { Err(SuiteError::Mistakes(mistakes)) }
}

/// Says of everything what it is. A file that was left aside without a word looked as if it had passed.
fn look_at(path: &Path) -> Result<Entry, SuiteError> {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    // Emacs' lock of a file that is being edited is a symbolic link that leads nowhere: it ended the run.
    if name.starts_with(b".") || name.ends_with(b"~") || (name.starts_with(b"#") && name.ends_with(b"#")) {
        return Ok(Entry::LeftAside);
    }
    let kind = match path.metadata() {
        // Gone since the directory was read.
        Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => {
            return Ok(Entry::LeftAside);
        }
        found => found.map_err(|error| SuiteError::io("read", path, error))?.file_type(),
    };
    if kind.is_dir() {
        return Ok(Entry::Directory);
    }
    if !kind.is_file() {
        return Ok(Entry::Other("it is neither a file nor a directory: move it elsewhere"));
    }
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    Ok(match extension.as_ref().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml") => Entry::Scenarios,
        Some("md" | "txt") => Entry::LeftAside,
        _ => Entry::Other(
            "scenarios are written in YAML: rename the file to .yaml, or move it elsewhere; notes end in .md or .txt",
        ),
    })
}

fn read_text(path: &Path) -> Result<String, SuiteError> {
    let failed = |error| SuiteError::io("read", path, error);
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    let message = match String::from_utf8(bytes) {
        Ok(text) if text.len() as u64 <= FILE_BYTES_MAX => return Ok(text),
        Ok(_) => format!("the file is larger than {FILE_BYTES_MAX} bytes: split it"),
        Err(_) => "the file is no text in UTF-8".to_owned(),
    };
    Err(SuiteError::Mistakes(vec![Mistake { path: path.to_owned(), place: Place::FIRST, message }]))
}

/// Names that stand twice in the suite: a report, a filter and a blessing could not tell them apart.
fn twice(files: &[ScenarioFile]) -> Vec<Mistake> {
    let mut seen = HashMap::new();
    let mut mistakes = Vec::new();
    for file in files {
        for scenario in &file.scenarios {
            if let Some((path, line)) = seen.insert(&scenario.name, (&file.path, scenario.place.line)) {
                let message = format!(
                    "a scenario `{}` stands in {}:{line} too: give one of them another name",
                    scenario.name,
                    path.display()
                );
                mistakes.push(Mistake { path: file.path.clone(), place: scenario.place, message });
            }
        }
    }
    mistakes
}
