//! `foldhost effects` and the rules of `foldhost deploy`, against hosts of the tests' own and against one that is served.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhost::{Command, CommandRequest, Host, InMemoryEventStore, KindOverrides, Limits, NativeReducer};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::asking::Clerk;
use crate::program::{Outcome, Serving, component_file, foldhost, open_dir};

/// A host in this process, with a reducer that asks for what it is told to. What failed once has failed for good.
struct Embedded {
    host: Host,
    url: String,
}

impl Embedded {
    async fn start() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut limits = Limits::default();
        limits.effects.kinds.insert("dispatch".into(), KindOverrides { attempts_max: Some(1), ..Default::default() });
        let builder = Host::builder(Arc::new(InMemoryEventStore::new()));
        let host = builder.reducer(NativeReducer::<Clerk>::new()).limits(limits).start().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(foldhost::api::serve(listener, host.clone(), std::future::pending()));
        Self { host, url }
    }

    fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Outcome {
        foldhost(args).env("FOLDHOST_URL", &self.url).output().unwrap().into()
    }

    async fn ask(&self, stream: &str, command: &str, arguments: &Value) {
        let command = Command::json(command, arguments.to_string());
        self.host.send(CommandRequest::new(stream.parse().unwrap(), command)).await.unwrap();
    }

    /// Asks for a command to a stream of a category that nothing decides for yet.
    async fn ask_to_increment(&self, stream: &str) {
        let arguments = json!({ "stream": "counter-7", "command": "Increment", "arguments": r#"{"by":3}"# });
        self.ask(stream, "Send", &arguments).await;
    }

    /// Waits until so many effects are in a status, and gives their ids, the newest first.
    fn until(&self, status: &str, count: usize) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let listed = self.run(["effects", "--status", status, "--json"]).json();
            let ids = listed["effects"].as_array().unwrap().iter().map(|effect| effect["effect_id"].as_str().unwrap());
            let ids: Vec<_> = ids.map(str::to_owned).collect();
            if ids.len() == count {
                return ids;
            }
            assert!(Instant::now() < deadline, "{count} are never {status}: {listed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_effect_is_listed_shown_and_retried_once_its_receiver_is_there() {
    let host = Embedded::start().await;
    assert_eq!(host.run(["effects"]).success(), "there is no effect\n");
    host.ask_to_increment("clerk-1").await;
    let id = host.until("dead", 1).remove(0);
    for args in
        [&["effects"][..], &["effects", "list"], &["effects", "list", "--status", "dead", "--category", "clerk"]]
    {
        let listed = host.run(args.iter().copied()).success();
        for word in ["EFFECT", "ERROR", &id, "clerk-1", "dispatch counter", "dead", "unknown-category: "] {
            assert!(listed.contains(word), "{word} is missing in {listed}");
        }
    }
    assert_eq!(host.run(["effects", "--stream", "clerk-2"]).success(), "there is no such effect\n");

    let shown = host.run(["effects", "show", &id]).success();
    let says = ["dispatch Increment to counter-7", r#""payload": {"#, r#""by": 3"#];
    let failed = ["PART", "FAILED", " ms ", "unknown-category", "attempts  1", "status    dead: unknown-category"];
    for word in says.into_iter().chain(failed) {
        assert!(shown.contains(word), "{word} is missing in {shown}");
    }
    let document = host.run(["effects", "show", &id, "--json"]).json();
    assert_eq!((&document["effect_id"], document["failures"].as_array().unwrap().len()), (&json!(id), 1));

    let dir = open_dir();
    host.run(["deploy", &component_file("counter", dir.path())]).success();
    assert_eq!(host.run(["effects", "retry", &id]).success(), format!("{id} runs again\n"));
    assert_eq!(host.until("done", 1)[0], id);
    assert_eq!(host.run(["state", "counter-7", "--json"]).json()["state"]["value"], 3);
    let shown = host.run(["effects", "show", &id]).success();
    assert!(shown.contains("status    done\n") && shown.contains("unknown-category"), "{shown}");
    let twice = host.run(["effects", "retry", &id]).failure(1);
    assert!(twice.contains(&format!("effect {id} is done")), "{twice}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_dead_effects_of_a_category_are_retried_and_several_ids_do_not_wait_for_each_other() {
    let host = Embedded::start().await;
    for stream in ["clerk-1", "clerk-2", "clerk-3"] {
        host.ask_to_increment(stream).await;
    }
    let dead = host.until("dead", 3);
    assert_eq!(host.run(["effects", "retry", "--all-dead", "--category", "order"]).success(), "no effect is dead\n");

    let reason = ["--reason", "counted by hand"];
    let unknown = "01976f3e-5d53-7c07-9f2a-0d6b0c5a8e11";
    let discard = host.run(["effects", "discard", unknown, &dead[0]].into_iter().chain(reason));
    assert_eq!((discard.code, &*discard.stdout), (Some(1), &*format!("{} is discarded\n", dead[0])));
    let told = format!("error: 1 of 2 effects were left as they are: there is no effect {unknown}");
    assert!(discard.stderr.starts_with(&told) && discard.stderr.lines().count() == 1, "{}", discard.stderr);
    let listed = host.run(["effects", "--status", "discarded"]).success();
    assert!(listed.contains("counted by hand"), "{listed}");

    let dir = open_dir();
    host.run(["deploy", &component_file("counter", dir.path())]).success();
    let retried = host.run(["effects", "retry", "--all-dead", "--category", "clerk"]).success();
    assert_eq!(retried, "2 effects run again\n");
    assert_eq!(host.until("done", 2), dead[1..]);
    assert_eq!(host.run(["state", "counter-7", "--json"]).json()["state"]["value"], 6);
    assert_eq!(host.run(["effects", "retry", "--all-dead"]).success(), "no effect is dead\n");
    let blank = host.run(["effects", "discard", &dead[1], &dead[2], "--reason", " "]).failure(1);
    assert!(blank.contains("a reason is one line of text"), "{blank}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_says_where_it_goes_on() {
    let host = Embedded::start().await;
    for _ in 0..3 {
        host.ask("clerk-1", "Wait", &json!({ "ms": 3_600_000 })).await;
    }
    let all = host.until("pending", 3);
    let first = host.run(["effects", "--limit", "2"]);
    assert_eq!(first.stderr, format!("there are more: go on with --before {}\n", all[1]));
    let first = first.success();
    assert!(first.contains(&all[0]) && first.contains(&all[1]) && !first.contains(&all[2]), "{first}");
    let rest = host.run(["effects", "--before", &all[1], "--limit", "2000", "--json"]).json();
    assert_eq!((&rest["effects"][0]["effect_id"], &rest["next"]), (&json!(all[2]), &Value::Null));
    assert_eq!(rest["effects"].as_array().unwrap().len(), 1);
    let waiting = host.run(["effects", "show", &all[0]]).success();
    for word in ["delay 3600000 ms", "not begun", "status    pending\n", "due       20"] {
        assert!(waiting.contains(word), "{word} is missing in {waiting}");
    }
}

#[test]
fn a_deployments_rules_are_kept_replaced_and_emptied_and_outlive_the_host() {
    let dir = open_dir();
    let data_dir = dir.path().join("data");
    let secrets = dir.path().join("secrets.toml");
    fs::write(&secrets, "[pay]\nvalue = 'hunter2-hunter2'\norigins = ['https://pay.example']\n").unwrap();
    fs::set_permissions(&secrets, Permissions::from_mode(0o600)).unwrap();
    let host = Serving::start_with(&data_dir, ["--secrets", secrets.to_str().unwrap()]);
    assert!(host.log().contains("pay") && !host.log().contains("hunter2"), "{}", host.log());

    let counter = component_file("counter", dir.path());
    let rules = ["--allow", "https://pay.example", "--allow", "http://127.0.0.1:9000", "--allow-category", "stock"];
    let limits = ["--allow-private", "http://pay.internal", "--effects-at-once-max", "4"];
    let told = "https://pay.example, http://127.0.0.1:9000, http://pay.internal (private), category stock, 4 at once";
    let deployed = host.run(["deploy", &counter].into_iter().chain(rules).chain(limits)).success();
    assert!(deployed.ends_with(&format!("\neffects   {told}\n")), "{deployed}");
    let deployed = host.run(["deploy", &counter]).success();
    assert!(deployed.contains("generation 1\n") && deployed.contains(told), "nothing said changes nothing: {deployed}");
    host.kill();

    let host = Serving::start(&data_dir);
    let listed = host.run(["reducers"]).success();
    assert!(listed.contains("EFFECTS") && listed.contains(told), "{listed}");
    let replaced = host.run(["deploy", &counter, "--effects-per-second-max", "7"]).success();
    assert!(replaced.contains("generation 2\n") && replaced.ends_with("\neffects   7 a second\n"), "{replaced}");
    let emptied = host.run(["deploy", &counter, "--allow", "none"]).success();
    assert!(emptied.contains("generation 3\n") && !emptied.contains("effects"), "{emptied}");
    assert_eq!(host.run(["reducers", "--json"]).json()["reducers"][0]["effects"]["per_second_max"], Value::Null);
    assert_eq!(host.run(["effects", "retry", "--all-dead"]).success(), "no effect is dead\n");
}
