//! A bless keeps examples that let no change of an encoding pass, also where the scenarios give only one of them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use foldhost_sdk::Reducer;
use foldhost_sdk::testing::golden::{Blessed, Finding, Golden, Native, RecordedEvent};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

#[path = "bless/gauge.rs"]
mod gauge;

use gauge::{Detail, Gauge, GaugeEvent, Reason};

fn added(why: Reason, amount: u32) -> GaugeEvent {
    added_by(why, amount, None)
}

fn added_by(why: Reason, amount: u32, by: Option<&str>) -> GaugeEvent {
    let by = by.map(str::to_owned);
    GaugeEvent::Added { why, amount, at_ms: 5, seen_at_ms: 5, by, detail: Detail::default() }
}

fn recorded(events: &[GaugeEvent]) -> Vec<RecordedEvent> {
    events.iter().map(|event| RecordedEvent::of(event).unwrap()).collect()
}

fn bless(golden: &mut Golden, histories: &[&[GaugeEvent]]) -> Blessed {
    let histories: Vec<_> = histories.iter().map(|events| recorded(events)).collect();
    golden.bless(&Native::<Gauge>::new(), &histories)
}

/// What is found, but for the event types that the test gives no example of.
fn findings<R: Reducer>(golden: &Golden) -> Vec<Finding> {
    let mut findings = golden.check(&Native::<R>::new());
    findings.retain(|finding| !matches!(finding, Finding::EventTypeWithoutEntry { .. }));
    findings
}

/// Of one event, with small numbers and one variant of each enum.
fn of_one_event() -> Golden {
    let mut golden = Golden::default();
    let blessed = bless(&mut golden, &[&[added(Reason::Filled, 7)]]);
    assert_eq!(blessed.refused, []);
    assert_eq!(findings::<Gauge>(&golden), []);
    golden
}

#[track_caller]
fn assert_found<R: Reducer>(golden: &Golden, what: &str) {
    let findings = findings::<R>(golden);
    let is_event = |finding: &Finding| {
        matches!(finding, Finding::EventNotRead { .. } | Finding::RecordedDiffers { .. } | Finding::BytesDiffer { .. })
    };
    assert!(findings.iter().any(is_event), "{what} went unnoticed: {findings:#?}");
}

#[test]
fn every_variant_that_scenarios_give_has_an_entry() {
    let mut golden = Golden::default();
    bless(&mut golden, &[&[added(Reason::Filled, 7)], &[added(Reason::Spilled, 300)], &[added(Reason::Lost, 70_000)]]);
    for why in ["Filled", "Spilled", "Lost"] {
        let has = golden.events["Added.v1"].iter().any(|entry| entry.recorded["why"] == why);
        assert!(has, "{why}: {golden:#?}");
    }
}

#[test]
fn two_variants_that_changed_places_are_found() {
    assert_found::<gauge::Swapped>(&of_one_event(), "Filled and Lost, the second of which no scenario gives");
    assert_found::<gauge::SwappedWithin>(&of_one_event(), "Low and High, in a struct inside the event");
    assert_found::<gauge::SwappedContent>(&of_one_event(), "Other and Read, which hold something");
    assert_found::<gauge::NarrowedContent>(&of_one_event(), "u32 to u8, in Read");
}

#[test]
fn a_number_that_became_narrower_wider_or_signed_is_found_though_scenarios_give_small_ones() {
    let golden = of_one_event();
    assert_found::<gauge::Narrowed>(&golden, "u32 to u8");
    assert_found::<gauge::HalfAsWide>(&golden, "u32 to u16");
    assert_found::<gauge::Signed>(&golden, "u32 to i32");
    assert_found::<gauge::WidenedByte>(&golden, "u8 to u32");
    assert_found::<gauge::Unsigned>(&golden, "i64 to u64");
}

#[test]
fn two_fields_of_one_type_that_changed_places_are_found_though_scenarios_give_equal_ones() {
    assert_found::<gauge::TimesSwapped>(&of_one_event(), "at_ms and seen_at_ms");
    assert_found::<gauge::FlagsSwapped>(&of_one_event(), "is_wet and is_cold");
}

#[test]
fn an_option_that_no_scenario_gives_is_recorded_with_a_value_too() {
    assert_found::<gauge::NeverOptional>(&of_one_event(), "Option<String> to ()");
}

#[test]
fn a_number_that_reads_the_same_bytes_in_more_bits_is_no_finding() {
    assert_eq!(findings::<gauge::Widened>(&of_one_event()), []);
}

#[test]
fn free_text_makes_no_entries_and_a_further_bless_changes_nothing() {
    let named = |by: &str| added_by(Reason::Filled, 7, Some(by));
    let mut golden = of_one_event();
    assert!(bless(&mut golden, &[&[added(Reason::Filled, 7)]]).is_unchanged());
    bless(&mut golden, &[&[named("first")]]);
    let before = golden.clone();
    let names: Vec<_> = (0..50).map(|number| [named(&format!("name {number}"))]).collect();
    let names: Vec<&[GaugeEvent]> = names.iter().map(|history| &history[..]).collect();
    let blessed = bless(&mut golden, &names);
    assert_eq!(blessed.entries_added, Vec::<String>::new());
    assert_eq!(golden.events, before.events);
}

#[test]
fn entries_stay_as_they_are_and_the_newest_shape_is_kept_beside_very_many() {
    let mut random = StdRng::seed_from_u64(7);
    let codes: Vec<_> = (0..400).map(|_| [GaugeEvent::Marked { code: gauge::Code(random.random()) }]).collect();
    let codes: Vec<&[GaugeEvent]> = codes.iter().map(|history| &history[..]).collect();
    let mut golden = of_one_event();
    let before = golden.events["Added.v1"].clone();
    bless(&mut golden, &codes);
    let marked = golden.events["Marked.v1"].len();
    assert!((1..=16).contains(&marked), "codes of the same kind: {marked}");
    let spilled = added_by(Reason::Spilled, 300, Some("me"));
    bless(&mut golden, &[&[spilled]]);
    assert!(golden.events["Added.v1"].starts_with(&before));
}

#[test]
fn a_state_that_is_reached_later_gets_a_snapshot_under_the_same_schema() {
    let mut golden = of_one_event();
    let before = golden.state.clone().unwrap();
    let blessed = bless(&mut golden, &[&[added(Reason::Filled, 1), GaugeEvent::Locked], &[GaugeEvent::Broken]]);
    assert_eq!(blessed.snapshots_added, 2);
    let after = golden.state.clone().unwrap();
    assert!(after.snapshots.starts_with(&before.snapshots), "the former ones stay");
    assert_eq!(findings::<Gauge>(&golden), []);

    let found = findings::<gauge::SwappedState>(&golden);
    let is_state = |finding: &Finding| matches!(finding, Finding::SnapshotStateDiffers { .. });
    assert!(found.iter().any(is_state), "Locked and Broken changed places: {found:#?}");
    // As long as a snapshot fails, none is added: it would be one of another state under the same name.
    let mut of_another = golden.clone();
    let more = recorded(&[GaugeEvent::Locked, added(Reason::Filled, 999)]);
    let blessed = of_another.bless(&Native::<gauge::SwappedState>::new(), &[more]);
    assert_eq!((blessed.snapshots_added, of_another.state), (0, golden.state));
}

#[test]
fn very_many_histories_leave_room_for_a_state_that_comes_later() {
    let many: Vec<_> = (0..200).map(|amount| [added(Reason::Filled, amount)]).collect();
    let many: Vec<&[GaugeEvent]> = many.iter().map(|history| &history[..]).collect();
    let mut golden = Golden::default();
    bless(&mut golden, &many);
    assert_eq!(bless(&mut golden, &[&[GaugeEvent::Broken]]).snapshots_added, 1);
}

#[test]
fn a_part_of_the_streams_adds_and_does_not_begin_anew_under_another_schema() {
    let mut golden = of_one_event();
    let before = golden.state.clone();
    let renamed = Native::<gauge::Renamed>::new();
    let history = recorded(&[added(Reason::Filled, 7)]);
    let blessed = golden.bless_part(&renamed, std::slice::from_ref(&history));
    assert_eq!((blessed.snapshots_added, &golden.state), (0, &before));
    assert!(matches!(findings::<gauge::Renamed>(&golden)[..], [Finding::StateSchemaRenamed { .. }]));
    assert_eq!(golden.bless(&renamed, &[history]).snapshots_added, 1);
    assert_eq!(findings::<gauge::Renamed>(&golden), []);
}

#[test]
fn a_float_of_any_bits_is_blessed_and_read_again() {
    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    for round in 0..20_000 {
        let level = match round % 3 {
            // Subnormal ones as well.
            0 => f64::from_bits(random.random_range(0..1 << 54)),
            1 => random.random_range(0.0..1_000.0),
            _ => f64::from_bits(random.random()),
        };
        if !level.is_finite() {
            continue;
        }
        let mut golden = Golden::default();
        let blessed = bless(&mut golden, &[&[GaugeEvent::Measured { level }]]);
        assert_eq!(blessed.refused, [], "seed {seed}: {level:e}");
        let entry = &golden.events["Measured.v1"][0];
        assert_eq!(entry.recorded["level"].as_f64().map(f64::to_bits), Some(level.to_bits()), "seed {seed}: {level:e}");
    }
}

#[test]
fn a_number_beyond_64_bits_is_unsupported_and_says_so() {
    let mut golden = Golden::default();
    let small = GaugeEvent::Summed { sum: u64::MAX.into() };
    let large = GaugeEvent::Summed { sum: u128::MAX };
    let blessed = bless(&mut golden, &[&[large], &[small]]);
    let [refused] = &blessed.refused[..] else { panic!("{:?}", blessed.refused) };
    assert_eq!(
        refused.to_string(),
        "`Summed.v1`: unsupported: 340282366920938463463374607431768211455 has more than 64 bits, and golden files hold none of \
         these. Give the event with a smaller number in a scenario"
    );
    assert!(golden.events["Summed.v1"].iter().any(|entry| entry.recorded["sum"] == u64::MAX), "{golden:?}");
}
