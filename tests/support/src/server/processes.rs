//! The end of a server's processes, as a crash brings it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Kills a server of this process and all its backends, and returns when none of the backends is left.
///
/// The server is halted first: as long as it can act, it answers the death of one backend with a recovery of its own.
pub(super) fn kill_tree(server: u32) {
    // One that has died by itself has been collected, and its number may be a stranger's by now.
    if !children(std::process::id()).contains(&server) {
        return;
    }
    signal("STOP", &[server]);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let children = children(server);
        if children.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "the backends of {server} survive SIGKILL: {children:?}");
        signal("KILL", &children);
        // Nothing tells about the end of another process's children.
        std::thread::sleep(Duration::from_millis(1));
    }
    signal("KILL", &[server]);
}

/// The shell's own `kill`: a small system has no other. A process that is gone by now is no error.
fn signal(name: &str, pids: &[u32]) {
    let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
    let line = format!("kill -{name} {} 2>/dev/null || :", pids.join(" "));
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
}

/// The processes whose parent is this one, without those that are dead and only wait to be collected.
fn children(parent: u32) -> Vec<u32> {
    let of_parent = processes().into_iter().filter(|process| process.parent == parent && !process.is_dead);
    of_parent.map(|process| process.pid).collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Process {
    pid: u32,
    parent: u32,
    is_dead: bool,
}

fn processes() -> Vec<Process> {
    if Path::new("/proc/self/stat").exists() { from_proc() } else { from_ps() }
}

fn from_proc() -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path().join("stat")));
    entries.filter_map(|path| parse_stat(&fs::read_to_string(path).ok()?)).collect()
}

/// `4711 (a name) S 1 ...`: the name may hold spaces and brackets.
fn parse_stat(line: &str) -> Option<Process> {
    let (pid, rest) = line.split_once(" (")?;
    let (_name, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let is_dead = matches!(fields.next()?, "Z" | "X");
    Some(Process { pid: pid.parse().ok()?, parent: fields.next()?.parse().ok()?, is_dead })
}

/// Where there is no /proc, as on macOS.
fn from_ps() -> Vec<Process> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat="]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().filter_map(parse_ps).collect()
}

fn parse_ps(line: &str) -> Option<Process> {
    let mut fields = line.split_whitespace();
    let (pid, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Process { pid, parent, is_dead: fields.next()?.starts_with('Z') })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let process = Process { pid: 7, parent: 1, is_dead: false };
        assert_eq!(parse_stat("7 (postgres: a (b) c) S 1 7 7 0"), Some(process));
        assert!(parse_stat("7 (sh) Z 1 7").is_some_and(|process| process.is_dead));
        assert_eq!(parse_ps("    7     1 Ss+"), Some(Process { pid: 7, parent: 1, is_dead: false }));
    }

    #[test]
    fn a_child_is_found_until_it_is_dead() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(children(std::process::id()).contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!children(std::process::id()).contains(&child.id()));
    }

    #[test]
    fn a_child_is_killed_with_its_children_and_a_stranger_is_left_alone() {
        let mut shell = Command::new("sh");
        let mut shell = shell.args(["-c", "sleep 1000 & echo $!; wait"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let grandchild: u32 = line.trim().parse().unwrap();
        kill_tree(grandchild);
        assert_eq!(children(shell.id()), [grandchild], "it is not this process's to kill");
        kill_tree(shell.id());
        assert!(!shell.wait().unwrap().success());
        let lives = |process: &Process| process.pid == grandchild && !process.is_dead;
        assert!(!processes().iter().any(lives));
    }
}
