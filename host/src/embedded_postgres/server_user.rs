//! Whom the server runs as: PostgreSQL refuses root.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Gid, Uid, User};

use super::EmbeddedPostgresError;

/// Passed on to PostgreSQL's programs; everything else is kept from them. A `PGPORT` or `LC_MESSAGES` of the user's
/// shell changes what they do and what they say.
const KEPT_VARIABLES: [&str; 5] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TZ"];

/// The user that PostgreSQL's programs run as: ourselves or, when we are root, someone else.
#[derive(Debug, Clone)]
pub(super) struct ServerUser {
    pub(super) name: String,
    uid: Uid,
    gid: Gid,
    /// We are root and give up its rights for the server.
    dropped: bool,
}

impl ServerUser {
    /// Ourselves; for root the owner of the database, or else `postgres`, or else `nobody`.
    pub(super) fn choose(pgdata: &Path) -> Result<Self, EmbeddedPostgresError> {
        let euid = Uid::effective();
        let owner = fs::metadata(pgdata).ok().map(|data| (Uid::from_raw(data.uid()), Gid::from_raw(data.gid())));
        if !euid.is_root() {
            if let Some((uid, _)) = owner.filter(|(uid, _)| *uid != euid) {
                let data_dir = pgdata.parent().unwrap_or(pgdata).to_owned();
                return Err(EmbeddedPostgresError::OwnedByAnother { data_dir, owner: name_of(uid) });
            }
            return Ok(Self { name: name_of(euid), uid: euid, gid: Gid::effective(), dropped: false });
        }
        if let Some((uid, gid)) = owner.filter(|(uid, _)| !uid.is_root()) {
            return Ok(Self { name: name_of(uid), uid, gid, dropped: true });
        }
        let users = ["postgres", "nobody"].into_iter().filter_map(|name| User::from_name(name).ok().flatten());
        let user = users.into_iter().find(|user| !user.uid.is_root()).ok_or(EmbeddedPostgresError::NoServerUser)?;
        Ok(Self { name: user.name, uid: user.uid, gid: user.gid, dropped: true })
    }

    /// Whether root's rights are given up for the server.
    pub(super) fn is_dropped(&self) -> bool {
        self.dropped
    }

    pub(super) fn uid(&self) -> u32 {
        self.uid.as_raw()
    }

    /// A program that runs as this user, in no directory of ours, with a small environment and the C locale.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // The host's own working directory may be closed to the user, and PostgreSQL asks for its name.
        command.current_dir("/").stdin(Stdio::null()).env_clear().env("LC_ALL", "C");
        command.envs(KEPT_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        if self.dropped {
            command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
        }
        command
    }

    /// Gives a file or directory to this user.
    pub(super) fn own(&self, path: &Path) -> Result<(), EmbeddedPostgresError> {
        if !self.dropped {
            return Ok(());
        }
        chown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw()))
            .map_err(|source| EmbeddedPostgresError::io("change the owner of", path, source))
    }

    /// Gives a database that root copied here, and everything in it, to this user.
    pub(super) fn own_all(&self, pgdata: &Path) -> Result<(), EmbeddedPostgresError> {
        let of_root = fs::metadata(pgdata).is_ok_and(|data| Uid::from_raw(data.uid()).is_root());
        if !self.dropped || !of_root {
            return Ok(());
        }
        own_tree(pgdata, self.uid.as_raw(), self.gid.as_raw())
            .map_err(|source| EmbeddedPostgresError::io("change the owner of", pgdata, source))
    }

    /// The first directory on the way to `dir`, itself included, that this user may not enter.
    ///
    /// It is tried, not computed from the permission bits, which know nothing of access lists.
    pub(super) fn closed_on_the_way(&self, dir: &Path) -> Option<PathBuf> {
        if self.can_enter(dir) {
            return None;
        }
        let mut way: Vec<&Path> = dir.ancestors().collect();
        way.reverse();
        way.into_iter().find(|one| !self.can_enter(one)).map(Path::to_owned)
    }

    fn can_enter(&self, dir: &Path) -> bool {
        let status = self.command(Path::new("/bin/sh")).args(["-c", ":"]).current_dir(dir).status();
        !status.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    }
}

fn own_tree(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    lchown(path, Some(uid), Some(gid))?;
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            own_tree(&entry?.path(), uid, gid)?;
        }
    }
    Ok(())
}

fn name_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("uid {uid}"), |user| user.name)
}
