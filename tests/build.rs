//! From a crate to a component: `foldhost::build`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use foldhost::build::{BuildError, BuildOptions, BuiltComponent, build, componentize};
use foldhost::{ComponentReducer, GuestEngine, Limits, Reducer};
use tempfile::TempDir;

fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests").join(name)
}

/// Builds a guest of this workspace into a file of its own.
fn build_guest(name: &str, dir: &TempDir) -> BuiltComponent {
    let out = dir.path().join(format!("below/{name}.wasm"));
    build(&BuildOptions { out: Some(out), ..BuildOptions::new(guest(name)) }).unwrap()
}

/// A crate with this manifest, apart from every workspace, and this code.
fn crate_with(manifest: &str, code: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(dir.path().join("src")).unwrap();
    fs::write(dir.path().join("src/lib.rs"), code).unwrap();
    dir
}

fn package(name: &str, lib: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\n{lib}\n[workspace]\n")
}

fn refusal(dir: &Path) -> (BuildError, String) {
    let error = build(&BuildOptions::new(dir)).unwrap_err();
    let message = error.to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    (error, message)
}

#[test]
fn a_guest_builds_to_a_component_that_the_gate_lets_in() {
    let dir = tempfile::tempdir().unwrap();
    let built = build_guest("order", &dir);
    assert_eq!(built.package, "order");
    assert_eq!(fs::read(&built.path).unwrap(), built.component);
    let engine = GuestEngine::new(&Limits::default()).unwrap();
    let reducer = ComponentReducer::load(&engine, &built.component).unwrap();
    assert_eq!(reducer.digest(), built.digest);
    assert_eq!(reducer.descriptor().name, "order");
    assert_eq!(reducer.descriptor().commands, ["PlaceOrder", "AddItem", "CancelOrder", "ShipOrder"]);
}

#[test]
fn a_crate_that_is_compiled_anew_has_the_same_bytes() {
    let code = "#[unsafe(no_mangle)] pub extern \"C\" fn twice(n: i32) -> i32 { n.wrapping_mul(2) }";
    let dir = crate_with(&package("twice", "crate-type = [\"cdylib\"]"), code);
    let first = build(&BuildOptions::new(dir.path())).unwrap();
    fs::remove_dir_all(dir.path().join("target")).unwrap();
    let second = build(&BuildOptions::new(dir.path())).unwrap();
    assert_eq!(first, second);
}

#[test]
fn a_component_names_its_functions_and_carries_no_debug_sections() {
    let dir = tempfile::tempdir().unwrap();
    let component = build_guest("counter", &dir).component;
    let has = |needle: &[u8]| component.windows(needle.len()).any(|window| window == needle);
    // As a mangled name begins with its crate.
    assert!(has(b"7counter"), "a trap could not be told by its function");
    assert!(!has(b".debug_"));
}

#[test]
fn a_component_is_written_next_to_cargos_target_directory_unless_told_otherwise() {
    let built = build(&BuildOptions::new(guest("counter"))).unwrap();
    assert!(built.path.ends_with("foldhost/counter.wasm"), "{}", built.path.display());
    assert_eq!(fs::read(&built.path).unwrap(), built.component);
}

#[test]
fn a_crate_without_a_cdylib_is_refused_with_the_line_to_add() {
    let dir = crate_with(&package("plain", ""), "");
    let (error, message) = refusal(dir.path());
    assert!(matches!(error, BuildError::NoCdylib { .. }), "{error:?}");
    assert!(message.contains(r#"add crate-type = ["cdylib", "rlib"] to [lib]"#), "{message}");
}

#[test]
fn a_directory_without_a_manifest_is_no_crate_even_below_one() {
    let (error, message) = refusal(&guest("order").join("src"));
    assert!(matches!(error, BuildError::NotACrate { .. }), "{error:?}");
    assert!(message.contains("holds the reducer's Cargo.toml"), "{message}");
}

#[test]
fn a_manifest_that_cannot_be_read_is_told_in_one_line() {
    let dir = crate_with("[package]\nname = 3\n", "");
    let (error, message) = refusal(dir.path());
    assert!(matches!(error, BuildError::Manifest { .. }), "{error:?}");
    assert!(message.contains("name"), "{message}");
}

#[test]
fn a_workspace_of_several_packages_is_refused_with_their_names() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"cart\", \"invoice\"]\n")
        .unwrap();
    for name in ["cart", "invoice"] {
        let member = crate_with(&package(name, "crate-type = [\"cdylib\"]").replace("[workspace]\n", ""), "");
        fs::rename(member.keep(), dir.path().join(name)).unwrap();
    }
    let (error, message) = refusal(dir.path());
    assert!(matches!(error, BuildError::SeveralPackages { .. }), "{error:?}");
    assert!(message.contains("cart, invoice"), "{message}");
    let unknown = BuildOptions { package: Some("order".into()), ..BuildOptions::new(dir.path()) };
    assert!(matches!(build(&unknown).unwrap_err(), BuildError::UnknownPackage { .. }));
}

#[test]
fn a_crate_that_does_not_compile_leaves_no_component() {
    let dir = crate_with(&package("broken", "crate-type = [\"cdylib\"]"), "fn f() -> u8 { \"text\" }");
    let (error, _) = refusal(dir.path());
    assert!(matches!(error, BuildError::Compile { .. }), "{error:?}");
    assert!(!dir.path().join("target/foldhost/broken.wasm").exists());
}

#[test]
fn a_module_that_imports_something_is_refused_with_its_name() {
    let code = "#[link(wasm_import_module = \"clock\")] unsafe extern \"C\" { fn now() -> i64; }\n\
                #[unsafe(no_mangle)] pub extern \"C\" fn tick() -> i64 { unsafe { now() } }";
    let dir = crate_with(&package("importing", "crate-type = [\"cdylib\"]"), code);
    let (error, message) = refusal(dir.path());
    assert!(matches!(error, BuildError::Component { .. }), "{error:?}");
    assert!(message.contains("clock"), "{message}");
}

#[test]
fn bytes_that_are_no_module_do_not_become_a_component() {
    for bytes in [&b""[..], b"not wasm", b"\0asm\x01\0\0\0\xff"] {
        assert!(matches!(componentize(bytes), Err(BuildError::Component { .. })), "{bytes:?}");
    }
}
