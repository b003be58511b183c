//! What PostgreSQL's own `postmaster.pid` says, and whether it is still true.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::failure::{configuration, io_at};
use super::state::ServerState;
use crate::Error;

const FILE: &str = "postmaster.pid";

/// How long a server that lost its owner may take to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// The process that serves `cluster`, once it says that it is ready.
pub(super) fn ready(cluster: &Path) -> Option<i32> {
    let text = fs::read_to_string(cluster.join(FILE)).ok()?;
    let status = text.lines().nth(7)?;
    (status.trim() == "ready").then(|| process(&text)).flatten()
}

/// Makes sure that no server works in `cluster`, and that no old pid file says so.
///
/// A server that ours started and that outlived its shell is stopped; any other is an error.
pub(super) fn clear(cluster: &Path, state: Option<&ServerState>) -> Result<(), Error> {
    let path = cluster.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_at("read", &path, error)),
    };
    let Some(pid) = process(&text).filter(|pid| serves(*pid, cluster)) else {
        return remove(&path);
    };
    if state.is_none_or(|state| state.pid != pid) {
        return Err(configuration(format!(
            "a PostgreSQL server that this program did not start works in `{}`: stop process {pid} first",
            cluster.display()
        )));
    }
    signal(pid, Signal::INT);
    let deadline = Instant::now() + PATIENCE;
    while serves(pid, cluster) {
        if Instant::now() > deadline {
            return Err(configuration(format!(
                "an old PostgreSQL server in `{}` does not stop: end process {pid}",
                cluster.display()
            )));
        }
        thread::sleep(Duration::from_millis(20));
    }
    remove(&path)
}

/// Sends `signal`; a process that is gone needs none.
pub(super) fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// Whether a process is there; one that has ended and waits for its parent to notice is not.
pub(crate) fn is_alive(pid: u32) -> bool {
    if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The name before the state is in brackets and may hold anything.
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
        return !state.starts_with(['Z', 'X']);
    }
    // Where there is no such file, or no such folder: ask the system.
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .is_some_and(|pid| {
            test_kill_process(pid).map_or_else(|error| error == Errno::PERM, |()| true)
        })
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_at("remove", path, error)),
        _ => Ok(()),
    }
}

fn process(text: &str) -> Option<i32> {
    text.lines()
        .next()?
        .trim()
        .parse()
        .ok()
        .filter(|pid| *pid > 1)
}

/// Whether `pid` is a PostgreSQL server at work in `cluster`: after a restart of the machine
/// the number may belong to anything.
fn serves(pid: i32, cluster: &Path) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    if let Ok(stat) = fs::read_to_string(process.join("stat")) {
        // The name is in parentheses and may contain anything; the state follows it.
        let state = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.trim_start().chars().next());
        if state == Some(Some('Z')) {
            return false;
        }
        return match fs::read_link(process.join("cwd")) {
            Ok(folder) => folder == cluster,
            // Another account's process: its name has to do.
            Err(_) => stat.contains("(postgres)"),
        };
    }
    if Path::new("/proc/self/stat").exists() {
        return false;
    }
    Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout).contains(&*cluster.to_string_lossy())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(first_line: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), format!("{first_line}\n/x\n")).unwrap();
        folder
    }

    #[test]
    fn a_number_that_is_not_a_server_of_this_folder_is_forgotten() {
        let own = std::process::id().to_string();
        for line in [own.as_str(), "999999999", "-4", "", "rubbish"] {
            let folder = cluster(line);
            clear(folder.path(), None).unwrap();
            assert!(!folder.path().join(FILE).exists(), "{line}");
        }
    }

    #[test]
    fn a_server_of_somebody_else_is_left_alone() {
        let folder = cluster("");
        let cluster = fs::canonicalize(folder.path()).unwrap();
        let mut stranger = Command::new("sleep")
            .arg("60")
            .current_dir(&cluster)
            .spawn()
            .unwrap();
        let pid = stranger.id();
        fs::write(cluster.join(FILE), format!("{pid}\n")).unwrap();

        let error = clear(&cluster, None).unwrap_err().to_string();

        assert!(error.contains(&format!("stop process {pid}")), "{error}");
        assert!(stranger.try_wait().unwrap().is_none());
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
