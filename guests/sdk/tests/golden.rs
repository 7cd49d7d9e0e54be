//! Golden files: what changes unnoticed without them is found, and a bless never hides it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::PathBuf;

use foldhost_sdk::testing::golden::{
    self, EVENTS_FILE, Finding, Golden, GoldenError, GoldenState, Native, RecordedEvent, STATE_FILE,
};
use foldhost_sdk::{Event, Reducer};
use serde_json::json;

#[path = "golden/meter.rs"]
mod meter;

use meter::{Meter, MeterEvent};

fn recorded(events: &[MeterEvent]) -> Vec<RecordedEvent> {
    events.iter().map(|event| RecordedEvent::of(event).unwrap()).collect()
}

fn history() -> Vec<RecordedEvent> {
    recorded(&[MeterEvent::Read { kwh: 300, note: None }, MeterEvent::Sealed])
}

/// The files that the first build writes, with the entries of what was recorded: each finding is of one of these. What a bless
/// makes up beside them is in `bless.rs`.
fn golden() -> Golden {
    let mut golden = Golden::default();
    let blessed = golden.bless(&Native::<Meter>::new(), &[history()]);
    assert_eq!(blessed.entries_added, ["Read.v1", "Read.v1", "Sealed.v1"]);
    assert_eq!((blessed.snapshots_added, blessed.refused), (1, vec![]));
    assert_eq!(golden.events["Read.v1"][1].recorded, json!({"kwh": 0x0123_4567, "note": "text 1"}));
    golden.events.get_mut("Read.v1").unwrap().truncate(1);
    golden
}

/// What another build makes of the first one's files, and that a bless by it leaves every entry as it was.
fn found_by<R: Reducer>() -> Vec<Finding> {
    let before = golden();
    let mut after = before.clone();
    let blessed = after.bless(&Native::<R>::new(), &[]);
    assert!(blessed.is_unchanged(), "{blessed:?}");
    assert_eq!(after, before);
    before.check(&Native::<R>::new())
}

/// What is found, in lines.
fn said_by<R: Reducer>() -> Vec<String> {
    found_by::<R>().iter().map(Finding::to_string).collect()
}

#[track_caller]
fn assert_says(lines: &[String], expected: &[&str]) {
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, says) in lines.iter().zip(expected) {
        assert!(line.contains(says), "{says}\n{line}");
        assert!(!line.contains('\n') && !line.contains("  "), "one line: {line}");
    }
}

#[test]
fn the_build_that_wrote_the_files_departs_from_them_in_nothing() {
    assert_eq!(golden().check(&Native::<Meter>::new()), []);
}

#[test]
fn without_files_every_event_type_and_the_state_are_missing() {
    let found = Golden::default().check(&Native::<Meter>::new());
    let lacking = |event_type: &str| Finding::EventTypeWithoutEntry { event_type: event_type.into() };
    assert_eq!(found, [lacking("Read.v1"), lacking("Sealed.v1"), Finding::SnapshotsMissing]);
    let mut emptied = golden();
    emptied.events.insert("Read.v1".into(), vec![]);
    emptied.state = Some(GoldenState { state_schema: "meter.v1".into(), snapshots: vec![] });
    assert_eq!(emptied.check(&Native::<Meter>::new()), [lacking("Read.v1"), Finding::SnapshotsMissing]);
}

#[test]
fn an_event_type_that_is_no_longer_read_is_found() {
    assert_says(
        &said_by::<meter::Unsealed>(),
        &["`Sealed.v1` is in events.json, but is no longer read", "events can no longer be folded"],
    );
}

#[test]
fn a_widened_field_that_reads_and_writes_its_own_bytes_is_found() {
    // An u32 that became an i32: both encode and decode, and 300 becomes 150.
    let lines = said_by::<meter::Signed>();
    assert_says(
        &lines,
        &[
            "`Read.v1` entry 0: its recorded bytes are read otherwise at `/kwh`: 300 was expected, 150 came",
            "fold to another state",
        ],
    );
}

#[test]
fn a_field_that_was_added_is_found() {
    assert_says(
        &said_by::<meter::Longer>(),
        &["`Read.v1` entry 0: its recorded bytes are no longer read", "can no longer be folded"],
    );
}

#[test]
fn another_encoding_of_the_same_fields_is_found() {
    // The bytes are still read, as a hand-written Deserialize may do, but written otherwise.
    let lines = said_by::<meter::Rewritten>();
    assert_says(
        &lines,
        &["`Read.v1` entry 0: the same fields are written as other bytes: fb2c0100 before, fb2d0100 now"],
    );
}

#[test]
fn a_state_that_changed_under_its_schema_is_found() {
    assert_says(
        &said_by::<meter::LongerState>(),
        &[
            "the state changed under the schema `meter.v1`, and it is no longer read",
            "fold to another state under the schema `meter.v1`",
        ],
    );
    assert_says(
        &said_by::<meter::SwappedState>(),
        &["and it is read otherwise at `/kwh`: 300 was expected, 1 came", "the same state is written as other bytes"],
    );
    assert_says(
        &said_by::<meter::OtherFold>(),
        &["its events fold to another state under the schema `meter.v1` at `/kwh`: 300 was expected, 600 came"],
    );
}

#[test]
fn a_renamed_state_schema_is_found_until_it_is_blessed() {
    let mut golden = golden();
    let renamed = Native::<meter::Renamed>::new();
    let [finding] = &golden.check(&renamed)[..] else { panic!("one finding") };
    assert_eq!(*finding, Finding::StateSchemaRenamed { recorded: "meter.v1".into(), now: "meter.v2".into() });
    // Without a stream there is nothing to keep, and what is there stays.
    assert!(golden.bless(&renamed, &[]).is_unchanged());
    let blessed = golden.bless(&renamed, &[history()]);
    assert_eq!(blessed.snapshots_added, 1);
    assert_eq!(golden.state.as_ref().unwrap().state_schema, "meter.v2");
    assert_eq!(golden.check(&renamed), []);
}

#[test]
fn a_newer_version_is_found_until_it_is_blessed_and_the_recorded_bytes_stay() {
    let before = golden();
    let mut golden = before.clone();
    let newer = Native::<meter::Newer>::new();
    let said: Vec<_> = golden.check(&newer).iter().map(Finding::to_string).collect();
    assert_says(
        &said,
        &["`Read.v2` has no entry", "`Read.v1` entry 0: it is now brought to `Read.v2`, and to `Read.v1` before"],
    );

    let read = RecordedEvent::of(&meter::NewerEvent::Read { kwh: 5, note: None, by: "me".into() }).unwrap();
    let blessed = golden.bless(&newer, &[vec![read]]);
    assert_eq!(blessed.upcasts_replaced, ["Read.v1"]);
    assert_eq!(blessed.entries_added, ["Read.v2", "Read.v2"]);
    assert_eq!(golden.check(&newer), []);
    let (old, new) = (&before.events["Read.v1"][0], &golden.events["Read.v1"][0]);
    assert_eq!((&old.bytes, &old.recorded), (&new.bytes, &new.recorded));
    assert_eq!(new.upcast.json, json!({"kwh": 300, "note": null, "by": "unknown"}));
    // From here on the upcaster is held too.
    let [finding] = &golden.check(&Native::<meter::OtherUpcaster>::new())[..] else { panic!("one finding") };
    assert!(
        finding.to_string().contains("it is applied otherwise at `/json/by`: \"unknown\" was expected"),
        "{finding}"
    );
}

#[test]
fn a_bless_adds_an_entry_for_each_shape_and_none_for_another_number_of_the_same_width() {
    let mut golden = Golden::default();
    let of = |kwh, note: Option<&str>| recorded(&[MeterEvent::Read { kwh, note: note.map(Into::into) }]);
    let mut bless = |histories: &[Vec<RecordedEvent>]| {
        let before = golden.events.get("Read.v1").map_or(0, Vec::len);
        golden.bless(&Native::<Meter>::new(), histories);
        golden.events["Read.v1"][before..].iter().map(|entry| entry.recorded.clone()).collect::<Vec<_>>()
    };
    // The second is made up: the widest number that the field takes, and a note.
    let made_up = json!({"kwh": 0x0123_4567, "note": "text 1"});
    assert_eq!(bless(&[of(7, None)]), [json!({"kwh": 7, "note": null}), made_up]);
    assert!(bless(&[of(8, None), of(250, Some("by hand")), of(0x1_0000, None)]).is_empty());
    assert_eq!(bless(&[of(251, None), of(255, None)]), [json!({"kwh": 251, "note": null})]);
    assert_eq!(bless(&[of(300, None), of(0, None)]).len(), 2);
}

#[test]
fn an_event_that_would_fail_from_its_first_day_gets_no_entry() {
    let mut golden = Golden::default();
    // 300 in four bytes instead of two: it is read, but nobody writes it so.
    let wide = RecordedEvent { event_type: "Read.v1".into(), bytes: vec![252, 44, 1, 0, 0, 0] };
    let unknown = RecordedEvent { event_type: "Gone.v1".into(), bytes: vec![] };
    let blessed = golden.bless(&Native::<Meter>::new(), &[vec![wide.clone(), wide], vec![unknown]]);
    assert!(golden.events.is_empty());
    let lines: Vec<_> = blessed.refused.iter().map(Finding::to_string).collect();
    assert_says(
        &lines,
        &["the same fields are written as other bytes", "`Gone.v1` entry 0: its recorded bytes are no longer read"],
    );
}

/// A directory of this test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("golden-{test}-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        Self(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn files_are_written_as_they_are_read_and_leave_nothing_beside_them() {
    let scratch = Scratch::new("written");
    let dir = &scratch.0;
    assert_eq!(Golden::read(dir).unwrap(), Golden::default(), "files that do not exist have no entries");
    golden().write(dir).unwrap();
    assert_eq!(Golden::read(dir).unwrap(), golden());
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [EVENTS_FILE, STATE_FILE]);
    let events = fs::read_to_string(dir.join(EVENTS_FILE)).unwrap();
    assert!(events.starts_with("{\n  \"Read.v1\": [\n    {\n      \"bytes\": \"fb2c0100\",\n"), "{events}");
    assert!(events.ends_with("}\n"), "{events}");
    golden::check::<Meter>(dir);

    let written = fs::metadata(dir.join(EVENTS_FILE)).unwrap().modified().unwrap();
    golden::bless::<Meter>(dir, [vec![MeterEvent::Sealed]]).unwrap();
    assert_eq!(fs::metadata(dir.join(EVENTS_FILE)).unwrap().modified().unwrap(), written, "nothing changed");
}

#[test]
fn a_file_that_is_none_is_refused_with_the_place() {
    let scratch = Scratch::new("malformed");
    let dir = &scratch.0;
    fs::create_dir_all(dir).unwrap();
    let entry = r#"[{"bytes": "00", "recorded": {}, "upcast": {"event_type": "A.v1", "json": {}}}]"#;
    for (content, says) in [
        ("[]".to_owned(), "expected an object of event types at line 1"),
        (format!("{{\"A.v1\": {entry}, \"A.v1\": []}}"), "`A.v1` stands there twice"),
        (format!("{{\"A.v1\": {}}}", entry.replace("00", "0")), "pairs of hexadecimal digits"),
        (format!("{{\"A.v1\": {}}}", entry.replace("00", "0g")), "pairs of hexadecimal digits"),
        (format!("{{\"A.v1\": {}}}", entry.replace("recorded", "record")), "unknown field `record`"),
    ] {
        fs::write(dir.join(EVENTS_FILE), content).unwrap();
        let Err(error @ GoldenError::Malformed { .. }) = Golden::read(dir) else { panic!("{says}") };
        assert!(error.to_string().contains(says), "{error}");
    }
    fs::write(dir.join(EVENTS_FILE), vec![b' '; golden::FILE_BYTES_MAX + 1]).unwrap();
    assert!(matches!(Golden::read(dir), Err(GoldenError::TooLarge { .. })));
}

#[test]
#[should_panic(expected = "is not what meter makes of it:\n- `Read.v1` has no entry in events.json: give or emit it")]
fn the_check_of_a_guests_test_panics_with_all_findings() {
    golden::check::<Meter>(&Scratch::new("none").0);
}

#[test]
fn the_bytes_of_the_first_build_are_those_that_the_tests_speak_of() {
    assert_eq!(MeterEvent::Read { kwh: 300, note: None }.to_bytes().unwrap(), [251, 44, 1, 0]);
}
