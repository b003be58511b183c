//! A PgBouncer of one's own, for as long as this process lives.

use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tenancy_sqlx::Pooler;

/// What a PgBouncer is started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// How many sessions of the server each database has.
    pub(crate) sessions: u32,
    /// Whether prepared statements are kept apart.
    pub(crate) pooler: Pooler,
}

/// One running PgBouncer; it ends when this value is dropped, and with this process.
#[derive(Debug)]
pub(crate) struct Bouncer {
    port: u16,
    /// The shell that watches over it; it ends both when its standard input ends.
    shell: Child,
    folder: PathBuf,
}

/// Starts the server behind, and ends it when nothing holds the other end of standard input; then
/// what was made in folder `$1` is removed. It is killed, for it would wait for its clients.
const WATCH: &str = r#"
folder=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
trap 'kill -KILL "$server" 2>/dev/null' TERM INT HUP
{
    while read -r _; do :; done
    kill -0 $$ && kill -KILL "$server"
    rm -f -- "$folder/users" "$folder/ini" "$folder/log"
    rmdir -- "$folder"
} <&3 >/dev/null 2>&1 &
exec 3<&-
wait "$server"
"#;

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program to start, if there is one.
pub(crate) fn program() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("PGBOUNCER").filter(|given| !given.is_empty()) {
        return Some(given.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path);
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    folders
        .chain(usual)
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.is_file())
}

/// Whether the program keeps prepared statements apart: PgBouncer does from 1.21.
pub(crate) fn tracks_statements() -> bool {
    version().is_some_and(|version| version >= (1, 21))
}

fn version() -> Option<(u32, u32)> {
    let output = Command::new(program()?).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

impl Bouncer {
    /// Starts one in front of the server of `behind`, for its login.
    pub(crate) fn start(kind: Kind, behind: &PgConnectOptions) -> Self {
        let program = program().expect("there is a PgBouncer");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let port = free_port();
            let mut bouncer = Self::spawn(&program, kind, behind, port);
            while Instant::now() < deadline {
                if bouncer.shell.try_wait().unwrap().is_some() {
                    break;
                }
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return bouncer;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            // Somebody else took the port between the choice and the start.
            let log = fs::read_to_string(bouncer.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "PgBouncer does not start: {log}");
        }
    }

    fn spawn(program: &Path, kind: Kind, behind: &PgConnectOptions, port: u16) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tenancy-pooler-")
            .tempdir_in("/tmp")
            .unwrap()
            .keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let users = folder.join("users");
        let login = behind.get_username();
        fs::write(&users, format!("\"{login}\" \"\"\n")).unwrap();
        let config = folder.join("ini");
        let mut file = fs::File::create(&config).unwrap();
        write!(file, "{}", settings(kind, behind, port, &users)).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut shell = as_neighbour(&folder, behind);
        let shell = shell
            .args(["/bin/sh", "-c", WATCH, "sh"])
            .arg(&folder)
            .arg(program)
            .arg(&config)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            port,
            shell,
            folder,
        }
    }

    /// The way through it to the database of `direct`.
    pub(crate) fn options(&self, direct: &PgConnectOptions) -> PgConnectOptions {
        // Made anew, because options that name a socket keep it.
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(direct.get_username())
            .database(direct.get_database().unwrap())
            .ssl_mode(PgSslMode::Disable)
            // As many programs do; poolers need not know it.
            .extra_float_digits(None)
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

fn settings(kind: Kind, behind: &PgConnectOptions, port: u16, users: &Path) -> String {
    let host = behind
        .get_socket()
        .map_or_else(|| behind.get_host().to_owned(), |s| s.display().to_string());
    let statements = match (tracks_statements(), kind.pooler) {
        (false, _) => "",
        (true, Pooler::TransactionWithStatements) => "max_prepared_statements = 200",
        (true, _) => "max_prepared_statements = 0",
    };
    format!(
        "[databases]
         * = host={host} port={server_port}
         [pgbouncer]
         listen_addr = 127.0.0.1
         listen_port = {port}
         unix_socket_dir =
         auth_type = trust
         auth_file = {users}
         pool_mode = transaction
         default_pool_size = {sessions}
         max_client_conn = 2000
         server_login_retry = 1
         {statements}
        ",
        server_port = behind.get_port(),
        users = users.display(),
        sessions = kind.sessions,
    )
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A command as this account, or, where this is root, as one without rights: PgBouncer refuses root.
/// That is the account of the server's socket, which may be closed to others.
fn as_neighbour(folder: &Path, behind: &PgConnectOptions) -> Command {
    let own = fs::metadata(folder).unwrap().uid();
    if own != 0 {
        return Command::new("env");
    }
    let number = |flag: &str| -> u32 {
        let output = Command::new("id").args([flag, "nobody"]).output().unwrap();
        let number = String::from_utf8(output.stdout).unwrap();
        number.trim().parse().unwrap()
    };
    let socket = behind.get_socket().and_then(|s| fs::metadata(s).ok());
    let (user, group) = match socket {
        Some(socket) if socket.uid() != 0 => (socket.uid(), socket.gid()),
        _ => (number("-u"), number("-g")),
    };
    chown(folder, Some(user), Some(group)).unwrap();
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={user}"))
        .arg(format!("--regid={group}"))
        .args(["--clear-groups", "--"]);
    command
}
