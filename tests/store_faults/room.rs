//! A small file system, to be filled.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Names of mounts begin so. One that is older than [`AGE_MAX`] belongs to a test that was killed.
const PREFIX: &str = "foldhost-room-";
const AGE_MAX: Duration = Duration::from_secs(60 * 60);

/// A mounted file system of a few megabytes. It goes when the value is dropped, whoever still has files open there.
pub(crate) struct Room {
    dir: PathBuf,
}

impl Room {
    /// Mounts one that the owner of `like` may write to. Mounting needs root, or CAP_SYS_ADMIN in a container.
    pub(crate) fn mount(megabytes: usize, like: &Path) -> Self {
        remove_left_behind();
        let dir = std::env::temp_dir().join(format!("{PREFIX}{}", uuid::Uuid::now_v7().simple()));
        fs::create_dir(&dir).unwrap();
        let size = format!("size={megabytes}m,mode=700");
        let mounted = run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "foldhost-room"]).arg(&dir));
        if let Err(reason) = mounted {
            fs::remove_dir(&dir).unwrap();
            panic!(
                "no file system of {megabytes} MB can be mounted to be filled ({reason}): run this test as root, in a \
                 container with --cap-add SYS_ADMIN, or leave it out with `--skip disk::`"
            );
        }
        let room = Self { dir };
        let owner = fs::metadata(like).unwrap();
        chown(&room.dir, Some(owner.uid()), Some(owner.gid())).unwrap();
        room
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// A directory in it that is as private, and the same user's.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let (dir, owner) = (self.dir.join(name), fs::metadata(&self.dir).unwrap());
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
        chown(&dir, Some(owner.uid()), Some(owner.gid())).unwrap();
        dir
    }

    /// Fills it up, but for a few bytes.
    pub(crate) fn fill_but(&self, bytes: u64) {
        let mut filler = File::create(self.filler()).unwrap();
        let error = loop {
            if let Err(error) = filler.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        let full = filler.metadata().unwrap().len();
        filler.set_len(full - bytes).unwrap();
    }

    /// Gives back what was filled.
    pub(crate) fn empty(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.dir.join("filler")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        unmount(&self.dir).unwrap();
    }
}

/// Lazily: a server that is still running keeps what it has open, and nobody else finds it any more.
fn unmount(dir: &Path) -> Result<(), String> {
    run(Command::new("umount").arg("-l").arg(dir))?;
    fs::remove_dir(dir).map_err(|error| error.to_string())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

/// Unmounts what tests left that were killed themselves. Another one may be doing the same.
fn remove_left_behind() {
    for entry in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|made| made.elapsed().ok());
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && age.is_some_and(|age| age > AGE_MAX) {
            drop(unmount(&entry.path()));
        }
    }
}
