//! What the documentation shows is what the code is.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The README, everything in docs/, and what else is written for people.
fn documents() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<_> =
        ["README.md", "CHANGELOG.md", "migrations/README.md", "examples/order-processing/README.md"]
            .iter()
            .map(|name| root().join(name))
            .collect();
    paths.extend(std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The code blocks and tables behind `<!-- from PATH -->`, each with its path.
fn quotations(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in text.split("<!-- from ").skip(1) {
        let (source, rest) = part.split_once(" -->\n").unwrap_or_else(|| panic!("a quotation follows at once: {part}"));
        let is_code = rest.starts_with("```");
        let lines = rest.lines();
        let block: Vec<_> = match is_code {
            true => lines.skip(1).take_while(|line| !line.starts_with("```")).collect(),
            false => lines.take_while(|line| line.starts_with('|')).collect(),
        };
        assert!(!block.is_empty(), "nothing is quoted from {source}");
        found.push((source.to_owned(), block.join("\n")));
    }
    found
}

/// A source's text, and the text of its doc comments as rustdoc shows it.
fn sources_of(path: &Path) -> [String; 2] {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let comments = text.lines().map(str::trim_start).filter_map(|line| {
        line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(|line| line.strip_prefix(' ').unwrap_or(line))
    });
    let comments: Vec<_> = comments.filter(|line| !line.starts_with("# ")).collect();
    [text.clone(), comments.join("\n")]
}

#[test]
fn code_in_the_documentation_stands_word_for_word_in_its_source() {
    let mut checked = 0;
    for (document, text) in documents() {
        for (source, block) in quotations(&text) {
            let sources = sources_of(&root().join(&source));
            assert!(
                sources.iter().any(|text| text.contains(&block)),
                "{} quotes {source}, where this does not stand:\n{block}",
                document.display()
            );
            checked += 1;
        }
    }
    assert!(checked >= 4, "only {checked} quotations were found");
}

/// Targets of Markdown links, without the ones that lead out of the repository.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    targets.filter(|target| !target.contains("://") && !target.starts_with('#')).collect()
}

#[test]
fn every_link_in_the_documentation_leads_to_a_file() {
    let mut broken = Vec::new();
    for (document, text) in documents() {
        for link in links(&text) {
            let file = link.split('#').next().unwrap_or_default();
            if !document.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_environment_of_the_binary_is_in_env_example() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_foldhost")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, environment) = help.split_once("Environment:").unwrap();
    let is_variable =
        |word: &&str| word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let variables: Vec<_> = environment.split([' ', ',', '\n']).filter(is_variable).collect();
    assert!(variables.contains(&"DATABASE_URL") && variables.len() >= 6, "{variables:?}");
    let example = std::fs::read_to_string(root().join(".env.example")).unwrap();
    for variable in variables {
        let documented =
            example.lines().any(|line| line.trim_start_matches(['#', ' ']).starts_with(&format!("{variable}=")));
        assert!(documented, "{variable} is missing in .env.example");
    }
}

#[test]
fn every_command_of_the_binary_is_in_the_readme() {
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_foldhost")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands: Vec<_> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains(&"serve") && commands.len() >= 14, "{commands:?}");
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let missing: Vec<_> =
        commands.iter().filter(|name| **name != "help" && !readme.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What docs/hot-swap.md guarantees, it guarantees by the name of a test: all of them are there.
#[test]
fn every_test_that_a_guarantee_names_is_there() {
    let text = std::fs::read_to_string(root().join("docs/hot-swap.md")).unwrap();
    let table = text.lines().skip_while(|line| !line.starts_with("| | held by | shown by |")).skip(2);
    let rows: Vec<_> = table.take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 10, "the guarantees are where this test looks for them");
    let tests = ["tests", "host/src"].map(|directory| sources(&root().join(directory))).concat();
    let mut named = 0;
    for row in rows {
        let shown_by = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<_> = shown_by.split('`').skip(1).step_by(2).filter(|name| !name.contains('/')).collect();
        assert!(!names.is_empty() || shown_by.trim() == "the same", "no test shows this: {row}");
        for name in names {
            assert!(tests.contains(&format!("fn {name}(")), "there is no test {name}: {row}");
            named += 1;
        }
    }
    assert!(named > 20, "only {named} tests were looked for");
}

/// All that is written in Rust below a directory.
fn sources(dir: &Path) -> String {
    let read = |path: PathBuf| match path.extension() {
        _ if path.is_dir() => sources(&path),
        Some(extension) if extension == "rs" => std::fs::read_to_string(path).unwrap(),
        _ => String::new(),
    };
    std::fs::read_dir(dir).unwrap().map(|entry| read(entry.unwrap().path())).collect()
}
