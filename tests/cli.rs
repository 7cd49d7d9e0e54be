//! The binary from outside: what it prints, what it says when something is wrong, and its exit status.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "cli/hosts.rs"]
mod hosts;
#[path = "cli/program.rs"]
mod program;
#[path = "cli/refusals.rs"]
mod refusals;
#[path = "cli/story.rs"]
mod story;

use program::run;

const COMMANDS: [&str; 9] = ["serve", "migrate", "build", "deploy", "reducers", "send", "state", "events", "replay"];

#[test]
fn the_help_of_every_command_teaches_with_examples() {
    let help = run(["--help"]).success();
    assert!(help.contains("Exit status:"), "{help}");
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is missing in {help}");
        let own = run([command, "--help"]).success();
        assert!(own.contains(&format!("Usage: foldhost {command}")), "{own}");
        assert!(own.contains("Examples:\n"), "{own}");
    }
}

#[test]
fn help_never_shows_what_the_environment_holds() {
    for command in ["serve", "migrate", "replay", "reducers"] {
        let mut program = program::foldhost([command, "--help"]);
        program
            .env("DATABASE_URL", "postgres://me:hunter2@db.test/orders")
            .env("FOLDHOST_URL", "http://me:hunter2@a.test");
        let help = program.output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        assert!(help.contains("_URL") && !help.contains("hunter2"), "{help}");
    }
}

#[test]
fn a_command_line_that_cannot_be_read_ends_with_status_2() {
    for args in [
        &["serve", "--snapshot-every", "0"][..],
        &["serve", "--connections", "0"],
        &["migrate", "--database-url", "postgres://a", "--data-dir", "b"],
        &["send", "order", "PlaceOrder"],
        &["send", "order-1", "PlaceOrder", "--expected", "some"],
        &["state", "order-1\n"],
        &["events", "--from", "3"],
        &["reducers", "--url", "nowhere"],
        &["replay", "order-1", "--category", "order"],
        &["fly"],
        &[],
    ] {
        let outcome = run(args.iter().copied());
        assert_eq!(outcome.code, Some(2), "{args:?}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{args:?}");
    }
    let line = run(["send", "order-1", "PlaceOrder", "{items: []}"]).failure(2);
    assert!(line.contains("is not JSON"), "{line}");
}
