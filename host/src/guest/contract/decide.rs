//! `decide`, whose answer is another type wherever a version knows more kinds of effects.

use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, Instance, ResourceAny, TypedFunc};

use super::types::{Context, DecideError, Decision, Effect, WireCommand};
use super::{Finder, Version, v1_0, v1_2};
use crate::guest::instance::Sandbox;

const NAME: &str = "[method]aggregate.decide";

type Asked<'a> = (ResourceAny, WireCommand<'a>, Context<'a>);
type Answer<K> = (Result<Decision<K>, DecideError>,);

/// The function of one instance, in the version that its component was built for.
pub(in crate::guest) enum Decide {
    V1_0(TypedFunc<Asked<'static>, Answer<v1_0::EffectKind>>),
    V1_2(TypedFunc<Asked<'static>, Answer<v1_2::EffectKind>>),
}

impl Decide {
    pub(super) fn find(version: Version, finder: &mut Finder<'_>) -> Option<ComponentExportIndex> {
        match version {
            Version::V1_0 | Version::V1_1 => finder.function::<Asked<'static>, Answer<v1_0::EffectKind>>(NAME),
            Version::V1_2 => finder.function::<Asked<'static>, Answer<v1_2::EffectKind>>(NAME),
        }
    }

    pub(super) fn load(
        version: Version,
        found: ComponentExportIndex,
        instance: &Instance,
        store: &mut Store<Sandbox>,
    ) -> wasmtime::Result<Self> {
        Ok(match version {
            Version::V1_0 | Version::V1_1 => Self::V1_0(instance.get_typed_func(store, found)?),
            Version::V1_2 => Self::V1_2(instance.get_typed_func(store, found)?),
        })
    }

    /// The answer as the newest version has it.
    pub(in crate::guest) fn call(
        &self,
        store: &mut Store<Sandbox>,
        asked: Asked<'_>,
    ) -> wasmtime::Result<Answer<v1_2::EffectKind>> {
        match self {
            Self::V1_0(decide) => {
                let (answer,) = decide.call(store, asked)?;
                Ok((answer.map(newest),))
            }
            Self::V1_2(decide) => decide.call(store, asked),
        }
    }
}

fn newest<K: Into<v1_2::EffectKind>>(Decision { events, effects, log }: Decision<K>) -> Decision<v1_2::EffectKind> {
    let effects = effects.into_iter().map(|Effect { kind, reply_to }| Effect { kind: kind.into(), reply_to });
    Decision { events, effects: effects.collect(), log }
}
