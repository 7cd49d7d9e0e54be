//! The laws that effects are put together by, on trees that chance built.
//!
//! A failure prints the smallest trees that it found; its seed is kept in `effects.regressions`, which is tried first from then on.

use foldhost_sdk::{EFFECT_DEPTH_MAX, Effect, EffectKind, EffectTreeError, FlatEffectKind, flatten, unflatten};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use super::trees::{children, forests, replies_of, told_or_done, trees};

fn config() -> ProptestConfig {
    let seeds = FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/effects.regressions"));
    ProptestConfig { cases: 512, failure_persistence: Some(Box::new(seeds)), ..ProptestConfig::default() }
}

fn is_plain_sequence(effect: &Effect) -> bool {
    matches!(effect.kind, EffectKind::Sequential(_)) && effect.reply_to.is_none()
}

fn is_plain_parallel(effect: &Effect) -> bool {
    matches!(effect.kind, EffectKind::Parallel(_)) && effect.reply_to.is_none()
}

fn shout(reply: String) -> String {
    reply + "!"
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn it_makes_no_difference_to_a_chain_which_links_were_put_together_first(
        a in trees(), b in trees(), c in trees(),
    ) {
        let whole = Effect::chain([a.clone(), b.clone(), c.clone()]);
        prop_assert_eq!(&a.clone().then(b.clone()).then(c.clone()), &whole);
        prop_assert_eq!(&a.then(b.then(c)), &whole);
    }

    #[test]
    fn it_makes_no_difference_to_a_merge_which_branches_were_put_together_first(
        a in trees(), b in trees(), c in trees(),
    ) {
        let whole = Effect::merge([a.clone(), b.clone(), c.clone()]);
        prop_assert_eq!(&Effect::merge([Effect::merge([a.clone(), b.clone()]), c.clone()]), &whole);
        prop_assert_eq!(&Effect::merge([a, Effect::merge([b, c])]), &whole);
    }

    #[test]
    fn nothing_is_the_unit_of_a_chain_on_both_sides(a in trees()) {
        let alone = Effect::chain([a.clone()]);
        prop_assert_eq!(&Effect::none().then(a.clone()), &alone);
        prop_assert_eq!(&a.clone().then(Effect::none()), &alone);
        prop_assert_eq!(&Effect::none().then(alone.clone()).then(Effect::none()), &alone);
        if !is_plain_sequence(&a) && !a.is_none() {
            prop_assert_eq!(alone, a);
        }
    }

    #[test]
    fn nothing_is_the_unit_of_a_merge_on_both_sides(a in trees()) {
        let alone = Effect::merge([a.clone()]);
        prop_assert_eq!(&Effect::merge([Effect::none(), a.clone()]), &alone);
        prop_assert_eq!(&Effect::merge([a.clone(), Effect::none()]), &alone);
        prop_assert_eq!(&Effect::merge([Effect::none(), alone.clone(), Effect::none()]), &alone);
        if !is_plain_parallel(&a) && !a.is_none() {
            prop_assert_eq!(alone, a);
        }
    }

    #[test]
    fn a_chain_and_a_merge_lose_nothing_and_add_nothing(effects in forests()) {
        let whole = told_or_done(&effects);
        prop_assert_eq!(&told_or_done(&[Effect::chain(effects.clone())]), &whole);
        prop_assert_eq!(&told_or_done(&[Effect::merge(effects)]), &whole);
    }

    #[test]
    fn a_chain_has_no_plain_sequence_within_and_a_merge_no_plain_parallel_group(effects in forests()) {
        let chain = Effect::chain(effects.clone());
        if is_plain_sequence(&chain) {
            prop_assert!(children(&chain).len() > 1, "{:?}", chain);
            prop_assert!(!children(&chain).iter().any(|link| is_plain_sequence(link) || link.is_none()), "{:?}", chain);
        }
        let merge = Effect::merge(effects);
        if is_plain_parallel(&merge) && !merge.is_none() {
            prop_assert!(children(&merge).len() > 1, "{:?}", merge);
            prop_assert!(!children(&merge).iter().any(|each| is_plain_parallel(each) || each.is_none()), "{:?}", merge);
        }
    }

    #[test]
    fn mapping_by_the_identity_changes_nothing(a in trees()) {
        prop_assert_eq!(a.clone().map(|reply| reply), a);
    }

    #[test]
    fn mapping_twice_is_mapping_by_both(a in trees()) {
        let lower = |reply: String| reply.to_lowercase();
        prop_assert_eq!(a.clone().map(shout).map(lower), a.map(|reply| lower(shout(reply))));
    }

    #[test]
    fn mapping_renames_every_reply_once_and_touches_nothing_else(a in trees()) {
        let mut told = Vec::new();
        let mapped = a.clone().map(|reply| {
            told.push(reply.clone());
            shout(reply)
        });
        let renamed: Vec<_> = replies_of(&a).into_iter().map(|reply| reply.map(shout)).collect();
        prop_assert_eq!(replies_of(&mapped), renamed);
        prop_assert_eq!(told.len(), replies_of(&a).iter().flatten().count());
        let silent = |effect: Effect| effect.map(|_| String::new());
        prop_assert_eq!(silent(mapped), silent(a));
    }

    #[test]
    fn a_chain_and_a_merge_can_be_mapped_before_or_after(effects in forests()) {
        let mapped = || effects.iter().map(|effect| effect.clone().map(shout));
        prop_assert_eq!(Effect::chain(effects.clone()).map(shout), Effect::chain(mapped()));
        prop_assert_eq!(Effect::merge(effects.clone()).map(shout), Effect::merge(mapped()));
    }

    #[test]
    fn trees_come_back_from_their_list_as_they_were(effects in forests()) {
        let list = flatten(effects.clone());
        for (index, flat) in list.iter().enumerate() {
            if let FlatEffectKind::Parallel(children) | FlatEffectKind::Sequential(children) = &flat.kind {
                prop_assert!(children.iter().all(|&child| (child as usize) < index), "{index}: {:?}", list);
            }
        }
        prop_assert_eq!(unflatten(list), Ok(effects));
    }

    #[test]
    fn a_tree_comes_back_if_it_is_not_too_deep(groups in proptest::collection::vec(any::<bool>(), 0..64)) {
        let depth = groups.len() + 1;
        let nest = |inner, at_once| if at_once { Effect::parallel([inner]) } else { Effect::sequential([inner]) };
        let tree = groups.into_iter().fold(Effect::delay(1), nest);
        let back = unflatten(flatten(vec![tree.clone()]));
        if depth <= EFFECT_DEPTH_MAX {
            prop_assert_eq!(back, Ok(vec![tree]));
        } else {
            prop_assert_eq!(back, Err(EffectTreeError::TooDeep { parent: u32::try_from(EFFECT_DEPTH_MAX).unwrap() }));
        }
    }
}

#[test]
fn a_group_with_a_reply_is_never_flattened_away() {
    let [a, b, c] = [1, 2, 3].map(Effect::delay);
    let both = Effect::sequential([a.clone(), b.clone()]).reply_to("Both");
    assert_eq!(both.clone().then(c.clone()), Effect::sequential([both, c.clone()]));
    let both = Effect::parallel([a, b]).reply_to("Both");
    assert_eq!(Effect::merge([both.clone(), c.clone()]), Effect::parallel([both, c]));
    // Somebody waits for the outcome of nothing.
    let nothing = Effect::none().reply_to("Both");
    assert!(!nothing.is_none());
    assert_eq!(Effect::chain([nothing.clone(), Effect::none()]), nothing);
}

#[test]
fn a_group_of_the_other_kind_is_a_link_of_its_own() {
    let [a, b, c] = [1, 2, 3].map(Effect::delay);
    let at_once = Effect::merge([a, b]);
    assert_eq!(at_once.clone().then(c.clone()), Effect::sequential([at_once, c]));
}

#[test]
fn a_chain_and_a_merge_of_nothing_are_nothing() {
    assert_eq!(Effect::chain([]), Effect::none());
    assert_eq!(Effect::merge([Effect::sequential([]), Effect::none()]), Effect::none());
    assert!(Effect::none().is_none());
    assert!(!Effect::delay(0).is_none());
}
