//! Compiled code on disk, so that a restart does not compile again.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::PathBuf;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::engine::GuestEngineError;
use crate::reducer::ReducerDigest;

/// A private directory of compiled components, under their digest and the engine's compatibility hash.
#[derive(Clone, Debug)]
pub(super) struct CodeCache {
    directory: PathBuf,
    compatibility: u64,
}

impl CodeCache {
    pub(super) fn open(directory: PathBuf, engine: &Engine) -> Result<Self, GuestEngineError> {
        let refuse = |reason: String| GuestEngineError::Cache { path: directory.clone(), reason };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|error| refuse(error.to_string()))?;
        let found = fs::metadata(&directory).map_err(|error| refuse(error.to_string()))?;
        // What is loaded from here runs as native code in this process.
        if found.mode() & 0o022 != 0 || found.uid() != nix::unistd::Uid::effective().as_raw() {
            return Err(refuse("it has to belong to this user, and nobody else may write to it".into()));
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { directory, compatibility: hasher.finish() })
    }

    fn path(&self, digest: ReducerDigest) -> PathBuf {
        self.directory.join(format!("{digest}-{:016x}.cwasm", self.compatibility))
    }

    /// The compiled component, or none when it is not there or does not load.
    pub(super) fn load(&self, engine: &Engine, digest: ReducerDigest) -> Option<Component> {
        let path = self.path(digest);
        if !path.exists() {
            return None;
        }
        // SAFETY: the file was written by `save` of this or an equal engine: the directory belongs to this user and is
        // writable by nobody else (checked when it was opened), files appear there whole by a rename, and wasmtime compares
        // its version and configuration before it uses any of it.
        #[expect(unsafe_code, reason = "compiled code is trusted as far as the directory it lies in")]
        let loaded = unsafe { Component::deserialize_file(engine, &path) };
        loaded
            .inspect_err(|error| tracing::warn!(%error, path = %path.display(), "compiled code is compiled anew"))
            .ok()
    }

    /// Keeps compiled code. Failing is no fault: the next start compiles again.
    pub(super) fn save(&self, digest: ReducerDigest, component: &Component) {
        let path = self.path(digest);
        let written = component.serialize().map_err(|error| error.to_string()).and_then(|code| {
            // Under a temporary name and renamed: a crash in the middle once left half a file that was loaded as code.
            let temporary = self.directory.join(format!(".{}.{digest}", uuid::Uuid::now_v7()));
            fs::File::create_new(&temporary)
                .and_then(|mut file| file.write_all(&code).and_then(|()| file.sync_all()))
                .and_then(|()| fs::rename(&temporary, &path))
                .inspect_err(|_| drop(fs::remove_file(&temporary)))
                .map_err(|error| error.to_string())
        });
        if let Err(error) = written {
            tracing::warn!(error, path = %path.display(), "compiled code is not kept");
        }
    }
}
