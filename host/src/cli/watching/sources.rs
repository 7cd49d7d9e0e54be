//! The files that something is made from.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hasher as _};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cargo_metadata::MetadataCommand;
use foldhost::embedded_postgres::is_data_dir;

/// Directories that are watched, and files in them.
const DIRECTORIES_MAX: usize = 2_000;
const FILES_MAX: usize = 50_000;
/// Files up to so many bytes are compared by what they hold, larger ones by their time and size.
const CONTENT_BYTES_MAX: u64 = 64 << 20;

/// Where sources are, and what lies among them that comes of a run itself: with that among the sources, each run was the cause of the
/// next.
pub(crate) struct Outlook {
    /// A directory with all below it, or one file.
    roots: Vec<PathBuf>,
    /// Cargo's directory, and what else is written under a name that is known.
    left_out: Vec<PathBuf>,
    /// Where this process's stdout and stderr go, as in `foldhost serve --watch . 2>serve.log`.
    outputs: Vec<FileId>,
}

/// Device and inode: what a file is, whatever its name.
type FileId = (u64, u64);

/// What is there at one time.
#[derive(Default)]
pub(crate) struct Sources {
    pub(super) files: BTreeMap<PathBuf, Stamp>,
    /// Where something has to happen for a file to change, or to come.
    pub(super) directories: BTreeSet<PathBuf>,
}

/// What tells whether a file is another one.
#[derive(Clone)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    content: Option<u64>,
}

impl Outlook {
    /// A directory with all below it, or one file.
    pub(crate) fn of(path: &Path) -> Self {
        Self { roots: vec![real(path)], left_out: Vec::new(), outputs: outputs() }
    }

    /// A crate, and the crates that it is built from on this machine: a change in one of them changes the component too.
    pub(crate) fn of_crate(dir: &Path) -> Self {
        let mut outlook = Self::of(dir);
        let packages = packages(dir, &mut outlook.left_out);
        outlook.roots.extend(packages.iter().map(|package| real(package)));
        outlook
    }

    /// With another directory or file.
    pub(crate) fn and(mut self, path: &Path) -> Self {
        self.roots.push(real(path));
        self
    }

    /// Without what is written there.
    pub(crate) fn without(mut self, path: &Path) -> Self {
        self.left_out.extend(both_names(path));
        self
    }

    /// What is there now. What was seen before spares reading what did not change since.
    pub(super) fn sources(&self, before: Option<&Sources>) -> Sources {
        let mut sources = Sources::default();
        let mut seen = HashSet::new();
        let mut ahead = self.roots.clone();
        while let Some(path) = ahead.pop() {
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => {
                    // Everything has one name, whatever links lead to it.
                    let Ok(real) = path.canonicalize() else { continue };
                    // A database is written to all the time, and is nothing that a component is made from.
                    let is_left_out =
                        (self.left_out.contains(&real) || is_data_dir(&real)) && !self.roots.contains(&real);
                    if is_left_out || seen.len() == DIRECTORIES_MAX || !seen.insert(real.clone()) {
                        continue;
                    }
                    let entries = fs::read_dir(&real).into_iter().flatten().flatten().map(|entry| entry.path());
                    ahead.extend(entries.filter(|path| is_source(path) && !self.left_out.contains(path)));
                }
                Ok(found) if sources.files.len() < FILES_MAX && !self.outputs.contains(&file_id(&found)) => {
                    let known = before.and_then(|before| before.files.get(&path));
                    let stamp = Stamp::of(&path, &found, known);
                    sources.files.insert(path, stamp);
                }
                // It is not there, or not any more.
                _ => {}
            }
        }
        sources.directories = seen.into_iter().collect();
        let beside = self.roots.iter().filter_map(|root| root.ancestors().skip(1).find(|dir| dir.is_dir()));
        sources.directories.extend(beside.map(Path::to_owned));
        sources
    }
}

impl Sources {
    /// Files that were written again, and hold what they held.
    pub(super) fn touched_since(&self, before: &Self) -> Vec<&Path> {
        let is_touched = |path: &PathBuf, stamp: &Stamp| {
            before.files.get(path).is_some_and(|before| before == stamp && before.modified != stamp.modified)
        };
        self.files.iter().filter(|(path, stamp)| is_touched(path, stamp)).map(|(path, _)| path.as_path()).collect()
    }
}

impl Stamp {
    fn of(path: &Path, found: &Metadata, known: Option<&Self>) -> Self {
        let (modified, bytes) = (found.modified().ok(), found.len());
        let same = known.filter(|known| modified.is_some() && known.modified == modified && known.bytes == bytes);
        let content = match same {
            Some(known) => known.content,
            // Anything but a plain file may never come to an end.
            None if found.is_file() && bytes <= CONTENT_BYTES_MAX => {
                fs::read(path).ok().map(|content| digest(&content))
            }
            None => None,
        };
        Self { modified, bytes, content }
    }
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        match (self.content, other.content) {
            (Some(content), Some(other)) => content == other,
            _ => self.modified == other.modified && self.bytes == other.bytes,
        }
    }
}

fn digest(content: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    hasher.finish()
}

/// The crates that a crate is built from on this machine, itself among them. What cargo writes for it is left out.
fn packages(dir: &Path, left_out: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // A manifest that cannot be read is told by the build.
    let Ok(metadata) = MetadataCommand::new().current_dir(dir).exec() else { return found };
    left_out.extend(both_names(metadata.target_directory.as_std_path()));
    let Some(resolve) = &metadata.resolve else { return found };
    let Ok(manifest) = dir.join("Cargo.toml").canonicalize() else { return found };
    let mut ahead: Vec<_> = metadata.packages.iter().filter(|package| package.manifest_path == manifest).collect();
    let mut seen = HashSet::new();
    while let Some(package) = ahead.pop() {
        if package.source.is_some() || !seen.insert(&package.id) {
            continue;
        }
        found.extend(package.manifest_path.parent().map(|dir| dir.as_std_path().to_owned()));
        let node = resolve.nodes.iter().find(|node| node.id == package.id);
        let needed = node.into_iter().flat_map(|node| &node.dependencies);
        ahead.extend(needed.filter_map(|id| metadata.packages.iter().find(|package| package.id == *id)));
    }
    found
}

/// The files that this process's output goes to.
fn outputs() -> Vec<FileId> {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let found = [stdout.as_fd().try_clone_to_owned(), stderr.as_fd().try_clone_to_owned()];
    let found = found.into_iter().flatten().filter_map(|output: OwnedFd| File::from(output).metadata().ok());
    found.filter(Metadata::is_file).map(|output| file_id(&output)).collect()
}

fn file_id(found: &Metadata) -> FileId {
    (found.dev(), found.ino())
}

/// The path without links, also where nothing is there yet.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| named_in_real_directory(path))
}

fn named_in_real_directory(path: &Path) -> PathBuf {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match path.file_name() {
        Some(name) if dir != path => real(dir).join(name),
        _ => path.to_owned(),
    }
}

/// A file that is a link is seen under its own name, and what it leads to under that one.
fn both_names(path: &Path) -> [PathBuf; 2] {
    [real(path), named_in_real_directory(path)]
}

/// Not what a build writes, and not what hides: version control, editors, and files that are about to be renamed.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // Also that of a crate in another workspace, of which cargo does not speak.
    let is_build = name == "target" && path.is_dir() && path.with_file_name("Cargo.toml").is_file();
    !(is_build || name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#')))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhow::{Context as _, Result};

    use super::*;

    /// A crate whose target directory has another name than usual.
    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Result<Self> {
            let place = Self(tempfile::tempdir()?);
            place.write("Cargo.toml", "[package]\nname = \"one\"\nedition = \"2024\"\n[workspace]\n")?;
            place.write("src/lib.rs", "fn a() {}")?;
            place.write(".cargo/config.toml", "[build]\ntarget-dir = \"out\"\n")?;
            place.write("scenarios/target/all.yaml", "scenarios: []")?;
            // The lock file is there from now on.
            MetadataCommand::new().current_dir(place.0.path()).exec()?;
            Ok(place)
        }

        fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().context("a file")?)?;
            fs::write(&path, content)?;
            Ok(path)
        }

        fn outlook(&self) -> Outlook {
            let dir = self.0.path();
            Outlook::of_crate(dir).and(&dir.join("scenarios")).without(&dir.join("reports/report.xml"))
        }
    }

    #[test]
    fn what_a_run_writes_is_no_change() -> Result<()> {
        let place = Place::new()?;
        let outlook = place.outlook();
        let before = outlook.sources(None);
        for written in ["reports/report.xml", "out/one.d", "out/foldhost/one.wasm", "target/one.d", ".git/HEAD"] {
            place.write(written, "of this run")?;
            assert!(outlook.sources(Some(&before)).files == before.files, "{written}");
            // Nor is it one when it was there before.
            assert!(outlook.sources(None).files == place.outlook().sources(None).files, "{written}");
        }
        assert!(!before.files.keys().any(|path| path.ends_with("out/one.d")));
        Ok(())
    }

    #[test]
    fn a_host_s_data_and_this_process_s_output_are_no_sources() -> Result<()> {
        let place = Place::new()?;
        place.write("foldhost-data/foldhost.data", "This directory belongs to Foldhost.")?;
        let mut outlook = place.outlook();
        let log = place.write("serve.log", "ready")?;
        outlook.outputs.push(file_id(&fs::metadata(&log)?));
        let before = outlook.sources(None);
        for written in ["foldhost-data/pg/base/1", "foldhost-data/postgres.log", "serve.log"] {
            place.write(written, "by the host")?;
            assert!(outlook.sources(Some(&before)).files == before.files, "{written}");
        }
        assert!(!before.directories.iter().any(|dir| dir.ends_with("foldhost-data")));
        // By its text, and not by its name.
        fs::write(place.0.path().join("foldhost-data/foldhost.data"), "a module's data")?;
        assert!(outlook.sources(Some(&before)).files != before.files);
        Ok(())
    }

    #[test]
    fn what_a_file_holds_is_a_change_and_its_time_is_none() -> Result<()> {
        let place = Place::new()?;
        let outlook = place.outlook();
        for name in ["src/lib.rs", "scenarios/target/all.yaml"] {
            let before = outlook.sources(None);
            let path = place.0.path().join(name);
            let later = SystemTime::now() + Duration::from_secs(60);
            fs::File::options().append(true).open(&path)?.set_modified(later)?;
            let touched = outlook.sources(Some(&before));
            assert!(touched.files == before.files, "{name}");
            // Of the same length.
            let content = fs::read_to_string(&path)?.replace('a', "b");
            place.write(name, &content)?;
            assert!(outlook.sources(Some(&touched)).files != before.files, "{name}");
        }
        let before = outlook.sources(None);
        place.write("src/more.rs", "")?;
        assert!(outlook.sources(Some(&before)).files != before.files);
        fs::remove_file(place.0.path().join("src/more.rs"))?;
        assert!(outlook.sources(Some(&before)).files == before.files);
        Ok(())
    }

    #[test]
    fn a_directory_that_is_not_there_yet_is_waited_for_where_it_will_come() -> Result<()> {
        let place = Place::new()?;
        let dir = place.0.path().canonicalize()?;
        let wasm = place.write("deep/one.wasm", "")?;
        let outlook = Outlook::of(&wasm).and(&dir.join("not/yet/scenarios"));
        let directories = outlook.sources(None).directories;
        assert_eq!(directories, BTreeSet::from([dir.clone(), dir.join("deep")]));
        Ok(())
    }
}
