//! Trees of effects as lists, and back.

use super::{DispatchedCommand, Effect, EffectKind, EventStoreOperation, HttpRequest, OwnedPayload};

/// An effect as an entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatEffect {
    /// What to do.
    pub kind: FlatEffectKind,
    /// As in [`Effect::reply_to`](field@Effect::reply_to).
    pub reply_to: Option<String>,
}

/// What a [`FlatEffect`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlatEffectKind {
    /// As [`EffectKind::Dispatch`].
    Dispatch {
        /// The receiving stream.
        stream_id: String,
        /// The command.
        command: DispatchedCommand,
    },
    /// As [`EffectKind::Http`].
    Http(HttpRequest),
    /// As [`EffectKind::EventStore`].
    EventStore(EventStoreOperation),
    /// As [`EffectKind::Delay`].
    Delay(u64),
    /// As [`EffectKind::Parallel`]: indices of other entries, each smaller than this entry's own.
    Parallel(Vec<u32>),
    /// As [`EffectKind::Sequential`]: indices of other entries, each smaller than this entry's own.
    Sequential(Vec<u32>),
    /// As [`EffectKind::Custom`].
    Custom {
        /// The name under which the embedder registered it.
        kind: String,
        /// Its arguments.
        payload: OwnedPayload,
    },
}

/// How deep `Parallel` and `Sequential` may nest. A tree is dropped and run recursively, so a guest that nests a million
/// deep would otherwise overflow the host's stack.
pub const EFFECT_DEPTH_MAX: usize = 32;

/// Why a list of effects is no forest of trees.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EffectTreeError {
    /// An entry names itself, a later entry, or none at all.
    #[error("effect {parent} names effect {child}; children come before their parent in the list")]
    ChildNotBeforeParent {
        /// Index of the entry.
        parent: u32,
        /// The index that it names.
        child: u32,
    },
    /// Two entries name the same one, or one entry names it twice.
    #[error("effect {parent} names effect {child}, which already has a parent; list it twice to run it twice")]
    ChildShared {
        /// Index of the second entry.
        parent: u32,
        /// The index that both name.
        child: u32,
    },
    /// The nesting exceeds [`EFFECT_DEPTH_MAX`].
    #[error("effect {parent} nests deeper than {EFFECT_DEPTH_MAX} levels; split the work over several commands")]
    TooDeep {
        /// Index of the entry.
        parent: u32,
    },
}

/// Lists trees of effects so that children come before their parent: each index is smaller than the index of the entry that
/// names it. Entries that nobody names are the roots, in the order of `effects`.
pub fn flatten(effects: Vec<Effect>) -> Vec<FlatEffect> {
    let mut list = Vec::with_capacity(effects.len());
    for effect in effects {
        push_flat(effect, &mut list);
    }
    list
}

fn push_flat(effect: Effect, list: &mut Vec<FlatEffect>) -> u32 {
    let kind = match effect.kind {
        EffectKind::Dispatch { stream_id, command } => FlatEffectKind::Dispatch { stream_id, command },
        EffectKind::Http(request) => FlatEffectKind::Http(request),
        EffectKind::EventStore(operation) => FlatEffectKind::EventStore(operation),
        EffectKind::Delay(delay_ms) => FlatEffectKind::Delay(delay_ms),
        EffectKind::Parallel(children) => FlatEffectKind::Parallel(push_children(children, list)),
        EffectKind::Sequential(children) => FlatEffectKind::Sequential(push_children(children, list)),
        EffectKind::Custom { kind, payload } => FlatEffectKind::Custom { kind, payload },
    };
    list.push(FlatEffect { kind, reply_to: effect.reply_to });
    last_index(list)
}

fn push_children(children: Vec<Effect>, list: &mut Vec<FlatEffect>) -> Vec<u32> {
    children.into_iter().map(|child| push_flat(child, list)).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "an entry takes more than a byte, so memory ends before u32 does")]
fn last_index(list: &[FlatEffect]) -> u32 {
    (list.len() - 1) as u32
}

/// Rebuilds the trees from a list: the inverse of [`flatten`]. Any list is safe to pass, a hostile guest's included.
pub fn unflatten(list: Vec<FlatEffect>) -> Result<Vec<Effect>, EffectTreeError> {
    let mut built: Vec<Option<Tree>> = Vec::with_capacity(list.len());
    for (parent, flat) in (0_u32..).zip(list) {
        let mut depth = 1;
        let kind = match flat.kind {
            FlatEffectKind::Dispatch { stream_id, command } => EffectKind::Dispatch { stream_id, command },
            FlatEffectKind::Http(request) => EffectKind::Http(request),
            FlatEffectKind::EventStore(operation) => EffectKind::EventStore(operation),
            FlatEffectKind::Delay(delay_ms) => EffectKind::Delay(delay_ms),
            FlatEffectKind::Parallel(children) => {
                EffectKind::Parallel(take_children(parent, &children, &mut built, &mut depth)?)
            }
            FlatEffectKind::Sequential(children) => {
                EffectKind::Sequential(take_children(parent, &children, &mut built, &mut depth)?)
            }
            FlatEffectKind::Custom { kind, payload } => EffectKind::Custom { kind, payload },
        };
        built.push(Some(Tree { effect: Effect { kind, reply_to: flat.reply_to }, depth }));
    }
    Ok(built.into_iter().flatten().map(|tree| tree.effect).collect())
}

struct Tree {
    effect: Effect,
    depth: usize,
}

fn take_children(
    parent: u32,
    children: &[u32],
    built: &mut [Option<Tree>],
    depth: &mut usize,
) -> Result<Vec<Effect>, EffectTreeError> {
    let taken = children.iter().map(|&child| {
        let slot = built.get_mut(child as usize).ok_or(EffectTreeError::ChildNotBeforeParent { parent, child })?;
        let tree = slot.take().ok_or(EffectTreeError::ChildShared { parent, child })?;
        *depth = (*depth).max(tree.depth + 1);
        if *depth > EFFECT_DEPTH_MAX {
            return Err(EffectTreeError::TooDeep { parent });
        }
        Ok(tree.effect)
    });
    taken.collect()
}
