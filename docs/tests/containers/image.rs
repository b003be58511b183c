//! What the image is built from, and what runs in it.

use toml::Table;

use crate::dockerfile::{Stage, ignored, stages};
use crate::{is_pinned, read, root, setting};

const FILE: &str = "examples/saas/Dockerfile";

fn file() -> Vec<Stage> {
    let stages = stages(&read(FILE));
    assert!(stages.len() > 1, "{FILE}: found only {stages:?}");
    stages
}

fn rules() -> String {
    read(&format!("{FILE}.dockerignore"))
}

fn table(path: &str) -> Table {
    read(path)
        .parse()
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn images_are_pinned_and_the_compiler_is_the_workspaces() {
    let stages = file();
    for stage in &stages {
        assert!(is_pinned(&stage.image), "{FILE}: pin {}", stage.image);
    }
    let toolchain = table("rust-toolchain.toml");
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    let image = &stages[0].image;
    assert!(
        image.starts_with(&format!("rust:{channel}-")),
        "{FILE}: {image}"
    );
    let used = stages[0].last("ENV").unwrap();
    assert_eq!(used, format!("RUSTUP_TOOLCHAIN={channel}"), "{FILE}");
    // What was linked on one release of Debian runs on it.
    assert!(image.ends_with("-bookworm") && stages[1].image.starts_with("debian:12"));
}

#[test]
fn everything_copied_exists_and_the_builder_sees_it() {
    let stages = file();
    let mut copied = 0;
    for stage in &stages {
        for copy in stage.all("COPY") {
            let words = copy.words();
            let (target, sources) = words.split_last().unwrap();
            if let Some(from) = copy.flags.iter().find_map(|f| f.strip_prefix("--from=")) {
                let earlier = stages.iter().find(|stage| stage.name == from);
                let made = earlier.unwrap_or_else(|| panic!("{FILE}: no stage {from}"));
                let runs = made.all("RUN").any(|run| run.rest.ends_with(sources[0]));
                assert!(runs, "{FILE}: nothing makes {}", sources[0]);
            } else {
                for source in sources {
                    assert!(root().join(source).exists(), "{FILE}: {source} is missing");
                    assert!(!ignored(&rules(), source), "{FILE}: {source} is ignored");
                }
            }
            assert!(!target.is_empty());
            copied += 1;
        }
    }
    assert!(copied > 2, "{FILE}: found only {copied} copies");
}

#[test]
fn the_builder_sees_every_member_of_the_workspace_and_no_secret() {
    let workspace = table("Cargo.toml");
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let mut needed: Vec<String> = ["Cargo.toml", "Cargo.lock"].map(str::to_owned).into();
    for member in members {
        let member = member.as_str().unwrap();
        for part in [
            "Cargo.toml",
            "src/lib.rs",
            "src/main.rs",
            "migrations/1_x.sql",
        ] {
            needed.push(format!("{member}/{part}"));
        }
    }
    for path in needed {
        assert!(
            !ignored(&rules(), &path),
            "{FILE}.dockerignore: {path} is needed"
        );
    }
    for path in [
        ".env",
        ".env.production",
        ".git/config",
        ".saas/pg/data/PG_VERSION",
        ".services/postgres.log",
        "target/release/saas",
        "debug.2026-01-01.log",
        "examples/saas/frontend/node_modules/x/package.json",
    ] {
        assert!(
            ignored(&rules(), path),
            "{FILE}.dockerignore: {path} is not wanted"
        );
    }
}

#[test]
fn the_program_that_starts_is_the_one_that_was_built() {
    let stages = file();
    let (build, run) = (&stages[0], &stages[1]);
    let package = table("examples/saas/Cargo.toml");
    let name = package["package"]["name"].as_str().unwrap();
    let built = build.all("RUN").last().unwrap();
    assert!(
        built
            .rest
            .contains(&format!("cargo build --locked --release -p {name} "))
    );
    assert!(built.rest.contains(&format!("cp target/release/{name} ")));
    for folder in ["/usr/local/cargo/registry", "/workspace/target"] {
        let cache = format!("--mount=type=cache,target={folder},");
        assert!(
            built.flags.iter().any(|flag| flag.starts_with(&cache)),
            "{FILE}: {folder} is built anew each time"
        );
    }
    let start = run.last("ENTRYPOINT").or_else(|| run.last("CMD")).unwrap();
    assert_eq!(start, format!("[\"{name}\", \"serve\"]"), "{FILE}");
    let installed = run.all("COPY").any(|copy| {
        copy.flags.iter().any(|flag| flag.starts_with("--from="))
            && copy.rest.ends_with(&format!("/bin/{name}"))
    });
    assert!(installed, "{FILE}: {name} is not on the path");
}

#[test]
fn it_runs_as_a_user_of_its_own() {
    let stages = file();
    let run = stages.last().unwrap();
    let user = run.last("USER").expect("a user");
    assert!(
        !matches!(user.split(':').next(), Some("root" | "0")),
        "{FILE}: runs as root"
    );
    let makes = run.all("RUN").find(|step| step.rest.contains("useradd"));
    let makes = &makes.expect("the user is made").rest;
    let line = makes
        .split("&&")
        .find(|part| part.contains("useradd"))
        .unwrap();
    assert!(line.trim().ends_with(&format!(" {user}")), "{FILE}: {line}");
    let home = run.last("WORKDIR").unwrap();
    assert!(
        line.contains(&format!("--create-home --home-dir {home} ")),
        "{FILE}: {line}"
    );
    let position = |word: &str| run.steps.iter().rposition(|step| step.word == word);
    assert!(
        position("USER") > position("RUN"),
        "{FILE}: steps as root come first"
    );
    for step in run
        .all("RUN")
        .filter(|step| step.rest.contains("apt-get install"))
    {
        assert!(step.rest.contains("--no-install-recommends"), "{FILE}");
        assert!(step.rest.contains("rm -rf /var/lib/apt/lists/*"), "{FILE}");
    }
}

#[test]
fn its_port_is_the_settings_and_nothing_secret_is_in_it() {
    let stages = file();
    let run = stages.last().unwrap();
    let default = setting("LISTEN");
    let port = default.rsplit(':').next().unwrap();
    assert_eq!(run.last("EXPOSE"), Some(port), "{FILE}");
    assert_eq!(
        run.last("ENV"),
        Some(&*format!("LISTEN=0.0.0.0:{port}")),
        "{FILE}"
    );
    assert_eq!(run.last("STOPSIGNAL"), Some("SIGTERM"), "{FILE}");
    for stage in &stages {
        for step in stage.all("ENV").chain(stage.all("ARG")) {
            let name = step.rest.split('=').next().unwrap();
            let secret = ["SECRET", "PASSWORD", "TOKEN", "KEY", "DATABASE_URL"];
            assert!(
                !secret.iter().any(|word| name.contains(word)),
                "{FILE}: {name}"
            );
        }
    }
}
