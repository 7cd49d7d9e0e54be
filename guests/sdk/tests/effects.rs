//! Effects as a tree, as a list, and back.

#![allow(clippy::unwrap_used)]

use foldhost_sdk::{
    DispatchedCommand, EFFECT_DEPTH_MAX, Effect, EffectKind, EffectTreeError, EventStoreOperation, FlatEffect,
    FlatEffectKind, HttpRequest, NewEvent, OwnedPayload, flatten, unflatten,
};

fn parallel(children: Vec<Effect>) -> Effect {
    Effect::new(EffectKind::Parallel(children))
}

fn sequential(children: Vec<Effect>) -> Effect {
    Effect::new(EffectKind::Sequential(children))
}

fn event_store(operation: EventStoreOperation) -> Effect {
    Effect::new(EffectKind::EventStore(operation))
}

fn one_of_each() -> Vec<Effect> {
    let payload = OwnedPayload::Json("{}".into());
    let dispatch = EffectKind::Dispatch {
        stream_id: "stock-1".into(),
        command: DispatchedCommand { name: "Reserve".into(), payload },
    };
    let http = EffectKind::Http(HttpRequest {
        method: "POST".into(),
        url: "https://example.com/pay".into(),
        headers: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
        body: vec![1, 2],
    });
    let events = vec![NewEvent { event_type: "Noted.v1".into(), data: vec![3] }];
    vec![
        Effect::delay(5),
        sequential(vec![
            Effect::new(dispatch).reply_to("Reserved"),
            parallel(vec![Effect::new(http), Effect::delay(7), parallel(vec![])]).reply_to("Paid"),
            event_store(EventStoreOperation::AppendEvents { stream_id: "note-1".into(), events }),
        ]),
        event_store(EventStoreOperation::LoadEvents { stream_id: "note-1".into(), from_version: 4 }),
        event_store(EventStoreOperation::SaveSnapshot { stream_id: "note-1".into() }),
        event_store(EventStoreOperation::LoadSnapshot { stream_id: "note-1".into() }),
    ]
}

fn children(effect: &FlatEffect) -> &[u32] {
    match &effect.kind {
        FlatEffectKind::Parallel(children) | FlatEffectKind::Sequential(children) => children,
        _ => &[],
    }
}

#[test]
fn trees_come_back_as_they_were() {
    assert_eq!(unflatten(flatten(one_of_each())), Ok(one_of_each()));
    assert_eq!(unflatten(flatten(vec![])), Ok(vec![]));
}

#[test]
fn children_come_before_their_parent_and_in_their_order() {
    let list = flatten(one_of_each());
    assert_eq!(list.len(), 11);
    for (index, effect) in list.iter().enumerate() {
        assert!(children(effect).iter().all(|&child| (child as usize) < index), "{index}: {effect:?}");
    }
    let sequence = list.iter().find(|effect| matches!(effect.kind, FlatEffectKind::Sequential(_))).unwrap();
    let kinds: Vec<_> = children(sequence).iter().map(|&child| &list[child as usize].kind).collect();
    assert!(
        matches!(
            kinds.as_slice(),
            [FlatEffectKind::Dispatch { .. }, FlatEffectKind::Parallel(_), FlatEffectKind::EventStore(_)]
        ),
        "{kinds:?}"
    );
}

fn flat(kind: FlatEffectKind) -> FlatEffect {
    FlatEffect { kind, reply_to: None }
}

#[test]
fn a_list_that_is_no_forest_is_refused() {
    let refused = |children: Vec<u32>| {
        unflatten(vec![flat(FlatEffectKind::Delay(1)), flat(FlatEffectKind::Parallel(children))]).unwrap_err()
    };
    assert_eq!(refused(vec![1]), EffectTreeError::ChildNotBeforeParent { parent: 1, child: 1 });
    assert_eq!(refused(vec![0, 9]), EffectTreeError::ChildNotBeforeParent { parent: 1, child: 9 });
    assert_eq!(refused(vec![0, u32::MAX]), EffectTreeError::ChildNotBeforeParent { parent: 1, child: u32::MAX });
    assert_eq!(refused(vec![0, 0]), EffectTreeError::ChildShared { parent: 1, child: 0 });
}

#[test]
fn nesting_has_a_limit() {
    let chain = |depth: u32| -> Vec<FlatEffect> {
        let nested = (1..depth).map(|index| flat(FlatEffectKind::Sequential(vec![index - 1])));
        std::iter::once(flat(FlatEffectKind::Delay(1))).chain(nested).collect()
    };
    let depth_max = u32::try_from(EFFECT_DEPTH_MAX).unwrap();
    assert_eq!(unflatten(chain(depth_max)).unwrap().len(), 1);
    assert_eq!(unflatten(chain(depth_max + 1)), Err(EffectTreeError::TooDeep { parent: depth_max }));
    assert_eq!(unflatten(chain(1_000_000)), Err(EffectTreeError::TooDeep { parent: depth_max }));
}
