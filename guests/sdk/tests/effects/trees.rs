//! Trees that chance built, and what the laws ask of one.

use foldhost_sdk::{DispatchedCommand, Effect, EffectKind, EventStoreOperation, HttpRequest, NewEvent, OwnedPayload};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Any tree, also one that no combinator makes: groups in groups of their own kind, empty ones, and groups of one.
pub(crate) fn trees() -> impl Strategy<Value = Effect> {
    let leaf = (leaf_kinds(), replies()).prop_map(|(kind, reply_to)| Effect { kind, reply_to });
    leaf.prop_recursive(5, 40, 4, |inner| {
        let group = (any::<bool>(), vec(inner, 0..4), replies());
        group.prop_map(|(at_once, children, reply_to)| {
            let group = if at_once { Effect::parallel(children) } else { Effect::sequential(children) };
            Effect { reply_to, ..group }
        })
    })
}

pub(crate) fn forests() -> impl Strategy<Value = Vec<Effect>> {
    vec(trees(), 0..5)
}

fn replies() -> impl Strategy<Value = Option<String>> {
    option::weighted(0.3, "[A-C]{1,2}")
}

fn payloads() -> impl Strategy<Value = OwnedPayload> {
    prop_oneof!["[{}]{0,2}".prop_map(OwnedPayload::Json), vec(any::<u8>(), 0..3).prop_map(OwnedPayload::Binary)]
}

fn leaf_kinds() -> impl Strategy<Value = EffectKind> {
    let text = || "[a-z]{0,2}";
    prop_oneof![
        any::<u64>().prop_map(EffectKind::Delay),
        (text(), text(), payloads()).prop_map(|(stream_id, name, payload)| {
            EffectKind::Dispatch { stream_id, command: DispatchedCommand { name, payload } }
        }),
        (text(), text(), vec((text(), text()), 0..3), vec(any::<u8>(), 0..3))
            .prop_map(|(method, url, headers, body)| EffectKind::Http(HttpRequest { method, url, headers, body })),
        operations().prop_map(EffectKind::EventStore),
        (text(), payloads()).prop_map(|(kind, payload)| EffectKind::Custom { kind, payload }),
    ]
}

fn operations() -> impl Strategy<Value = EventStoreOperation> {
    let stream_id = || "[a-z]{0,2}";
    let events =
        vec((stream_id(), vec(any::<u8>(), 0..3)).prop_map(|(event_type, data)| NewEvent { event_type, data }), 0..3);
    prop_oneof![
        (stream_id(), events).prop_map(|(stream_id, events)| EventStoreOperation::AppendEvents { stream_id, events }),
        (stream_id(), any::<u64>())
            .prop_map(|(stream_id, from_version)| EventStoreOperation::LoadEvents { stream_id, from_version }),
        stream_id().prop_map(|stream_id| EventStoreOperation::SaveSnapshot { stream_id }),
        stream_id().prop_map(|stream_id| EventStoreOperation::LoadSnapshot { stream_id }),
    ]
}

/// The members of a group, of either kind.
pub(crate) fn children(effect: &Effect) -> &[Effect] {
    match &effect.kind {
        EffectKind::Parallel(children) | EffectKind::Sequential(children) => children,
        _ => &[],
    }
}

/// All that is told or done, in the order in which it stands: leaves, and groups with a reply.
pub(crate) fn told_or_done(effects: &[Effect]) -> Vec<Effect> {
    let is_leaf = |effect: &Effect| !matches!(effect.kind, EffectKind::Parallel(_) | EffectKind::Sequential(_));
    let each = effects.iter().flat_map(|effect| {
        let own = (is_leaf(effect) || effect.reply_to.is_some()).then(|| effect.clone());
        own.into_iter().chain(if effect.reply_to.is_some() { vec![] } else { told_or_done(children(effect)) })
    });
    each.collect()
}

/// Each reply of a tree, and its place.
pub(crate) fn replies_of(effect: &Effect) -> Vec<Option<String>> {
    std::iter::once(effect.reply_to.clone()).chain(children(effect).iter().flat_map(replies_of)).collect()
}
