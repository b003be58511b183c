//! Starting, attaching, stopping and being killed.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::ConnectOptions as _;
use tenancy_sqlx::embedded::{EmbeddedOptions, EmbeddedPg};

use super::{Home, ask, processes_of, run, wait_until_gone};

/// Tells the test below that it is the parent that gets killed.
const PARENT_OF: &str = "TENANCY_TEST_PARENT_OF";

/// Not a test of its own: another one runs this binary as the process that it kills.
#[tokio::test]
async fn parent_of_a_server() {
    let Some(folder) = std::env::var_os(PARENT_OF) else {
        return;
    };
    let server = EmbeddedPg::attach_or_start(EmbeddedOptions::new(PathBuf::from(folder)))
        .await
        .unwrap();
    println!("\nsocket={}", server.socket_dir().display());
    println!("owner={}", server.is_owner());
    // The end of its input is the other way to end it.
    std::io::stdin().lines().count();
    server.stop().await.unwrap();
}

/// A process that has attached to or started the server of `home`.
struct Parent {
    process: Child,
    socket_dir: PathBuf,
    is_owner: bool,
}

impl Parent {
    fn of(home: &Home) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "life::parent_of_a_server", "--nocapture"])
            .env(PARENT_OF, home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut value = |name: &str| {
            lines
                .find_map(|line| Some(line.unwrap().strip_prefix(name)?.to_owned()))
                .unwrap_or_else(|| panic!("the process said nothing about {name}"))
        };
        let socket_dir = value("socket=").into();
        let is_owner = value("owner=") == "true";
        Self {
            process,
            socket_dir,
            is_owner,
        }
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[tokio::test]
async fn a_server_dies_with_its_parent_even_on_sigkill() {
    let home = Home::new();
    let parent = Parent::of(&home);
    assert!(parent.is_owner);
    assert!(!processes_of(&home.cluster()).is_empty());
    // A session in the middle of its work does not hold it up.
    let client = EmbeddedPg::attach_or_start(home.options()).await.unwrap();
    let mut busy = client.superuser_options().connect().await.unwrap();
    sqlx::raw_sql("BEGIN; CREATE TABLE half (id int)")
        .execute(&mut busy)
        .await
        .unwrap();

    let socket_dir = parent.socket_dir.clone();
    let killed = Instant::now();
    parent.kill();
    wait_until_gone(&home.path(), &socket_dir);
    println!("gone {:?} after the kill", killed.elapsed());

    // What it leaves does not keep the next one from starting.
    let again = home.start().await;
    assert!(again.is_owner());
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_parent_killed_in_the_middle_of_a_start_leaves_nothing() {
    let home = Home::new();
    home.start().await.stop().await.unwrap();
    for _ in 0..5 {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "life::parent_of_a_server", "--nocapture"])
            .env(PARENT_OF, home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        super::wait_for("the server's process", || {
            if processes_of(&home.cluster()).is_empty() {
                Err(())
            } else {
                Ok(())
            }
        });
        process.kill().unwrap();
        process.wait().unwrap();
        wait_until_gone(&home.cluster(), &home.path().join("none"));
    }
    home.start().await.stop().await.unwrap();
}

#[tokio::test]
async fn a_stopped_server_leaves_nothing() {
    let home = Home::new();
    let server = home.start().await;
    let socket_dir = server.socket_dir().to_owned();
    assert!(socket_dir.join(".s.PGSQL.5432").exists());

    server.stop().await.unwrap();

    assert_eq!(processes_of(&home.path()), []);
    assert!(!socket_dir.exists());
    assert!(!home.path().join("server.json").exists());
}

#[test]
fn a_dropped_server_stops_by_itself_without_its_runtime() {
    let home = Home::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(home.start());
    let socket_dir = server.socket_dir().to_owned();
    drop(runtime);
    drop(server);
    wait_until_gone(&home.path(), &socket_dir);
}

#[tokio::test]
async fn a_start_right_after_a_drop_waits_for_the_old_server() {
    let home = Home::new();
    for _ in 0..5 {
        let server = home.start().await;
        assert!(server.is_owner());
        drop(server);
    }
    home.start().await.stop().await.unwrap();
}

#[tokio::test]
async fn a_temporary_server_takes_its_data_along() {
    let options = EmbeddedOptions::temporary();
    let folder = options.data_dir().to_owned();
    let server = EmbeddedPg::start(options).await.unwrap();
    assert!(folder.join("cluster").exists());
    run(server.app_options(), "SELECT 1").await.unwrap();
    drop(server);
    wait_until_gone(&folder, &folder);
}

#[tokio::test]
async fn a_running_server_is_attached_to_and_not_started_twice() {
    let home = Home::new();
    let owner = home.start().await;

    let error = EmbeddedPg::start(home.options())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&format!("started by process {}", std::process::id())),
        "{error}"
    );
    let error = EmbeddedPg::erase(home.options())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("already runs"), "{error}");

    let attached = EmbeddedPg::attach_or_start(home.options()).await.unwrap();
    assert!(!attached.is_owner());
    assert_eq!(attached.socket_dir(), owner.socket_dir());
    assert_eq!(attached.version(), owner.version());

    attached.stop().await.unwrap();
    run(owner.app_options(), "SELECT 1").await.unwrap();
    owner.stop().await.unwrap();
}

#[tokio::test]
async fn another_database_of_a_running_server_is_prepared_on_the_way() {
    let home = Home::new();
    let owner = home.start().await;
    let other = EmbeddedPg::attach_or_start(home.options().database("other"))
        .await
        .unwrap();
    let database = ask(other.app_options(), "SELECT current_database()::text")
        .await
        .unwrap();
    assert_eq!(database, "other");
    owner.stop().await.unwrap();
}

#[tokio::test]
async fn of_processes_that_start_at_once_exactly_one_is_the_owner() {
    let home = Home::new();
    let starting: Vec<_> = (0..4)
        .map(|_| tokio::spawn(EmbeddedPg::attach_or_start(home.options())))
        .collect();
    let mut servers = Vec::new();
    for task in starting {
        servers.push(task.await.unwrap().unwrap());
    }
    assert_eq!(servers.iter().filter(|server| server.is_owner()).count(), 1);
    let parent = Parent::of(&home);
    assert!(!parent.is_owner);
    // Killing a process that is not the owner does not matter to the server.
    parent.kill();
    run(servers[0].app_options(), "SELECT 1").await.unwrap();
    for server in servers {
        server.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_crashed_server_starts_again_with_its_data() {
    let home = Home::new();
    let server = home.start().await;
    run(server.owner_options(), "CREATE TABLE public.kept (id int)")
        .await
        .unwrap();
    let left = processes_of(&home.path());
    for (pid, _) in &left {
        // Some end by themselves while the others are being killed.
        let _ = kill_process(Pid::from_raw(*pid).unwrap(), Signal::KILL);
    }
    wait_until_gone(&home.path(), &home.path().join("none"));
    let socket_dir = server.socket_dir().to_owned();
    drop(server);
    assert!(socket_dir.exists(), "the shell was killed, too");
    // The number of the old server now belongs to this process.
    let pid_file = home.cluster().join("postmaster.pid");
    let text = std::fs::read_to_string(&pid_file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    std::fs::write(&pid_file, format!("{}\n{rest}", std::process::id())).unwrap();

    let again = home.start().await;
    run(again.owner_options(), "SELECT FROM public.kept")
        .await
        .unwrap();
    assert!(!socket_dir.exists());
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_lost_its_shell_is_replaced() {
    let home = Home::new();
    let server = home.start().await;
    let processes = processes_of(&home.path());
    for (pid, words) in &processes {
        // The shell and its watcher carry the script in their words; the server does not.
        if words.contains("watcher") {
            kill_process(Pid::from_raw(*pid).unwrap(), Signal::KILL).unwrap();
        }
    }
    drop(server);
    assert!(!processes_of(&home.cluster()).is_empty());
    let again = home.start().await;
    run(again.app_options(), "SELECT 1").await.unwrap();
    again.stop().await.unwrap();
    assert_eq!(processes_of(&home.path()), []);
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why_and_leaves_nothing() {
    let home = Home::new();
    home.start().await.stop().await.unwrap();
    let settings = home.cluster().join("postgresql.conf");
    std::fs::write(&settings, "no_such_setting = 1\n").unwrap();

    let error = EmbeddedPg::start(home.options())
        .await
        .unwrap_err()
        .to_string();

    assert!(error.contains("no_such_setting"), "{error}");
    wait_until_gone(&home.path(), &home.path().join("none"));
}

#[tokio::test]
async fn a_start_on_data_that_is_there_is_quick() {
    let home = Home::new();
    let first = Instant::now();
    home.start().await.stop().await.unwrap();
    let first = first.elapsed();
    let second = Instant::now();
    let server = home.start().await;
    let second = second.elapsed();
    let stop = Instant::now();
    server.stop().await.unwrap();
    // Only told: a busy machine decides no test.
    println!(
        "first start and stop {first:?}, second start {second:?}, stop {:?}",
        stop.elapsed()
    );
}
