//! The tie between this process and its server: when this one is gone, however it went, so is
//! the other.
//!
//! The server's parent is a small shell that reads from a pipe whose other end only this
//! process holds. The kernel closes that end when this process ends, also after SIGKILL; the
//! shell then stops the server and removes what it leaves. Signals tied to the parent's death
//! are not used because they follow the thread that started the child, not the process.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::thread;

use tokio::sync::watch;

use super::account::{Account, cannot_run};
use super::failure::configuration;
use crate::Error;

/// Starts `"$@"`, stops it by SIGINT when standard input ends or a signal asks for it, and
/// removes folder `$1` when it has ended.
///
/// - Standard output is a lock that must live as long as the server and this shell, and no
///   longer; standard error is the log. The server gets the log only.
/// - The shell that waits for the end of input repeats its SIGINT, because a server that has
///   only just been started does not hear the first one.
const SCRIPT: &str = r#"
folder=$1; shift
server=
trap '[ -z "$server" ] || kill -INT "$server" 2>/dev/null' TERM INT HUP
exec 3<&0 </dev/null
"$@" 3<&- >&2 &
server=$!
{
    while read -r _; do :; done
    pause=
    trap 'kill $pause; exit' TERM
    while kill -INT "$server"; do sleep 1 & pause=$!; wait "$pause"; done
} <&3 >/dev/null 2>&1 &
watcher=$!
exec 3<&-
while kill -0 "$server" 2>/dev/null; do wait "$server"; done
kill "$watcher" 2>/dev/null
rm -rf -- "$folder"
"#;

/// Holds a server's life; dropping it lets the server stop by itself and does not wait.
#[derive(Debug)]
pub(super) struct Lifeline {
    /// Nothing is ever written: only its end matters.
    pipe: Option<ChildStdin>,
    ended: watch::Receiver<bool>,
}

impl Lifeline {
    /// Starts `server` as `account`; `folder` is removed when it has ended.
    pub(super) fn start(
        account: Account,
        server: &Command,
        folder: &Path,
        lock: File,
        log: File,
    ) -> Result<Self, Error> {
        let mut child = account
            .command("/bin/sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(folder)
            .arg(server.get_program())
            .args(server.get_args())
            .stdin(Stdio::piped())
            .stdout(lock)
            .stderr(log)
            // Ctrl-C in a terminal is for the program, which still needs its server to drain.
            .process_group(0)
            .spawn()
            .map_err(cannot_run)?;
        let pipe = child.stdin.take();
        let (end, ended) = watch::channel(false);
        thread::Builder::new()
            .name("tenancy-embedded".to_owned())
            .spawn(move || {
                // Whatever it answers, the child is gone.
                let _ = child.wait();
                end.send_replace(true);
            })
            .map_err(|error| {
                configuration(format!("cannot start a thread: {error}")).with_source(error)
            })?;
        Ok(Self { pipe, ended })
    }

    /// Whether the server has ended.
    pub(super) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Asks the server to stop.
    pub(super) fn release(&mut self) {
        self.pipe = None;
    }

    /// Waits until the server and its shell are gone.
    pub(super) async fn ended(&mut self) {
        // An error means that the thread is gone, which it is only after the child.
        let _ = self.ended.wait_for(|ended| *ended).await;
    }
}
