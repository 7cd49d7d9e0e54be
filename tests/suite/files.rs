//! Which files are a suite: whatever stands beside a scenario is read, known to be something else, or told.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use foldhost::suite::SuiteError;
use nix::sys::stat::Mode;

use crate::place::{Place, ended, foldhost, guest};

fn named(name: &str) -> String {
    format!("scenarios:\n- {{ name: {name}, when: Reset, then: {{ events: [] }} }}\n")
}

/// The files of the suite, without the directory, which is another one each time.
fn files(place: &Place) -> Vec<String> {
    let suite = place.suite().unwrap();
    let relative = |path: &Path| path.strip_prefix(place.path("scenarios")).unwrap().display().to_string();
    suite.files.iter().map(|file| relative(&file.path)).collect()
}

fn mistakes(place: &Place) -> Vec<String> {
    match place.suite() {
        Err(SuiteError::Mistakes(mistakes)) => mistakes.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_in_directories_below_are_scenarios_too_whatever_the_case_of_their_names() {
    let place = Place::with(&named("a"));
    place.write("scenarios/sub/b.yaml", named("b"));
    place.write("scenarios/sub/deeper/c.yml", named("c"));
    place.write("scenarios/D.YAML", named("d"));
    place.write("scenarios/E.Yml", named("e"));
    assert_eq!(files(&place), ["D.YAML", "E.Yml", "all.yaml", "sub/b.yaml", "sub/deeper/c.yml"]);
    // And a failure in one of them is shown with its path.
    place.write("scenarios/sub/b.yaml", named("b").replace("[]", "[Incremented.v1]"));
    let ended = ended(place.foldhost("counter", &["--runs", "0"]));
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("scenarios/sub/b.yaml:2  when Reset"), "{}", ended.stdout);
}

#[test]
fn what_an_editor_leaves_beside_a_file_is_no_scenario() {
    let place = Place::with(&named("a"));
    // Emacs' lock is a symbolic link that leads nowhere.
    symlink("somebody@somewhere.4711:1790000000", place.path("scenarios/.#all.yaml")).unwrap();
    for name in [".all.yaml.swp", ".hidden.yaml", "all.yaml~", "#all.yaml#", ".git/b.yaml", "README.md", "notes.txt"] {
        place.write(&format!("scenarios/{name}"), "no scenario");
    }
    assert_eq!(files(&place), ["all.yaml"]);
}

#[test]
fn a_file_in_another_format_is_not_left_aside_without_a_word() {
    let place = Place::with(&named("a"));
    let others = ["more.toml", "more.json", "more.yaml.bak", "more.yml2", "more", "sub/more.yam"];
    for name in others {
        place.write(&format!("scenarios/{name}"), "");
    }
    let told = mistakes(&place);
    assert_eq!(told.len(), others.len(), "{told:#?}");
    for name in others {
        let path = format!("scenarios/{name}:1:1: scenarios are written in YAML");
        assert!(told.iter().any(|told| told.contains(&path)), "{name}: {told:#?}");
    }
}

#[test]
fn a_link_that_leads_back_is_walked_once_and_one_that_leads_nowhere_is_told() {
    let place = Place::with(&named("a"));
    place.write("scenarios/sub/b.yaml", named("b"));
    symlink("..", place.path("scenarios/sub/again")).unwrap();
    assert_eq!(files(&place), ["all.yaml", "sub/b.yaml"]);
    symlink("nowhere.yaml", place.path("scenarios/gone.yaml")).unwrap();
    let told = place.suite().unwrap_err().to_string();
    assert!(told.contains("cannot read") && told.contains("scenarios/gone.yaml"), "{told}");
}

#[test]
fn a_pipe_is_not_waited_on() {
    let place = Place::with(&named("a"));
    nix::unistd::mkfifo(&place.path("scenarios/pipe.yaml"), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    assert!(mistakes(&place)[0].contains("pipe.yaml:1:1: it is neither a file nor a directory"));
}

#[test]
fn a_directory_that_cannot_be_one_of_scenarios_is_refused() {
    let place = Place::with(&named("a"));
    let deep: String = (0..9).map(|level| format!("d{level}/")).collect();
    place.write(&format!("scenarios/{deep}z.yaml"), named("z"));
    let told = mistakes(&place);
    assert!(told[0].contains("d8:1:1: directories of scenarios are at most 8 deep"), "{told:#?}");

    // One that holds something else is not told file by file.
    let place = Place::with(&named("a"));
    (0..100).for_each(|number| drop(place.write(&format!("scenarios/{number}.rs"), "")));
    assert!(mistakes(&place).len() <= 20);

    let place = Place::with(&named("a"));
    (0..1_000).for_each(|number| drop(place.write(&format!("scenarios/{number}.yaml"), named(&format!("n{number}")))));
    assert!(mistakes(&place)[0].contains("more than 1000 files"), "{:?}", mistakes(&place));
}

#[test]
fn files_without_a_single_scenario_do_not_pass() {
    let place = Place::with("scenarios: []\n");
    assert!(matches!(place.suite(), Err(SuiteError::NoScenarios { .. })), "{:?}", place.suite());
    place.write("scenarios/b.yaml", named("b"));
    assert_eq!(files(&place), ["all.yaml", "b.yaml"]);
}

#[test]
fn golden_files_are_looked_for_beside_the_scenarios_however_these_are_named() {
    let place = Place::with(
        "scenarios:\n- { name: a, given: [Incremented.v1: { by: 2 }], when: Reset, then: { events: [Reset.v1] } }\n",
    );
    for (dir, scenarios) in [("scenarios", "."), ("scenarios/sub", ".."), ("", "scenarios")] {
        fs::create_dir_all(place.path(dir)).unwrap();
        let mut command = place.foldhost("counter", &["--bless", "--runs", "0", "--scenarios", scenarios]);
        let ended = ended(command.current_dir(place.path(dir)));
        assert_eq!(ended.code, Some(0), "{dir}: {}{}", ended.stdout, ended.stderr);
        assert!(place.path("golden/events.json").is_file(), "{dir}: {}", ended.stdout);
        fs::remove_dir_all(place.path("golden")).unwrap();
    }
}

#[test]
fn the_golden_files_of_a_crate_stand_in_it_wherever_its_scenarios_are() {
    let place = Place::with("scenarios:\n- { name: a, when: Reset, then: { events: [] } }\n");
    let mut command = foldhost();
    command.arg("test").arg(guest("counter")).arg("--scenarios").arg(place.path("scenarios")).args(["--runs", "0"]);
    let ended = ended(command);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("golden files mean what they meant"), "{}", ended.stdout);
}
