//! Somebody who does what a page says, in a home directory of their own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::alone::{REPOSITORY, alone, target_dir};
use crate::digests::Digests;
use crate::page::{Block, Task};
use crate::printed::difference;
use crate::program::{Outcome, Serving, open_dir};

/// Who wrote the page, and where they live.
const AUTHOR: &str = "ada";
const HOME_ON_THE_PAGE: &str = "/home/ada";
/// The program in a clone.
const PROGRAM: &str = "target/release/foldhost";

pub(crate) struct Reader {
    /// Above its directory, which goes after it.
    host: Option<Serving>,
    /// Where the shell finds programs, `foldhost` above all.
    path: OsString,
    home: TempDir,
    /// Where the commands are typed.
    dir: PathBuf,
    /// What the last commands printed.
    printed: String,
    /// The file and the part of it that the page spoke of last.
    found: Option<(PathBuf, String)>,
    /// Those of the page, and what was printed in their place.
    digests: Digests,
    ran: Vec<(String, i32)>,
    /// Where cargo is to put what it compiles, unless it is beside the sources.
    target_dir: Option<OsString>,
    /// The crates that the page had them make.
    made: Vec<PathBuf>,
}

impl Reader {
    /// In a clone: its guests are those of this one, and its program is the one that is tested.
    fn new(target_dir: Option<OsString>) -> Self {
        let home = open_dir();
        let dir = home.path().canonicalize().unwrap().join("foldhost");
        let program = dir.join(PROGRAM);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        let tested = Path::new(env!("CARGO_BIN_EXE_foldhost"));
        // By its place a program knows the clone that it is of. On another disk there is no link to it.
        fs::hard_link(tested, &program).or_else(|_| fs::copy(tested, &program).map(drop)).unwrap();
        let guests = Path::new(REPOSITORY).join("guests").canonicalize().unwrap();
        std::os::unix::fs::symlink(guests, dir.join("guests")).unwrap();
        Self {
            host: None,
            path: path_with(program.parent().unwrap()),
            home,
            dir,
            printed: String::new(),
            found: None,
            digests: Digests::default(),
            ran: Vec::new(),
            target_dir,
            made: Vec::new(),
        }
    }

    /// Who makes crates outside of the clone: they are compiled as on a machine that has nothing else.
    pub(crate) fn with_crates_of_their_own() -> Self {
        Self::new(None)
    }

    /// Who builds the guests: they are compiled where the tests compile them.
    pub(crate) fn with_the_guests() -> Self {
        Self::new(std::env::var_os("CARGO_TARGET_DIR"))
    }

    /// The commands that were run, and what they ended with.
    pub(crate) fn ran(&self) -> &[(String, i32)] {
        &self.ran
    }

    /// Presses Ctrl-C where the host runs. Gives the status that it ends with.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let host = self.host.take().expect("the page has a host running");
        host.signal(Signal::SIGINT);
        host.end().0
    }

    /// Does what one block of the page says.
    pub(crate) fn perform(&mut self, block: &Block) {
        let line = block.line;
        match &block.task {
            Task::NotRun => {}
            Task::Run(status) => {
                let code = self.run(&block.text);
                assert_eq!(code, *status, "line {line}: {}{}", block.text, self.printed);
            }
            Task::Prints => {
                let difference = difference(&block.text, &self.printed, &mut self.digests);
                assert_eq!(difference, None, "line {line}, where this was printed:\n{}", self.printed);
            }
            Task::Serve => {
                let flags = block.text.trim_end().strip_prefix("foldhost serve").expect("a host is served");
                let data_dir = match flags.split_whitespace().collect::<Vec<_>>()[..] {
                    [] => "foldhost-data",
                    ["--data-dir", data_dir] => data_dir,
                    _ => panic!("line {line}: flags that the test does not know: {flags}"),
                };
                let host = Serving::start(&self.dir.join(data_dir));
                // The test's port is a free one, and the page's the default.
                self.printed = "listening on http://127.0.0.1:7070\n".to_owned();
                self.host = Some(host);
            }
            Task::Shows(path) => {
                self.find(path, block);
            }
            Task::Find(path) => self.found = Some(self.find(path, block)),
            Task::AddBelow => self.replace(|found| format!("{found}{}", block.text)),
            Task::PutInItsPlace => self.replace(|_| block.text.clone()),
            Task::AddAtTheEnd(path) => {
                let path = self.dir.join(path);
                let text = fs::read_to_string(&path).unwrap();
                fs::write(path, text + &block.text).unwrap();
            }
        }
    }

    /// A file, and the part of it that a block shows.
    fn find(&self, path: &str, block: &Block) -> (PathBuf, String) {
        let path = self.dir.join(path);
        let text = fs::read_to_string(&path).unwrap();
        let count = text.matches(&block.text).count();
        assert_eq!(count, 1, "line {}: so often it is in {}:\n{}", block.line, path.display(), block.text);
        (path, block.text.clone())
    }

    fn replace(&mut self, with: impl FnOnce(&str) -> String) {
        let (path, found) = self.found.take().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replacen(&found, &with(&found), 1)).unwrap();
    }

    /// Types commands, up to the first that fails. Gives the status of the last one.
    fn run(&mut self, commands: &str) -> i32 {
        let place = self.home.path().join("where");
        let typed = self.digests.typed(commands);
        let script = format!("trap 'pwd >\"$PLACE\"' EXIT\nset -e\nexec 2>&1\n{typed}");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).env("PLACE", &place).env("PATH", &self.path).stdin(Stdio::null());
        for name in ["DATABASE_URL", "RUST_LOG"] {
            command.env_remove(name);
        }
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FOLDHOST_")) {
            command.env_remove(name);
        }
        if let Some(host) = &self.host {
            command.env("FOLDHOST_URL", &host.url);
        }
        command.env("USER", AUTHOR);
        let mut command = alone(command, &self.dir);
        if let Some(target_dir) = &self.target_dir {
            command.env("CARGO_TARGET_DIR", target_dir);
        }
        let outcome: Outcome = command.output().unwrap().into();
        self.printed = self.as_on_the_page(&outcome.stdout);
        self.dir = PathBuf::from(fs::read_to_string(&place).unwrap().trim_end());
        self.prepare();
        let status = outcome.code.unwrap();
        self.ran.extend(commands.lines().map(|line| (line.to_owned(), 0)));
        self.ran.last_mut().unwrap().1 = status;
        status
    }

    fn as_on_the_page(&self, printed: &str) -> String {
        let clone = Path::new(REPOSITORY).canonicalize().unwrap();
        let home = self.home.path().canonicalize().unwrap();
        let clone_on_the_page = format!("{HOME_ON_THE_PAGE}/foldhost");
        printed
            .replace(&*clone.to_string_lossy(), &clone_on_the_page)
            .replace(&*home.to_string_lossy(), HOME_ON_THE_PAGE)
    }

    /// Has a new crate compiled with what is on this machine: the dependencies that this repository has locked, beside the
    /// other tests' new crates.
    fn prepare(&mut self) {
        let target = self.dir.join("target");
        if self.dir.join("Cargo.toml").exists() && !target.exists() {
            fs::copy(format!("{REPOSITORY}/Cargo.lock"), self.dir.join("Cargo.lock")).unwrap();
            fs::create_dir_all(target_dir()).unwrap();
            std::os::unix::fs::symlink(target_dir(), target).unwrap();
            self.made.push(self.dir.clone());
        }
    }
}

impl Drop for Reader {
    /// Takes what was compiled of new crates out of the shared directory: the next run has them under another path.
    fn drop(&mut self) {
        for dir in &self.made {
            let mut clean = Command::new("cargo");
            clean.args(["clean", "--quiet", "--package"]).arg(dir.file_name().unwrap_or_default());
            drop(alone(clean, dir).env("CARGO_TARGET_DIR", target_dir()).output());
        }
    }
}

/// The environment's, and a directory before it.
fn path_with(dir: &Path) -> OsString {
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(dir.to_owned()).chain(std::env::split_paths(&others))).unwrap()
}
