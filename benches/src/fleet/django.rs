//! The peer: django-tenants with the same tables, in a database of its own on the same server.

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::ground::Ground;
use super::tables::{INDEXES, TABLES};
use crate::plan::Failure;

/// A Python that waits for words of work; see `benches/compare`.
#[derive(Debug)]
pub struct Django {
    child: Child,
    words: ChildStdin,
    answers: BufReader<ChildStdout>,
    made: usize,
    versions: Value,
}

impl Django {
    /// Starts it, installing what it needs into `target/bench/compare` first.
    ///
    /// # Errors
    ///
    /// When there is no Python, or its packages cannot be had: the bench goes on without.
    pub async fn start(ground: &Ground) -> Result<Self, Failure> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("compare");
        let python = match std::env::var_os("COMPARE_PYTHON") {
            Some(python) => PathBuf::from(python),
            None => install(&folder)?,
        };
        let options = ground.database("compare").await?;
        let socket = options.get_socket().ok_or("the server has no socket")?;
        let mut child = Command::new(&python)
            .args(["-W", "ignore"])
            .arg(folder.join("compare.py"))
            .env("COMPARE_HOST", socket)
            .env("COMPARE_PORT", options.get_port().to_string())
            .env("COMPARE_USER", options.get_username())
            .env("COMPARE_DB", "compare")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", python.display()))?;
        let words = child.stdin.take().ok_or("it has no input")?;
        let answers = child.stdout.take().ok_or("it has no output")?;
        let mut django = Self {
            child,
            words,
            answers: BufReader::new(answers),
            made: 0,
            versions: Value::Null,
        };
        django.versions = django.ask("versions")?;
        Ok(django)
    }

    /// What is measured.
    pub fn versions(&self) -> &Value {
        &self.versions
    }

    /// Makes tenants until there are `tenants`.
    ///
    /// # Errors
    ///
    /// When it ended.
    pub fn fill(&mut self, tenants: usize) -> Result<(), Failure> {
        self.create(tenants - self.made).map(drop)
    }

    /// Makes `count` tenants and gives the milliseconds of each.
    pub(super) fn create(&mut self, count: usize) -> Result<Vec<f64>, Failure> {
        let answer = self.ask(&format!("create {count}"))?;
        self.made += count;
        let ms = answer["ms"].as_array().ok_or("no milliseconds")?;
        Ok(ms.iter().filter_map(Value::as_f64).collect())
    }

    /// Seconds of a run that has nothing to do.
    pub(super) fn migrate(&mut self, executor: &str) -> Result<f64, Failure> {
        let answer = self.ask(&format!("migrate {executor}"))?;
        Ok(answer["seconds"].as_f64().ok_or("no seconds")?)
    }

    /// Seconds of a run that adds a column to each of `tenants`.
    pub(super) fn column(&mut self, executor: &str, tenants: usize) -> Result<f64, Failure> {
        let answer = self.ask(&format!("column {executor}"))?;
        if answer["schemas"].as_u64() != Some(tenants as u64) {
            return Err(format!("django-tenants: {answer} of {tenants}: no figures").into());
        }
        Ok(answer["seconds"].as_f64().ok_or("no seconds")?)
    }

    /// Refuses figures of other tables than ours; it has one more, which is its ledger.
    pub(super) fn verify(&mut self, tenants: usize) -> Result<(), Failure> {
        let answer = self.ask("tables")?;
        let right = answer["schemas"].as_u64() == Some(tenants as u64)
            && answer["tables"].as_i64() == Some(TABLES + 1)
            && answer["indexes"].as_i64() == Some(INDEXES + 1);
        if right {
            Ok(())
        } else {
            Err(format!("django-tenants: {answer}, {tenants} expected: no figures").into())
        }
    }

    fn ask(&mut self, words: &str) -> Result<Value, Failure> {
        writeln!(self.words, "{words}")?;
        self.words.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line)
            .map_err(|_| format!("django-tenants gave no answer to `{words}`").into())
    }
}

impl Drop for Django {
    fn drop(&mut self) {
        // It holds nothing that outlives the server.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes an environment with the packages, or takes the one that is there.
fn install(folder: &Path) -> Result<PathBuf, Failure> {
    let environment = Path::new("target/bench/compare");
    let python = environment.join("bin/python");
    if !python.is_file() {
        let made = Command::new("python3")
            .args(["-m", "venv"])
            .arg(environment)
            .output()
            .map_err(|error| format!("there is no python3: {error}"))?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
        }
    }
    let pip = ["-m", "pip", "--disable-pip-version-check", "--retries", "1"];
    let installed = Command::new(&python)
        .args(pip)
        .args(["--timeout", "10", "install", "--quiet", "--requirement"])
        .arg(folder.join("requirements.txt"))
        .output()?;
    if installed.status.success() {
        return Ok(python);
    }
    let said = String::from_utf8_lossy(&installed.stderr).into_owned();
    Err(said
        .lines()
        .last()
        .unwrap_or("pip failed")
        .to_owned()
        .into())
}
