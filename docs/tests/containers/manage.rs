//! `manage.py` and `python manage.py` lead to the program.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Output};

use crate::dockerfile::stages;
use crate::{read, root};

/// A stand-in for the program that prints each of its words and ends with a code of its own.
const STUB: &str = "#!/bin/sh\nfor word; do printf '<%s>' \"$word\"; done\nexit 3\n";

/// Says `words` in a folder of programs like the image's.
fn say(words: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path();
    fs::write(bin.join("saas"), STUB).unwrap();
    fs::copy(
        root().join("examples/saas/manage.py"),
        bin.join("manage.py"),
    )
    .unwrap();
    for program in ["saas", "manage.py"] {
        let all = fs::Permissions::from_mode(0o755);
        fs::set_permissions(bin.join(program), all).unwrap();
    }
    symlink("manage.py", bin.join("python")).unwrap();
    Command::new(bin.join(words[0]))
        .args(&words[1..])
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .output()
        .unwrap()
}

#[test]
fn every_spelling_hands_the_words_on_as_they_are() {
    for start in [
        &["manage.py"][..],
        &["python", "manage.py"],
        &["python", "./manage.py"],
        &["python", "/srv/saas/manage.py"],
    ] {
        let words = ["create_tenant", "public", "Public Tenant", "--x=$HOME *"];
        let said = say(&[start, &words].concat());
        assert_eq!(
            String::from_utf8_lossy(&said.stdout),
            "<create_tenant><public><Public Tenant><--x=$HOME *>",
            "{start:?}"
        );
        assert_eq!(said.status.code(), Some(3), "{start:?}");
    }
    let nothing = say(&["manage.py"]);
    assert_eq!((nothing.status.code(), nothing.stdout.len()), (Some(3), 0));
}

#[test]
fn the_image_has_both_spellings_on_its_path() {
    let stages = stages(&read("examples/saas/Dockerfile"));
    let image = stages.last().unwrap();
    let links = image
        .all("RUN")
        .any(|run| run.rest.contains("ln -s manage.py /usr/local/bin/python"));
    let copy = image
        .all("COPY")
        .find(|copy| copy.rest.starts_with("examples/saas/manage.py "));
    let copy = copy.expect("manage.py is copied");
    assert!(links && copy.rest.ends_with(" /usr/local/bin/manage.py"));
    assert!(copy.flags.contains(&"--chmod=755".to_owned()));
}
