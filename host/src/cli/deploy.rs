//! `foldhost deploy`

use std::path::PathBuf;

use foldhost::swap::DescriptorDifference;
use serde_json::{Map, Value, json};

use super::build::{self, FeaturesArgs};
use super::client::{HostArgs, HostClient, with_words};
use super::error::CliError;
use super::policy::PolicyArgs;
use super::rules::{self, RulesArgs};
use super::who::Who;
use super::{activate, output, verify};

const EXAMPLES: &str = "\
Examples:
  foldhost deploy guests/order                    # a crate is built first
  foldhost deploy target/foldhost/order.wasm
  foldhost deploy guests/order-discount --features grant
  foldhost deploy guests/order --activate         # verified, and if nothing differs it decides
  foldhost deploy guests/order --activate --accept 'state:/discount*'
  foldhost deploy order.wasm --url http://10.0.0.5:7070 --json
  foldhost deploy guests/order --allow https://pay.example
  foldhost deploy guests/order --allow-private http://pay.internal:8080 --effects-at-once-max 20
  foldhost deploy guests/order --allow none       # its effects reach nobody any more

The host checks the component and keeps it in its database. The first one of its name
decides at once, where nothing is recorded yet. Any other is a candidate: it says in what
it differs from the one that decides, `foldhost verify` holds it against the recorded
history, and `foldhost activate` has it decide. --activate does all three. Deploying the
active component again changes nothing but its rules.

A reducer's effects may send commands to any stream, and wait. Whom their HTTP requests
go to, and which other categories they read and append events to, has to be allowed.
Without any of the flags for it the rules of the deployment before stay; with any of
them they are replaced, all of them. What was decided before keeps to its own rules.";

/// Hand a component to a host, which keeps it, or decides with it
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A component, or the directory of a reducer's crate
    #[arg(value_name = "FILE.wasm|DIR")]
    component: PathBuf,
    #[command(flatten)]
    features: FeaturesArgs,
    /// Verify it over all streams and have it decide, if the report allows that
    #[arg(long)]
    activate: bool,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    host: HostArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    // Behind the others: what is declared after it would stand under its heading.
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    rules: RulesArgs,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let is_crate = args.component.is_dir();
    if !is_crate && !args.features.features.is_empty() {
        let file = args.component.display();
        return Err(CliError::Usage(format!(
            "{file} is no crate: --features goes with the directory of one, or with `foldhost build`"
        )));
    }
    let client = HostClient::new(args.host)?;
    let rules = args.rules.words()?;
    let mut words = rules.clone();
    words.extend(args.who.name().map(|by| ("by", by)));
    let component = if is_crate {
        build::build_component(&args.component, &args.features)?
    } else {
        std::fs::read(&args.component).map_err(|source| CliError::Read { path: args.component.clone(), source })?
    };
    let deployed = deploy(&client, component, &words).await?;
    if !args.json {
        print(&deployed)?;
    }
    let is_active = deployed["active"] == true;
    if !is_active && !args.activate && !rules.is_empty() {
        output::tell("its rules are given when it is activated: repeat them with `foldhost activate`");
    }
    if !args.activate || is_active {
        return if args.json { output::print_json(&deployed) } else { Ok(()) };
    }
    let name = deployed["name"].as_str().unwrap_or_default();
    let digest = deployed["digest"].as_str().unwrap_or_default();
    if !args.policy.is_forced() {
        activate::verify_first(&client, name, digest, &args.who, args.json).await?;
    }
    let mut body = Map::new();
    body.insert("digest".into(), json!(digest));
    body.insert("by".into(), json!(args.who.name()));
    args.policy.put_into(&mut body);
    let reducer = activate::activate(&client, name, &rules, &body).await?;
    if args.json { output::print_json(&reducer) } else { activate::print(&reducer) }
}

/// Hands the bytes of a component over.
pub(crate) async fn deploy(
    client: &HostClient,
    component: Vec<u8>,
    words: &[(&str, String)],
) -> Result<Value, CliError> {
    let deploying = output::spinner("deploying");
    let url = with_words(client.resource(["reducers"]), words);
    let request = client.post(url).header("Content-Type", "application/wasm").body(component);
    let answer = client.json(request).await;
    deploying.finish_and_clear();
    answer
}

fn print(deployed: &Value) -> Result<(), CliError> {
    let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
    let (name, decides) = (text(&deployed["name"]), &deployed["decides"]);
    let names = deployed["commands"].as_array().into_iter().flatten().filter_map(|name| name.as_str());
    let commands = names.collect::<Vec<_>>().join(", ");
    if deployed["active"] == true {
        output::print(format_args!("deployed {name}, generation {}", decides["generation"]))?;
    } else {
        output::print(format_args!("deployed {name}, a candidate"))?;
    }
    output::print(format_args!("digest    {}", text(&deployed["digest"])))?;
    output::print(format_args!("commands  {commands}"))?;
    if deployed["active"] == true {
        return match rules::in_words(&decides["effects"]) {
            Some(rules) => output::print(format_args!("effects   {rules}")),
            None => Ok(()),
        };
    }
    let digest = verify::short(&deployed["digest"]);
    if !decides.is_null() {
        let before = verify::short(&decides["digest"]);
        output::print(format_args!("decides   {before}, generation {}, until it is activated", decides["generation"]))?;
    }
    if let Ok(difference) = serde_json::from_value::<DescriptorDifference>(deployed["difference"].clone()) {
        output::print(format_args!("differs   in {}", difference.in_words()))?;
    }
    output::print(format_args!("next      foldhost verify {name} {digest}"))
}
