//! `foldhost close`

use std::io::{self, BufRead, IsTerminal as _, Write};

use foldhost::StreamId;
use serde_json::json;

use super::client::{HostArgs, HostClient};
use super::error::CliError;
use super::output;

const EXAMPLES: &str = "\
Examples:
  foldhost close order-1                          # no further command, and still readable
  foldhost close customer-7 --erase               # and its data unreadable for good
  foldhost close customer-7 --erase --yes --json  # from a script, without being asked

Erasing drops the key that the stream's data is encrypted with; types, versions,
times and metadata of its events stay. It works for the streams of categories that
the host encrypts: see `foldhost serve --help`. It is final once the backups that
hold the key have expired.";

/// Close a stream for good, and erase its data where that is asked for
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The stream, CATEGORY-ID, as in customer-7
    #[arg(value_name = "STREAM")]
    stream_id: StreamId,
    /// Make the data of its events unreadable, for good
    #[arg(long)]
    erase: bool,
    /// Erase without asking
    #[arg(long, requires = "erase")]
    yes: bool,
    #[command(flatten)]
    host: HostArgs,
    /// Print the answer as one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let Args { stream_id, erase, yes, host, json } = args;
    if erase && !yes {
        if !io::stdin().is_terminal() {
            let told = format!("nobody is there to be asked whether {stream_id} is to be erased: pass --yes");
            return Err(CliError::Usage(told));
        }
        confirm(&stream_id, &mut io::stdin().lock(), &mut io::stderr().lock())?;
    }
    let client = HostClient::new(host)?;
    let request = client.post(client.resource(["streams", stream_id.as_str(), "close"]));
    let closed = client.json(request.json(&json!({ "erase": erase }))).await?;
    if json {
        return output::print_json(&closed);
    }
    let version = &closed["version"];
    match closed["erased"].as_bool() {
        Some(true) => output::print(format_args!("{stream_id} is closed at version {version}, and its data is erased")),
        _ => output::print(format_args!("{stream_id} is closed at version {version}, and its data stays readable")),
    }
}

/// Has the stream's id typed once more: a yes is too easily given, and there is no way back.
fn confirm(stream_id: &StreamId, input: &mut impl BufRead, output: &mut impl Write) -> Result<(), CliError> {
    let asked = write!(
        output,
        "The data of {stream_id} will be unreadable for everybody and for good.\nType the stream's id to erase it: "
    );
    asked.and_then(|()| output.flush()).map_err(CliError::Output)?;
    let mut typed = String::new();
    let read = input.read_line(&mut typed);
    read.map_err(|source| CliError::Read { path: "stdin".into(), source })?;
    match typed.trim_end_matches(['\n', '\r']) == stream_id.as_str() {
        true => Ok(()),
        false => Err(CliError::NotConfirmed(stream_id.clone())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stream_is_erased_only_by_whoever_types_its_id() {
        let stream_id: StreamId = "customer-7".parse().unwrap();
        let typed = |text: &str| {
            let mut asked = Vec::new();
            let confirmed = confirm(&stream_id, &mut text.as_bytes(), &mut asked);
            assert!(String::from_utf8(asked).unwrap().contains("customer-7"));
            confirmed
        };
        typed("customer-7\n").unwrap();
        typed("customer-7").unwrap();
        for text in ["", "\n", "y\n", "yes\n", "customer-8\n", "customer-7 \n", "x customer-7\n"] {
            let error = typed(text).unwrap_err();
            assert!(matches!(error, CliError::NotConfirmed(_)), "{text:?}: {error}");
        }
    }
}
