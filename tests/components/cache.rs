//! Compiled code on disk.

use super::*;

#[test]
fn compiled_code_is_kept_and_compiled_anew_when_it_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("code");
    let engine = || GuestEngine::new(&Limits::default()).unwrap().with_cache(&cache).unwrap();
    let bytes = component("counter");
    let digest = ComponentReducer::load(&engine(), &bytes).unwrap().digest();
    let kept: Vec<_> = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].file_name().unwrap().to_string_lossy().starts_with(&digest.to_string()));
    let whole = std::fs::read(&kept[0]).unwrap();
    std::fs::write(&kept[0], &whole[..whole.len() / 2]).unwrap();
    let again = ComponentReducer::load(&engine(), &bytes).unwrap();
    assert!(again.create(&stream("counter-1")).is_ok());
    assert_eq!(std::fs::read(&kept[0]).unwrap().len(), whole.len(), "and kept again");
}

#[test]
fn a_directory_for_compiled_code_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = GuestEngine::new(&Limits::default()).unwrap().with_cache(directory.path()).unwrap_err();
    assert!(error.to_string().contains("nobody else may write"), "{error}");
}
