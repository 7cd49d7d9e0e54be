//! The binary from outside: what it prints, what it says when something is wrong, and its exit status.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "http_api/asking.rs"]
mod asking;
#[path = "cli/diagnostics.rs"]
mod diagnostics;
#[path = "cli/effects.rs"]
mod effects;
#[path = "cli/erasure.rs"]
mod erasure;
#[path = "cli/hosts.rs"]
mod hosts;
#[path = "cli/log.rs"]
mod log;
#[path = "cli/metrics.rs"]
mod metrics;
#[path = "cli/program.rs"]
mod program;
#[path = "cli/refusals.rs"]
mod refusals;
#[path = "cli/story.rs"]
mod story;
#[path = "cli/subscriptions.rs"]
mod subscriptions;
#[path = "cli/upcast.rs"]
mod upcast;

use program::run;

const COMMANDS: &[&str] = &[
    "serve",
    "migrate",
    "new",
    "build",
    "test",
    "deploy",
    "reducers",
    "send",
    "state",
    "events",
    "subscriptions",
    "effects",
    "close",
    "keys",
    "replay",
];

#[test]
fn the_help_of_every_command_teaches_with_examples() {
    let help = run(["--help"]).success();
    assert!(help.contains("Exit status:"), "{help}");
    for command in COMMANDS.iter().copied() {
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
        &["serve", "--snapshot-every", "cost:5"],
        &["serve", "--snapshot", "order"],
        &["serve", "--snapshot", "order=5", "--snapshot", "order=6"],
        &["serve", "--encrypt", "order"],
        &["serve", "--connections", "0"],
        &["serve", "--retry-for", "soon"],
        &["migrate", "--database-url", "postgres://a", "--data-dir", "b"],
        &["send", "order", "PlaceOrder"],
        &["send", "order-1", "PlaceOrder", "--expected", "some"],
        &["state", "order-1\n"],
        &["send", "order-1", "PlaceOrder", "--traceparent", "00-1-2-3"],
        &["send", "order-1", "PlaceOrder", "--correlation-id", "a b"],
        &["send", "order-1", "PlaceOrder", "--metadata", "tenant"],
        &["send", "order-1", "PlaceOrder", "--metadata", "a=1", "--metadata", "a=2"],
        &["events", "--from", "3"],
        &["events", "--backward"],
        &["events", "order-1", "--backward", "--follow"],
        &["events", "order-1", "--before", "3"],
        &["events", "order-1", "--category", "order"],
        &["events", "--since", "yesterday"],
        &["events", "--until", "1h", "--follow"],
        &["subscriptions", "reset", "billing", "--to", "7"],
        &["subscriptions", "delete"],
        &["subscriptions", "--json", "delete", "billing"],
        &["effects", "--status", "lost"],
        &["effects", "--limit", "0"],
        &["effects", "show"],
        &["effects", "show", "7"],
        &["effects", "--json", "show", "01976f3e-5d53-7c07-9f2a-0d6b0c5a8e11"],
        &["effects", "retry"],
        &["effects", "retry", "01976f3e-5d53-7c07-9f2a-0d6b0c5a8e11", "--all-dead"],
        &["effects", "retry", "01976f3e-5d53-7c07-9f2a-0d6b0c5a8e11", "--category", "order"],
        &["effects", "discard", "01976f3e-5d53-7c07-9f2a-0d6b0c5a8e11"],
        &["effects", "discard", "--reason", "paid by hand"],
        &["deploy", "order.wasm", "--allow", "pay.example"],
        &["deploy", "order.wasm", "--allow-private", "none"],
        &["deploy", "order.wasm", "--effects-at-once-max", "0"],
        &["deploy", "order.wasm", "--allow", "none", "--allow-category", "stock"],
        &["close", "order-1", "--yes"],
        &["close", "order-1", "--erase"],
        &["keys"],
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
