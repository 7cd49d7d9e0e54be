//! Makes the database cluster with initdb, whole or not at all.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::address::USER;
use super::data_dir::DataDir;
use super::installation::Installation;
use super::process::die_with_this_thread;
use super::server_user::ServerUser;
use super::{Durability, EmbeddedPostgresError};

/// initdb works in a directory of this name beside the final one.
const UNFINISHED: &str = "pg.initdb-";

/// The major version that wrote the cluster, if there is one.
pub(super) fn major_version(dir: &DataDir) -> Result<Option<u32>, EmbeddedPostgresError> {
    let path = dir.pgdata().join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse() {
            Ok(major) => Ok(Some(major)),
            Err(error) => Err(EmbeddedPostgresError::io("read", &path, io::Error::other(error))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EmbeddedPostgresError::io("read", &path, source)),
    }
}

/// Makes the cluster unless it is there, and removes what an initdb that was killed has left.
pub(super) fn ensure(
    dir: &DataDir,
    installation: &Installation,
    user: &ServerUser,
    durability: Durability,
) -> Result<(), EmbeddedPostgresError> {
    remove_unfinished(dir)?;
    let pgdata = dir.pgdata();
    if pgdata.exists() {
        return user.own_all(&pgdata);
    }
    let unfinished = create_unfinished(dir)?;
    let made = user.own(&unfinished).and_then(|()| run_initdb(&unfinished, installation, user, durability));
    let made = made.and_then(|()| {
        fs::rename(&unfinished, &pgdata).map_err(|source| EmbeddedPostgresError::io("create", &pgdata, source))?;
        File::open(dir.path())
            .and_then(|dir| dir.sync_all())
            .map_err(|source| EmbeddedPostgresError::io("sync", dir.path(), source))
    });
    if made.is_err() && unfinished.exists() {
        remove_tree(&unfinished);
    }
    made
}

fn remove_unfinished(dir: &DataDir) -> Result<(), EmbeddedPostgresError> {
    let failed = |source| EmbeddedPostgresError::io("read", dir.path(), source);
    for entry in fs::read_dir(dir.path()).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            remove_tree(&entry.path());
        }
    }
    Ok(())
}

/// Removes an unfinished cluster. One that stays harms nothing: the next start tries again.
fn remove_tree(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::warn!(%error, path = %path.display(), "what initdb left unfinished cannot be removed");
    }
}

/// A new private directory for initdb. A leftover that could not be removed keeps its name, so the names are counted.
fn create_unfinished(dir: &DataDir) -> Result<PathBuf, EmbeddedPostgresError> {
    let mut number = 0_u32;
    loop {
        let path = dir.path().join(format!("{UNFINISHED}{}-{number}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(source) => return Err(EmbeddedPostgresError::io("create", &path, source)),
        }
    }
}

fn run_initdb(
    pgdata: &Path,
    installation: &Installation,
    user: &ServerUser,
    durability: Durability,
) -> Result<(), EmbeddedPostgresError> {
    let program = installation.program("initdb");
    let mut initdb = user.command(&program);
    initdb.arg("-D").arg(pgdata).args(["-U", USER, "-E", "UTF8", "--locale=C", "--data-checksums"]);
    // Who reaches the socket is settled by its directory, which only the server's user and root may enter.
    initdb.args(["--auth-local=trust", "--auth-host=reject", "--no-instructions"]);
    if durability == Durability::OffForTests {
        initdb.arg("--no-sync");
    }
    // It must not go on writing after a killed host, when the next one removes its directory. This thread waits for it.
    die_with_this_thread(&mut initdb);
    let output = initdb.output().map_err(|source| EmbeddedPostgresError::CannotRun { program, source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = super::last_lines(&String::from_utf8_lossy(&output.stderr));
    Err(EmbeddedPostgresError::InitdbFailed { status: output.status, output: said })
}
