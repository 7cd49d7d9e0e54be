//! The directory that holds the server's socket: private, and with a path short enough for one.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use sha2::{Digest, Sha256};

use super::EmbeddedPostgresError;
use super::address::{PORT, socket_in};
use super::data_dir::{DataDir, is_private_dir};
use super::server_user::ServerUser;

/// The bytes of `sockaddr_un.sun_path`, less the final zero.
const SOCKET_PATH_BYTES_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The socket directory of a server, held until the server has ended.
#[derive(Debug)]
pub(super) struct SocketDir {
    pub(super) path: PathBuf,
    /// It lies outside the data directory and goes with the server.
    is_temporary: bool,
}

impl SocketDir {
    /// Makes `run` in the data directory or, where that path is too long for a socket, a directory below /tmp.
    pub(super) fn create(dir: &DataDir, user: &ServerUser) -> Result<Self, EmbeddedPostgresError> {
        let (path, is_temporary) = place(dir.path(), dir.run());
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(|source| EmbeddedPostgresError::io("create", &path, source))?,
        }
        // Anyone can make a directory of this name in /tmp and wait for our socket in it.
        if !is_private_dir(&path, &[Uid::from_raw(user.uid()), Uid::effective()]) {
            return Err(EmbeddedPostgresError::SocketDirNotOurs { dir: path, user: user.name.clone() });
        }
        user.own(&path)?;
        Ok(Self { path, is_temporary })
    }
}

impl Drop for SocketDir {
    /// Removes what lies outside the data directory. A killed server's socket keeps it there, for the next start to use.
    fn drop(&mut self) {
        if self.is_temporary && fs::remove_dir(&self.path).is_err() {
            tracing::debug!(dir = %self.path.display(), "the socket directory is not empty and stays");
        }
    }
}

/// The socket directory's place, and whether it is the temporary one.
fn place(data_dir: &Path, run: PathBuf) -> (PathBuf, bool) {
    let socket = socket_in(&run, PORT);
    // A name that is no UTF-8 cannot be put into a URL.
    if socket.to_str().is_some_and(|path| path.len() <= SOCKET_PATH_BYTES_MAX) {
        return (run, false);
    }
    let digest = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    (PathBuf::from(format!("/tmp/foldhost-{name}")), true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn place_of(data_dir: &Path) -> (PathBuf, bool) {
        place(data_dir, data_dir.join("run"))
    }

    #[test]
    fn the_longest_path_that_fits_stays_in_the_data_directory() {
        let longest = PathBuf::from("/".to_owned() + &"d".repeat(SOCKET_PATH_BYTES_MAX - "//run/.s.PGSQL.5432".len()));
        let (dir, is_temporary) = place_of(&longest);
        assert_eq!(socket_in(&dir, PORT).as_os_str().len(), SOCKET_PATH_BYTES_MAX);
        assert!(!is_temporary);
        assert!(place_of(Path::new(&(longest.to_str().unwrap().to_owned() + "d"))).1);
    }

    #[test]
    fn long_paths_have_short_directories_of_their_own() {
        let one = place_of(Path::new(&format!("/{}", "d".repeat(200))));
        let other = place_of(Path::new(&format!("/{}", "e".repeat(200))));
        assert!(one.1 && other.1 && one.0 != other.0);
        assert!(socket_in(&one.0, PORT).as_os_str().len() <= SOCKET_PATH_BYTES_MAX);
    }

    #[test]
    fn a_path_that_is_not_utf8_has_a_short_directory() {
        assert!(place_of(Path::new(OsStr::from_bytes(b"/data/\xff"))).1);
    }
}
