//! The contract (wit/reducer.wit) as components export it, in each version that was ever published.
//!
//! A file for each version holds what that version brought. The types are the host's own, in [`types`], and stand for all
//! versions: a component's types are compared by their structure, so nothing but what a version added has to be written again. They
//! are held against the WIT text of every version by the tests, and against each component when it is loaded.

mod convert;
mod decide;
mod finder;
mod types;
mod v1_0;
mod v1_1;
mod v1_2;

pub(super) use convert::{effect_bytes, flat_effect, level};
pub(super) use finder::Finder;
pub(super) use types::{DecideError, EventBatch, LogLine};
pub(super) use v1_1::UpcastEvent;

use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, Instance};

use super::instance::Sandbox;
use crate::reducer::Descriptor;
use decide::Decide;

/// What a guest decided, in the newest version's words.
pub(super) type Decision = types::Decision<v1_2::EffectKind>;

/// The versions of the contract that this host speaks, oldest first. A component is asked in the one that it was built for.
pub const CONTRACT_VERSIONS: &[&str] = &["1.0.0", "1.1.0", "1.2.0"];

/// The interface that a reducer exports, up to its version.
pub(super) const INTERFACE: &str = "foldhost:reducer/reducer";

/// A version of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1_0,
    V1_1,
    V1_2,
}

impl Version {
    /// Newest first: a component that exports several is asked in the newest.
    pub(super) const ALL: [Self; 3] = [Self::V1_2, Self::V1_1, Self::V1_0];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => CONTRACT_VERSIONS[0],
            Self::V1_1 => CONTRACT_VERSIONS[1],
            Self::V1_2 => CONTRACT_VERSIONS[2],
        }
    }

    pub(super) fn interface(self) -> String {
        format!("{INTERFACE}@{}", self.as_str())
    }
}

/// Where one component exports the functions of its contract.
pub(super) struct Contract {
    pub(super) version: Version,
    describe: ComponentExportIndex,
    decide: ComponentExportIndex,
    base: v1_0::Found,
    added: Option<v1_1::Found>,
}

impl Contract {
    /// Looks for every function of `version`, and tells `finder` of all that are missing or of another type.
    pub(super) fn find(version: Version, finder: &mut Finder<'_>) -> Option<Self> {
        finder.resource("aggregate");
        let describe = match version {
            Version::V1_0 => finder.function::<(), (v1_0::Descriptor,)>("describe"),
            Version::V1_1 | Version::V1_2 => finder.function::<(), (v1_1::Descriptor,)>("describe"),
        };
        let decide = Decide::find(version, finder);
        let base = v1_0::Found::find(finder);
        let added = match version {
            Version::V1_0 => None,
            Version::V1_1 | Version::V1_2 => Some(v1_1::Found::find(finder)?),
        };
        Some(Self { version, describe: describe?, decide: decide?, base: base?, added })
    }

    /// The functions of one instance.
    pub(super) fn exports(&self, instance: &Instance, store: &mut Store<Sandbox>) -> wasmtime::Result<Exports> {
        let decide = Decide::load(self.version, self.decide, instance, store)?;
        let base = v1_0::Exports::load(&self.base, instance, store)?;
        let added = self.added.as_ref().map(|found| v1_1::Exports::load(found, instance, store)).transpose()?;
        Ok(Exports { decide, base, added })
    }

    /// Asks an instance what it is.
    pub(super) fn describe(&self, instance: &Instance, store: &mut Store<Sandbox>) -> wasmtime::Result<Descriptor> {
        match self.version {
            Version::V1_0 => {
                let describe = instance.get_typed_func::<(), (v1_0::Descriptor,)>(&mut *store, self.describe)?;
                Ok(describe.call(store, ())?.0.into())
            }
            Version::V1_1 | Version::V1_2 => {
                let describe = instance.get_typed_func::<(), (v1_1::Descriptor,)>(&mut *store, self.describe)?;
                Ok(describe.call(store, ())?.0.into())
            }
        }
    }
}

/// The functions of one instance, ready to be called.
pub(super) struct Exports {
    /// Of the version that the component was built for.
    pub(super) decide: Decide,
    /// What else every version has.
    pub(super) base: v1_0::Exports,
    /// What 1.1.0 added.
    pub(super) added: Option<v1_1::Exports>,
}

/// Functions of one version: where a component has them, and ready to be called.
macro_rules! functions {
    ($($field:ident = $name:literal: $params:ty => $answer:ty;)*) => {
        pub(in crate::guest) struct Found {
            $($field: wasmtime::component::ComponentExportIndex,)*
        }

        impl Found {
            pub(super) fn find(finder: &mut super::Finder<'_>) -> Option<Self> {
                // All of them are looked for before one that is missing ends it.
                $(let $field = finder.function::<$params, ($answer,)>($name);)*
                Some(Self { $($field: $field?,)* })
            }
        }

        pub(in crate::guest) struct Exports {
            $(pub(in crate::guest) $field: wasmtime::component::TypedFunc<$params, ($answer,)>,)*
        }

        impl Exports {
            pub(super) fn load(
                found: &Found,
                instance: &wasmtime::component::Instance,
                store: &mut wasmtime::Store<crate::guest::instance::Sandbox>,
            ) -> wasmtime::Result<Self> {
                Ok(Self { $($field: instance.get_typed_func(&mut *store, found.$field)?,)* })
            }
        }
    };
}
use functions;
