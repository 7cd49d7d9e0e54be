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
    let replies = ["PaymentAnswered", "ExpirePayment"];
    let commands = [&["PlaceOrder", "AddItem", "CancelOrder", "ShipOrder"][..], &replies].concat();
    assert_eq!(reducer.descriptor().commands, commands);
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
fn features_make_another_component_in_the_file_of_its_package() {
    let code = "#[unsafe(no_mangle)] pub extern \"C\" fn chosen() -> i32 {
        cfg!(feature = \"one\") as i32 + 2 * cfg!(feature = \"two\") as i32
    }";
    let manifest = package("choosing", "crate-type = [\"cdylib\"]") + "[features]\none = []\ntwo = []\n";
    let dir = crate_with(&manifest, code);
    let with = |features: &[&str]| {
        let features = features.iter().map(|&feature| feature.to_owned()).collect();
        build(&BuildOptions { features, ..BuildOptions::new(dir.path()) }).unwrap()
    };
    let plain = with(&[]);
    let variants = [&["one"][..], &["two"], &["one", "two"]].map(with);
    for (place, variant) in variants.iter().enumerate() {
        assert_eq!(variant.path, plain.path);
        let others = variants.iter().skip(place + 1).chain([&plain]);
        assert!(others.into_iter().all(|other| other.digest != variant.digest), "variant {place}");
    }
    // The one that was built first is not what a later one left behind.
    assert_eq!(with(&[]), plain);
    assert_eq!(fs::read(&plain.path).unwrap(), plain.component);
    let unknown = BuildOptions { features: vec!["three".into()], ..BuildOptions::new(dir.path()) };
    assert!(matches!(build(&unknown).unwrap_err(), BuildError::Compile { .. }));
}

fn has(component: &[u8], text: &str) -> bool {
    component.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_component_names_its_functions_as_the_source_does_and_carries_no_debug_sections() {
    let dir = tempfile::tempdir().unwrap();
    let component = build_guest("counter", &dir).component;
    assert!(
        has(&component, "<counter::Counter as foldhost_sdk::reducer::Reducer>::decide"),
        "a trap would name no function"
    );
    for mangled in ["_ZN", "17h", "_RNv", ".debug_"] {
        assert!(!has(&component, mangled), "{mangled}");
    }
}

#[test]
fn with_debug_info_a_component_keeps_its_line_tables_in_a_file_of_its_own() {
    let built = build(&BuildOptions { debug_info: true, ..BuildOptions::new(guest("counter")) }).unwrap();
    assert!(built.path.ends_with("foldhost/counter.debug.wasm"), "{}", built.path.display());
    for section in [".debug_line", ".debug_info", ".debug_abbrev"] {
        assert!(has(&built.component, section), "{section}");
    }
    let engine = GuestEngine::new(&Limits::default()).unwrap();
    assert_eq!(ComponentReducer::load(&engine, &built.component).unwrap().descriptor().name, "counter");
}

/// Every snapshot and each cold start pays for bytes that nobody needs.
#[test]
fn the_order_guest_is_smaller_than_195_kb_with_all_of_its_names() {
    let dir = tempfile::tempdir().unwrap();
    let component = build_guest("order", &dir).component;
    assert!(has(&component, "order::rules::"));
    assert!(component.len() < 195_000, "{} bytes", component.len());
}

/// A reducer in a directory of its own, with a rule that panics.
fn panicking_crate(dir: &Path) {
    let sdk = guest("sdk").canonicalize().unwrap();
    let manifest = package("panicking", "crate-type = [\"cdylib\"]");
    let dependencies = format!(
        "[dependencies]\nfoldhost-sdk = {{ path = {sdk:?} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n"
    );
    let lib = fs::read_to_string(guest("counter").join("src/lib.rs")).unwrap();
    let (rules, _tests) = lib.split_once("#[cfg(test)]").unwrap();
    let rules =
        rules.replace("state.value += by", "state.value = state.value.checked_add(by).expect(\"a sum that fits\")");
    assert!(rules.contains("a sum that fits"));
    fs::create_dir_all(dir.join("src")).unwrap();
    fs::write(dir.join("Cargo.toml"), manifest + &dependencies).unwrap();
    fs::write(dir.join("src/lib.rs"), rules).unwrap();
    fs::copy(guest("../Cargo.lock"), dir.join("Cargo.lock")).unwrap();
    // Kept between runs, and one for both: most of the time goes into the SDK's dependencies.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panicking");
    fs::create_dir_all(dir.join(".cargo")).unwrap();
    fs::write(dir.join(".cargo/config.toml"), format!("[build]\ntarget-dir = {target:?}\n[net]\noffline = true\n"))
        .unwrap();
}

#[test]
fn a_component_does_not_depend_on_where_it_was_built_and_does_not_tell() {
    let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join("here");
    let there = Path::new(env!("CARGO_TARGET_TMPDIR")).join("somewhere/else/there");
    let home = std::env::var("HOME").unwrap();
    for debug_info in [false, true] {
        let built = [&here, &there].map(|dir| {
            panicking_crate(dir);
            build(&BuildOptions { debug_info, ..BuildOptions::new(dir) }).unwrap()
        });
        assert_eq!(built[0].digest, built[1].digest, "with debug info: {debug_info}");
        let component = &built[0].component;
        assert!(has(component, "src/lib.rs"), "a panic could not be told by its file");
        let repository = guest("..").canonicalize().unwrap();
        for place in [here.to_str().unwrap(), repository.to_str().unwrap(), &home, "/.cargo/", "/rustlib/"] {
            assert!(!has(component, place), "{place}, with debug info: {debug_info}");
        }
    }
}

#[test]
fn flags_that_a_crate_configures_for_the_target_are_kept() {
    let code = "#[cfg(not(special))] compile_error!(\"the flag is missing\");";
    let dir = crate_with(&package("configured", "crate-type = [\"cdylib\"]"), code);
    fs::create_dir(dir.path().join(".cargo")).unwrap();
    let config = "[target.wasm32-unknown-unknown]\nrustflags = [\"--cfg\", \"special\"]\n";
    fs::write(dir.path().join(".cargo/config.toml"), config).unwrap();
    build(&BuildOptions::new(dir.path())).unwrap();
}

#[test]
fn a_locked_build_refuses_to_write_the_lock_file() {
    let dir = crate_with(&package("locked", "crate-type = [\"cdylib\"]"), "");
    let locked = BuildOptions { locked: true, ..BuildOptions::new(dir.path()) };
    assert!(build(&locked).unwrap_err().to_string().contains("--locked"));
    assert!(!dir.path().join("Cargo.lock").exists());
    build(&BuildOptions::new(dir.path())).unwrap();
    build(&locked).unwrap();
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
fn a_module_that_imports_something_is_refused_with_every_name_and_a_mend_for_each_kind() {
    let import = |module: &str, name: &str| {
        format!("#[link(wasm_import_module = \"{module}\")] unsafe extern \"C\" {{ fn {name}() -> i64; }}\n")
    };
    let imports = [
        ("__wbindgen_placeholder__", "date_now"),
        ("__wbindgen_placeholder__", "get_random_values"),
        ("wasi_snapshot_preview1", "clock_time_get"),
        ("env", "from_c"),
        ("clock", "now"),
    ];
    let code = imports.map(|(module, name)| import(module, name)).concat();
    let sum = imports.map(|(_, name)| format!("{name}()")).join(" + ");
    let code = format!("{code}#[unsafe(no_mangle)] pub extern \"C\" fn all() -> i64 {{ unsafe {{ {sum} }} }}");
    let dir = crate_with(&package("importing", "crate-type = [\"cdylib\"]"), &code);
    let (error, message) = refusal(dir.path());
    assert!(matches!(error, BuildError::Imports { .. }), "{error:?}");
    for (module, name) in imports {
        assert!(message.contains(module) && message.contains(name), "{module} {name}: {message}");
    }
    for mend in ["expects JavaScript", "expects files, clocks", "is C code", "`extern` block"] {
        assert_eq!(message.matches(mend).count(), 1, "{mend}: {message}");
    }
}

#[test]
fn bytes_that_are_no_module_do_not_become_a_component() {
    for bytes in [&b""[..], b"not wasm", b"\0asm\x01\0\0\0\xff"] {
        assert!(matches!(componentize(bytes), Err(BuildError::Component { .. })), "{bytes:?}");
    }
}
