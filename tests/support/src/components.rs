//! The guests of this repository as components, built once a test binary.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use foldhost::build::{BuildOptions, build};
use foldhost::{ComponentReducer, GuestEngine, Limits};

/// A guest and the features that it is built with.
type Variant = (String, Vec<String>);

/// The component of `guests/NAME`.
pub fn component(name: &str) -> Arc<[u8]> {
    component_with(name, &[])
}

/// The component of `guests/NAME`, built with features of its crate.
pub fn component_with(name: &str, features: &[&str]) -> Arc<[u8]> {
    static BUILT: Mutex<Option<HashMap<Variant, Arc<[u8]>>>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap();
    let built = built.get_or_insert_default();
    let features: Vec<_> = features.iter().map(|&feature| feature.to_owned()).collect();
    let make = || {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../guests").join(name);
        let options = BuildOptions { features: features.clone(), ..BuildOptions::new(dir) };
        build(&options).unwrap_or_else(|error| panic!("guests/{name} with {features:?}: {error}")).component.into()
    };
    Arc::clone(built.entry((name.to_owned(), features.clone())).or_insert_with(make))
}

/// The component of `guests/NAME`, compiled under the default limits.
pub fn component_reducer(name: &str) -> ComponentReducer {
    static ENGINE: OnceLock<GuestEngine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| GuestEngine::new(&Limits::default()).unwrap());
    ComponentReducer::load(engine, &component(name)).unwrap()
}
