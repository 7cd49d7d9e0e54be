//! What a page asks its reader to do: its code blocks, each with the comment above it.

/// What a block of the page is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    /// Commands that make the program; whoever runs these tests has it.
    NotRun,
    /// Commands, and the status that the last of them ends with.
    Run(i32),
    /// What the commands before printed.
    Prints,
    /// A host, which goes on running.
    Serve,
    /// A part of this file.
    Shows(String),
    /// A part of this file, at which the next block says what to do.
    Find(String),
    /// Stands behind what was found.
    AddBelow,
    /// Stands where the found part stood.
    PutInItsPlace,
    /// Stands at the end of this file.
    AddAtTheEnd(String),
}

impl Task {
    fn of(comment: &str) -> Self {
        match comment {
            "not run" => Self::NotRun,
            "run" => Self::Run(0),
            "prints" => Self::Prints,
            "serve" => Self::Serve,
            "add below" => Self::AddBelow,
            "put in its place" => Self::PutInItsPlace,
            _ => {
                let path = |start: &str| comment.strip_prefix(start).map(str::to_owned);
                let ends = path("run, ends with ").map(|status| Self::Run(status.parse().unwrap()));
                let with_path = || path("shows ").map(Self::Shows).or_else(|| path("find in ").map(Self::Find));
                let at_the_end = || path("add at the end of ").map(Self::AddAtTheEnd);
                ends.or_else(with_path).or_else(at_the_end).unwrap_or_else(|| panic!("no task: {comment}"))
            }
        }
    }
}

/// A block between fences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) task: Task,
    /// Its lines, each with its end.
    pub(crate) text: String,
    /// Where it begins on the page.
    pub(crate) line: usize,
}

/// Every block of a page. One without a comment would be one that nobody tries, and so fails.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut comment = None;
    let mut lines = page.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let line_number = index + 1;
        if line.starts_with("```") {
            let comment: &str = comment.take().unwrap_or_else(|| panic!("line {line_number}: what is this block for?"));
            let text = lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```"));
            let text = text.map(|line| format!("{line}\n")).collect();
            blocks.push(Block { task: Task::of(comment), text, line: line_number });
        } else {
            comment = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
        }
    }
    blocks
}

/// A page with nothing but one section of it, on the lines where it stands.
pub(crate) fn section(page: &str, heading: &str) -> String {
    let is_heading = |line: &&str| line.strip_prefix("## ") == Some(heading);
    let lines = page.lines().count();
    let before = page.lines().take_while(|line| !is_heading(line)).count();
    assert!(before < lines, "the page has no section {heading:?}");
    let within = page.lines().skip(before + 1).take_while(|line| !line.starts_with("## "));
    "\n".repeat(before + 1) + &within.map(|line| format!("{line}\n")).collect::<String>()
}
