//! A private server of the test binary's own. It ends with the process.

use std::path::PathBuf;

use foldhost::embedded_postgres::{Durability, EmbeddedPostgres, EmbeddedPostgresConfig, EmbeddedPostgresError};

use super::SETTINGS;

/// Starts a server in this binary's directory.
pub(super) async fn start(durability: Durability) -> Result<EmbeddedPostgres, String> {
    // Another run of the same binary may hold the first place.
    for place in 0..16 {
        let mut config = EmbeddedPostgresConfig::new(data_dir(durability, place));
        config.durability = durability;
        if durability == Durability::OffForTests {
            config.settings = SETTINGS.map(|(name, value)| (name.into(), value.into())).into();
        }
        match EmbeddedPostgres::start(config).await {
            Ok(server) => return Ok(server),
            Err(EmbeddedPostgresError::AlreadyRunning { .. }) => {}
            Err(error) => return Err(format!("the test server does not start: {error}")),
        }
    }
    Err(format!("all places for a test server in {} are taken", tests_dir().display()))
}

fn data_dir(durability: Durability, place: usize) -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let program = program.file_stem().unwrap().to_string_lossy();
    // Without the hash that cargo appends, which is a new one after most changes: each would leave its directory behind.
    let binary = match program.rsplit_once('-') {
        Some((binary, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => binary,
        _ => &program,
    };
    let kind = match durability {
        Durability::Full => "-durable",
        Durability::OffForTests => "",
    };
    tests_dir().join(format!("{binary}{kind}-{place}"))
}

/// Where the servers of the tests keep their data: below the temporary directory, which the server's user may enter; a
/// checkout in root's home it may not.
pub(crate) fn tests_dir() -> PathBuf {
    let user = std::env::var("USER").unwrap_or_default();
    std::env::temp_dir().join(format!("foldhost-tests-{user}"))
}
