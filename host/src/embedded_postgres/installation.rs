//! Finds the PostgreSQL installations of this machine.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::EmbeddedPostgresError;
use super::server_user::ServerUser;

/// The event store needs lz4 compression of columns, which came with this version.
pub(super) const OLDEST_MAJOR: u32 = 14;

/// Where packages put PostgreSQL's programs. `*` stands for any one name, or part of one.
const WELL_KNOWN: [&str; 6] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib/postgresql*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// Where to look for a PostgreSQL server. The newest one found is used, whatever place it was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSearch {
    /// `PG_BIN_DIR`: when set, no other place is searched.
    pub pg_bin_dir: Option<PathBuf>,
    /// The directories of packages; one component of each may hold a `*`.
    pub well_known: Vec<PathBuf>,
    /// `PATH`, searched for `pg_config` and for the server's programs themselves.
    pub path: Option<OsString>,
}

impl ServerSearch {
    /// The places that this machine's packages use, with `PG_BIN_DIR` and `PATH` of this process.
    pub fn from_env() -> Self {
        Self {
            pg_bin_dir: env::var_os("PG_BIN_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from),
            well_known: WELL_KNOWN.iter().map(PathBuf::from).collect(),
            path: env::var_os("PATH"),
        }
    }

    /// Every directory that may hold a server's programs, in the order of the search.
    fn candidates(&self, user: &ServerUser) -> Vec<PathBuf> {
        let mut dirs: Vec<PathBuf> = self.well_known.iter().flat_map(|pattern| expand(pattern)).collect();
        let on_path: Vec<PathBuf> =
            self.path.iter().flat_map(env::split_paths).filter(|dir| dir.is_absolute()).collect();
        dirs.extend(on_path.iter().filter_map(|dir| bin_dir_of(&dir.join("pg_config"), user)));
        dirs.extend(on_path);
        dirs
    }
}

/// A PostgreSQL server's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installation {
    pub(super) bin_dir: PathBuf,
    /// As the server names it, `15.18` or `18beta1`.
    pub(super) version: String,
    major: u32,
    minor: u32,
}

impl Installation {
    /// The newest installation that can serve the data: of the data's own major version, where there are data.
    pub(super) fn find(
        bin_dir: Option<&Path>,
        search: &ServerSearch,
        user: &ServerUser,
        data: Option<(&Path, u32)>,
    ) -> Result<Self, EmbeddedPostgresError> {
        let mut found = match bin_dir.or(search.pg_bin_dir.as_deref()) {
            Some(dir) => vec![
                Self::probe(dir, user)
                    .map_err(|reason| EmbeddedPostgresError::NoServerIn { bin_dir: dir.to_owned(), reason })?,
            ],
            None => search.candidates(user).iter().filter_map(|dir| Self::probe(dir, user).ok()).collect(),
        };
        found.sort_by_key(|one| (one.major, one.minor));
        let Some(newest) = found.last().cloned() else { return Err(EmbeddedPostgresError::NoServer) };
        if newest.major < OLDEST_MAJOR {
            return Err(EmbeddedPostgresError::ServerTooOld { bin_dir: newest.bin_dir, version: newest.version });
        }
        let Some((data_dir, data_major)) = data else { return Ok(newest) };
        // A newer package beside the old one must not take over: it cannot read the old one's files.
        found.iter().rev().find(|one| one.major == data_major).cloned().ok_or_else(|| {
            found.dedup_by_key(|one| one.major);
            let versions: Vec<&str> = found.iter().map(|one| one.version.as_str()).collect();
            EmbeddedPostgresError::VersionMismatch {
                data_dir: data_dir.to_owned(),
                data_major,
                found: versions.join(", "),
            }
        })
    }

    /// Asks the programs in a directory for their version, as the user that will run them.
    fn probe(dir: &Path, user: &ServerUser) -> Result<Self, String> {
        if !dir.join("initdb").is_file() {
            return Err("initdb is missing".to_owned());
        }
        let dir = dir.canonicalize().map_err(|error| error.to_string())?;
        let output = user.command(&dir.join("postgres")).arg("--version").output();
        let output = output.map_err(|error| format!("user {} cannot run postgres: {error}", user.name))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split_whitespace().nth(2).unwrap_or_default().to_owned();
        let mut numbers = version.split('.').map(leading_number);
        match numbers.next().flatten() {
            Some(major) => Ok(Self { bin_dir: dir, major, minor: numbers.next().flatten().unwrap_or(0), version }),
            None => Err("postgres --version names no version".to_owned()),
        }
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }
}

/// The number that a text begins with: 18 for `18beta1`.
fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// The directories that a pattern with one `*` stands for.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let Some(at) = pattern.iter().position(|part| part.to_string_lossy().contains('*')) else {
        return vec![pattern.to_owned()];
    };
    let parent: PathBuf = pattern.iter().take(at).collect();
    let rest: PathBuf = pattern.iter().skip(at + 1).collect();
    let wild = pattern.iter().nth(at).unwrap_or_default().to_string_lossy();
    let (before, after) = wild.split_once('*').unwrap_or((&wild, ""));
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let names = entries.filter_map(Result::ok).filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.strip_prefix(before).is_some_and(|rest| rest.ends_with(after))
    });
    names.map(|entry| entry.path().join(&rest)).collect()
}

/// What `pg_config --bindir` says.
fn bin_dir_of(pg_config: &Path, user: &ServerUser) -> Option<PathBuf> {
    if !pg_config.is_file() {
        return None;
    }
    let output = user.command(pg_config).arg("--bindir").output().ok().filter(|output| output.status.success())?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim_end()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    /// A program that says one line. A shell writes it: a descriptor of ours would be open in what other tests fork at
    /// this moment, and a file that is open for writing is not executed ("Text file busy").
    fn write_program(path: &Path, says: &str) {
        let write = "printf '#!/bin/sh\\necho \"%s\"\\n' \"$1\" > \"$0\" && chmod 755 \"$0\"";
        let status = Command::new("sh").args(["-c", write]).arg(path).arg(says).status().unwrap();
        assert!(status.success());
    }

    /// A directory with programs that only tell their version.
    fn install(root: &Path, place: &str, version: &str) -> PathBuf {
        let bin = root.join(place);
        fs::create_dir_all(&bin).unwrap();
        for program in ["postgres", "initdb"] {
            write_program(&bin.join(program), &format!("postgres (PostgreSQL) {version}"));
        }
        bin.canonicalize().unwrap()
    }

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        root
    }

    fn search(root: &Path) -> ServerSearch {
        ServerSearch { pg_bin_dir: None, well_known: vec![root.join("pg*/bin")], path: None }
    }

    fn find(search: &ServerSearch, data: Option<u32>) -> Result<Installation, EmbeddedPostgresError> {
        let user = ServerUser::choose(Path::new("/nowhere")).unwrap();
        Installation::find(None, search, &user, data.map(|major| (Path::new("/data"), major)))
    }

    #[test]
    fn the_newest_installation_is_found_by_number_not_by_name() {
        let root = root();
        install(root.path(), "pg9/bin", "9.6.24");
        install(root.path(), "pg15/bin", "15.9");
        let newest = install(root.path(), "pg-a/bin", "15.18 (Debian)");
        let found = find(&search(root.path()), None).unwrap();
        assert_eq!((found.bin_dir, found.version.as_str()), (newest, "15.18"));
    }

    #[test]
    fn pg_bin_dir_wins_over_a_newer_installation() {
        let root = root();
        install(root.path(), "pg18/bin", "18beta1");
        let named = install(root.path(), "named", "16.2");
        let search = ServerSearch { pg_bin_dir: Some(named.clone()), ..search(root.path()) };
        assert_eq!(find(&search, None).unwrap().bin_dir, named);
    }

    #[test]
    fn pg_bin_dir_without_a_server_is_an_error_even_with_another_one_installed() {
        let root = root();
        install(root.path(), "pg18/bin", "18.0");
        let search = ServerSearch { pg_bin_dir: Some(root.path().join("empty")), ..search(root.path()) };
        assert!(matches!(find(&search, None), Err(EmbeddedPostgresError::NoServerIn { .. })));
    }

    #[test]
    fn a_server_on_the_path_or_behind_pg_config_is_found() {
        let root = root();
        let hidden = install(root.path(), "hidden", "17.1");
        let on_path = root.path().join("path");
        fs::create_dir(&on_path).unwrap();
        let pg_config = on_path.join("pg_config");
        write_program(&pg_config, hidden.to_str().unwrap());
        let through = |path: &Path| ServerSearch { path: Some(path.into()), ..search(root.path()) };
        assert_eq!(find(&through(&on_path), None).unwrap().bin_dir, hidden);
        assert_eq!(find(&through(&hidden), None).unwrap().bin_dir, hidden);
    }

    #[test]
    fn data_are_served_by_their_own_major_version() {
        let root = root();
        let old = install(root.path(), "pg15/bin", "15.18");
        install(root.path(), "pg17/bin", "17.2");
        assert_eq!(find(&search(root.path()), Some(15)).unwrap().bin_dir, old);
        let error = find(&search(root.path()), Some(16)).unwrap_err().to_string();
        assert!(error.contains("PostgreSQL 16") && error.contains("15.18, 17.2"), "{error}");
    }

    #[test]
    fn a_server_that_is_too_old_is_refused() {
        let root = root();
        install(root.path(), "pg9/bin", "9.6.24");
        assert!(matches!(find(&search(root.path()), None), Err(EmbeddedPostgresError::ServerTooOld { .. })));
    }

    #[test]
    fn nothing_found_names_the_packages() {
        let error = find(&search(Path::new("/nowhere")), None).unwrap_err().to_string();
        for words in ["apt-get install postgresql", "dnf install postgresql-server", "brew install", "--database-url"] {
            assert!(error.contains(words), "{error}");
        }
    }
}
