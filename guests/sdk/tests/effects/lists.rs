//! Trees as lists, and back.

use foldhost_sdk::{
    DispatchedCommand, EFFECT_DEPTH_MAX, Effect, EffectTreeError, EventStoreOperation, FlatEffect, FlatEffectKind,
    HttpRequest, NewEvent, OwnedPayload, flatten, unflatten,
};

fn one_of_each() -> Vec<Effect> {
    let reserve = DispatchedCommand { name: "Reserve".into(), payload: OwnedPayload::Json("{}".into()) };
    let pay = HttpRequest::post("https://example.com/pay").header("a", "1").header("a", "2").body([1, 2]);
    let events = vec![NewEvent { event_type: "Noted.v1".into(), data: vec![3] }];
    let stream_id = || "note-1".to_owned();
    vec![
        Effect::delay(5),
        Effect::sequential([
            Effect::dispatch("stock-1", reserve).reply_to("Reserved"),
            Effect::parallel([Effect::http(pay), Effect::delay(7), Effect::none()]).reply_to("Paid"),
            Effect::event_store(EventStoreOperation::AppendEvents { stream_id: stream_id(), events }),
        ]),
        Effect::event_store(EventStoreOperation::LoadEvents { stream_id: stream_id(), from_version: 4 }),
        Effect::event_store(EventStoreOperation::SaveSnapshot { stream_id: stream_id() }),
        Effect::event_store(EventStoreOperation::LoadSnapshot { stream_id: stream_id() }),
        Effect::custom("sms", OwnedPayload::Binary(vec![4])).reply_to("Told"),
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
    assert_eq!(list.len(), 12);
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
