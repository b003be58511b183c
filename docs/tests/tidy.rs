//! Keeps the tree as ARCHITECTURE.md says it is; each check names the file and what to do.

#![allow(clippy::unwrap_used, reason = "an unexpected error fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

/// The library crates with the workspace crates each may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("tenancy-core", &[]),
    ("tenancy-sqlx/qualify", &[]),
    ("tenancy-sqlx/macros", &["tenancy-qualify"]),
    (
        "tenancy-sqlx",
        &["tenancy-core", "tenancy-sqlx-macros", "tenancy-qualify"],
    ),
    ("tenancy-axum", &["tenancy-core"]),
    ("tenancy-search", &["tenancy-core"]),
    ("tenancy-notify", &["tenancy-core"]),
];

/// What the core must not pull in unless a feature asks for it.
const NOT_IN_CORE: &[&str] = &["axum", "axum-core", "redis", "reqwest", "sqlx", "tokio"];

const FILE_CAP: usize = 600;
const MEDIAN_CAP: usize = 180;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the docs crate has a parent")
        .into()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn manifest(crate_dir: &str) -> Table {
    let path = root().join(crate_dir).join("Cargo.toml");
    read(&path)
        .parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file of the tree with one of `extensions`, without what is built or installed.
fn files(extensions: &[&str]) -> Vec<PathBuf> {
    fn walk(dir: &Path, extensions: &[&str], out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(&*name, "target" | "node_modules" | "dist")
                    && (!name.starts_with('.') || matches!(&*name, ".ci" | ".cargo"))
                {
                    walk(&path, extensions, out);
                }
            } else if path
                .extension()
                .is_some_and(|e| extensions.iter().any(|x| e == *x))
            {
                out.push(path);
            }
        }
    }
    let mut out = Vec::new();
    walk(&root(), extensions, &mut out);
    out.sort();
    assert!(
        !out.is_empty(),
        "found no {extensions:?} files: the walk is broken"
    );
    out
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Fails with all findings at once, so that one run shows the whole list.
fn none(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

fn is_library_source(path: &str) -> bool {
    path.starts_with("tenancy-") && path.contains("/src/")
}

/// The lines that are code: no comments, and nothing after `#[cfg(test)]`.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(n, line)| (n + 1, line))
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let mut findings = Vec::new();
    for (crate_dir, allowed) in ARROWS {
        let manifest = manifest(crate_dir);
        for section in ["dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(section).and_then(|value| value.as_table()) else {
                continue;
            };
            for name in table.keys().filter(|name| name.starts_with("tenancy-")) {
                if !allowed.contains(&name.as_str()) {
                    findings.push(format!(
                        "{crate_dir}/Cargo.toml: depends on {name}; siblings meet only in the app"
                    ));
                }
            }
        }
    }
    none(findings);
}

#[test]
fn core_needs_no_database_runtime_or_framework_by_default() {
    let manifest = manifest("tenancy-core");
    let dependencies = manifest["dependencies"].as_table().unwrap();
    let findings = NOT_IN_CORE
        .iter()
        .filter(|name| {
            dependencies.get(**name).is_some_and(|value| {
                value.get("optional").and_then(toml::Value::as_bool) != Some(true)
            })
        })
        .map(|name| format!("tenancy-core/Cargo.toml: {name} must be optional"))
        .collect();
    none(findings);
    assert_eq!(
        manifest["features"]["default"].as_array().unwrap().len(),
        0,
        "tenancy-core/Cargo.toml: default features must stay empty"
    );
}

#[test]
fn files_stay_short() {
    let mut lengths = BTreeMap::new();
    for path in files(&["rs"]) {
        let name = shown(&path);
        lengths.insert(name, read(&path).lines().count());
    }
    none(
        lengths
            .iter()
            .filter(|(_, lines)| **lines > FILE_CAP)
            .map(|(name, lines)| format!("{name}: {lines} lines; split it, {FILE_CAP} is the cap"))
            .collect(),
    );
    let mut sorted: Vec<usize> = lengths
        .iter()
        .filter(|(name, _)| is_library_source(name) || name.starts_with("examples/"))
        .map(|(_, lines)| *lines)
        .collect();
    sorted.sort_unstable();
    let median = sorted[sorted.len() / 2];
    assert!(
        median <= MEDIAN_CAP,
        "the median file has {median} lines, more than {MEDIAN_CAP}"
    );
}

#[test]
fn only_one_file_writes_a_search_path() {
    let home = "tenancy-sqlx/src/search_path.rs";
    let mut seen_home = false;
    let mut findings = Vec::new();
    for path in files(&["rs", "sql", "sh"]) {
        let name = shown(&path);
        if name == home {
            seen_home = true;
            continue;
        }
        if name.contains("/tests/") || name.starts_with("docs/") {
            continue;
        }
        let text = read(&path);
        for (number, line) in code_lines(&text) {
            let uses_the_module = line.contains("search_path::")
                || line.trim() == "mod search_path;"
                || line.trim_start().starts_with("use crate::search_path");
            // A function's own pin is what a migration must write, and binds it to its schema.
            let pins_a_function =
                path.extension().is_some_and(|e| e == "sql") && line.contains("FROM CURRENT");
            if line.contains("search_path")
                && !uses_the_module
                && !pins_a_function
                && !line.trim_start().starts_with("--")
            {
                findings.push(format!(
                    "{name}:{number}: only {home} may write a search_path"
                ));
            }
        }
    }
    assert!(
        seen_home,
        "{home} is gone: say here which file has its place"
    );
    none(findings);
}

#[test]
fn no_tenant_is_ambient_and_libraries_keep_to_themselves() {
    let forbidden = [
        ("task_local!", "the tenant is an argument"),
        ("thread_local!", "the tenant is an argument"),
        ("process::exit", "a library returns errors"),
        ("env::var", "a library takes settings as values"),
        ("println!", "a library returns values or traces"),
        ("eprintln!", "a library returns values or traces"),
    ];
    let mut findings = Vec::new();
    for path in files(&["rs"]) {
        let name = shown(&path);
        // The commands talk to a terminal, the test kit finds its server by the environment, and
        // a macro hears from cargo there which crate it is compiled in.
        if !is_library_source(&name)
            || name.contains("/cli/")
            || name.contains("/bin/")
            || name.contains("testing")
            || name.contains("sqlx/macros/")
        {
            continue;
        }
        let text = read(&path);
        for (number, line) in code_lines(&text) {
            for (word, why) in forbidden {
                if line.contains(word) {
                    findings.push(format!(
                        "{name}:{number}: {word} is not for libraries: {why}"
                    ));
                }
            }
        }
    }
    none(findings);
}

#[test]
fn no_library_function_takes_a_schema_as_text() {
    let mut findings = Vec::new();
    for path in files(&["rs"]) {
        let name = shown(&path);
        if !is_library_source(&name) || name.ends_with("tenancy-core/src/name.rs") {
            continue;
        }
        // The parser works on text alone and the SQL it gets is not yet anybody's.
        if name.starts_with("tenancy-sqlx/qualify/") {
            continue;
        }
        let text = read(&path);
        for (number, line) in code_lines(&text) {
            if line.contains("schema: &str") || line.contains("schema_name: &str") {
                findings.push(format!(
                    "{name}:{number}: take a SchemaName instead of text"
                ));
            }
        }
    }
    none(findings);
}

#[test]
fn readmes_list_exactly_the_features_there_are() {
    let mut findings = Vec::new();
    for (crate_dir, _) in ARROWS {
        let manifest = manifest(crate_dir);
        let Some(features) = manifest.get("features").and_then(toml::Value::as_table) else {
            continue;
        };
        let default: Vec<&str> = features
            .get("default")
            .and_then(toml::Value::as_array)
            .map(|list| list.iter().filter_map(toml::Value::as_str).collect())
            .unwrap_or_default();
        let expected: BTreeMap<String, bool> = features
            .keys()
            .filter(|name| *name != "default")
            .map(|name| (name.clone(), default.contains(&name.as_str())))
            .collect();
        let readme = read(&root().join(crate_dir).join("README.md"));
        let listed: BTreeMap<String, bool> = readme
            .lines()
            .skip_while(|line| !line.starts_with("| Feature | Default |"))
            .take_while(|line| line.starts_with('|'))
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| `")?.split('|');
                let name = cells.next()?.trim().trim_end_matches('`').to_owned();
                Some((name, cells.next()?.trim() == "yes"))
            })
            .collect();
        if expected != listed {
            findings.push(format!(
                "{crate_dir}/README.md: its feature table says {listed:?}, Cargo.toml {expected:?}"
            ));
        }
    }
    none(findings);
}

#[test]
fn every_crate_has_the_workspace_lints_and_a_description() {
    let mut findings = Vec::new();
    for path in files(&["toml"])
        .into_iter()
        .filter(|path| path.ends_with("Cargo.toml"))
    {
        let name = shown(&path);
        let manifest: Table = read(&path).parse().unwrap();
        let Some(package) = manifest.get("package") else {
            continue;
        };
        if manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"))
            .is_none()
        {
            findings.push(format!("{name}: add [lints] workspace = true"));
        }
        if package.get("description").is_none() {
            findings.push(format!("{name}: add a description"));
        }
    }
    let workspace = manifest(".");
    assert_eq!(
        workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(),
        Some("forbid"),
        "Cargo.toml: unsafe code stays forbidden"
    );
    none(findings);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut findings = Vec::new();
    for path in files(&["md"]) {
        let text = read(&path);
        let dir = path.parent().unwrap();
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            // Rust paths in crate READMEs are rustdoc's to check.
            if file.contains("::") || !file.contains(['.', '/']) {
                continue;
            }
            if !dir.join(file).exists() {
                findings.push(format!("{}: {target} leads nowhere", shown(&path)));
            }
        }
    }
    none(findings);
}

#[test]
fn the_book_lists_every_page_and_compiles_those_with_rust() {
    let book = root().join("docs/book");
    let summary = read(&book.join("SUMMARY.md"));
    let lib = read(&root().join("docs/src/lib.rs"));
    let mut findings = Vec::new();
    for path in files(&["md"])
        .into_iter()
        .filter(|path| path.starts_with(&book))
    {
        let page = path.strip_prefix(&book).unwrap().display().to_string();
        if page == "SUMMARY.md" {
            continue;
        }
        if !summary.contains(&format!("({page})")) {
            findings.push(format!("docs/book/SUMMARY.md: {page} is missing"));
        }
        if read(&path).contains("```rust") && !lib.contains(&format!("\"book/{page}\"")) {
            findings.push(format!(
                "docs/src/lib.rs: {page} has Rust that nothing compiles"
            ));
        }
    }
    none(findings);
}

#[test]
fn every_problem_code_is_in_the_reference() {
    let source = read(&root().join("tenancy-core/src/problem.rs"));
    let page = read(&root().join("docs/book/reference/problems.md"));
    let codes: Vec<&str> = source
        .split('"')
        .collect::<Vec<_>>()
        .windows(2)
        .filter(|pair| {
            pair[1]
                .trim_start_matches([',', ' ', '\n'])
                .starts_with("StatusCode::")
        })
        .map(|pair| pair[0])
        .collect();
    assert!(
        codes.len() > 10,
        "found only {codes:?}: the search is broken"
    );
    none(
        codes
            .iter()
            .filter(|code| !page.contains(&format!("| `{code}` |")))
            .map(|code| format!("docs/book/reference/problems.md: {code} is missing"))
            .collect(),
    );
}

#[test]
fn every_setting_is_in_the_example_and_in_the_reference() {
    let source = read(&root().join("examples/saas/src/settings/mod.rs"));
    let example = read(&root().join(".env.example"));
    let page = read(&root().join("docs/book/reference/settings.md"));
    let names: Vec<&str> = source
        .split('"')
        .filter(|text| text.len() > 4 && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
        .collect();
    assert!(
        names.len() > 8,
        "found only {names:?}: the search is broken"
    );
    let mut findings = Vec::new();
    for name in names {
        if !example.contains(&format!("{name}=")) {
            findings.push(format!(".env.example: {name} is missing"));
        }
        if !page.contains(&format!("`{name}`")) {
            findings.push(format!(
                "docs/book/reference/settings.md: {name} is missing"
            ));
        }
    }
    none(findings);
}
