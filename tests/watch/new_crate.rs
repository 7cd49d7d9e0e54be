//! A crate that `foldhost new` made, and its author.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::alone::{REPOSITORY, alone, target_dir};
use crate::program::{Outcome, foldhost, open_dir};

pub(crate) struct NewCrate {
    pub(crate) dir: PathBuf,
    name: &'static str,
    place: TempDir,
}

impl NewCrate {
    /// To be compiled with the dependencies that this repository has locked: they are on this machine. No other test has the name:
    /// all new crates are compiled into one directory.
    pub(crate) fn new(name: &'static str) -> Self {
        let place = open_dir();
        let made: Outcome = alone(foldhost(["new", name]), place.path()).output().unwrap().into();
        made.success();
        let dir = place.path().canonicalize().unwrap().join(name);
        fs::copy(Path::new(REPOSITORY).join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
        Self { dir, name, place }
    }

    /// A file of somebody who has this crate, and that is none of it.
    pub(crate) fn beside(&self, file: &str) -> PathBuf {
        self.place.path().join(file)
    }

    pub(crate) fn source(&self) -> String {
        fs::read_to_string(self.dir.join("src/lib.rs")).unwrap()
    }

    /// Saves the source in one step, as editors do: nobody sees the half of it.
    pub(crate) fn write(&self, source: &str) {
        let written = self.dir.join("src/.lib.rs.new");
        fs::write(&written, source).unwrap();
        fs::rename(written, self.dir.join("src/lib.rs")).unwrap();
    }

    /// Puts one text in another's place, which is there once.
    pub(crate) fn edit(&self, (text, instead): (&str, &str)) {
        let source = self.source();
        assert_eq!(source.matches(text).count(), 1, "{text:?} in\n{source}");
        self.write(&source.replace(text, instead));
    }

    /// What was built of it last.
    pub(crate) fn component(&self) -> Vec<u8> {
        fs::read(target_dir().join("foldhost").join(format!("{}.wasm", self.name))).unwrap()
    }
}

impl Drop for NewCrate {
    /// Takes what was compiled of it out of the shared directory: the next run has it under another path.
    fn drop(&mut self) {
        let mut clean = Command::new("cargo");
        clean.args(["clean", "--quiet", "--package", self.name]);
        drop(alone(clean, &self.dir).env("CARGO_TARGET_DIR", target_dir()).output());
    }
}
