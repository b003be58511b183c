//! Where the data lies, and what happens to it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use tenancy_sqlx::ErrorKind;
use tenancy_sqlx::embedded::{EmbeddedOptions, EmbeddedPg};

use super::{Home, is_root, open_to_all, run};

#[tokio::test]
async fn a_second_run_finds_the_data_of_the_first() {
    let home = Home::new();
    let server = EmbeddedPg::start(EmbeddedOptions::new(home.path()))
        .await
        .unwrap();
    run(
        server.owner_options(),
        "CREATE TABLE public.kept AS SELECT 1 AS id",
    )
    .await
    .unwrap();
    server.stop().await.unwrap();

    let server = EmbeddedPg::start(EmbeddedOptions::new(home.path()))
        .await
        .unwrap();
    run(server.owner_options(), "SELECT id FROM public.kept")
        .await
        .unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_path_may_have_spaces_quotes_and_commas() {
    let home = Home::new();
    let odd = home.path().join("it's a \"data\" folder, $HOME `x` \\ ünï");
    let sockets = home.path().join("so \"ck\", et's");
    fs::create_dir_all(&sockets).unwrap();
    let options = EmbeddedOptions::new(&odd).socket_parent(&sockets);
    for _ in 0..2 {
        let server = EmbeddedPg::start(options.clone()).await.unwrap();
        assert!(server.socket_dir().starts_with(&sockets));
        run(server.app_options(), "SELECT 1").await.unwrap();
        server.stop().await.unwrap();
    }
    assert!(odd.join("cluster/PG_VERSION").exists());
    assert_eq!(fs::read_dir(&sockets).unwrap().count(), 0);
}

#[tokio::test]
async fn a_socket_path_that_is_too_long_is_refused_with_its_length() {
    let home = Home::new();
    let deep = home.path().join("d".repeat(80));
    fs::create_dir_all(&deep).unwrap();
    let options = home.options().socket_parent(&deep);
    let error = EmbeddedPg::start(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error.to_string().contains("no more than 107 are possible"),
        "{error}"
    );
}

#[tokio::test]
async fn data_of_root_in_a_private_home_lies_outside_and_is_found_again() {
    if !is_root() {
        // Nobody else needs the server to run as another account.
        return;
    }
    let home = Home::new();
    let private = home.path().join("root");
    fs::create_dir_all(&private).unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    let data = private.join("data");
    let options = EmbeddedOptions::new(&data);

    let server = EmbeddedPg::start(options.clone()).await.unwrap();
    run(server.owner_options(), "CREATE TABLE public.kept (id int)")
        .await
        .unwrap();
    server.stop().await.unwrap();
    let outside = fs::read_to_string(data.join("location")).unwrap();
    assert!(Path::new(&outside).join("cluster/PG_VERSION").exists());
    assert!(!data.join("cluster").exists());

    let server = EmbeddedPg::start(options.clone()).await.unwrap();
    run(server.owner_options(), "SELECT FROM public.kept")
        .await
        .unwrap();
    server.stop().await.unwrap();

    // Moving the folder moves the data along.
    let moved = private.join("moved");
    fs::rename(&data, &moved).unwrap();
    let server = EmbeddedPg::start(EmbeddedOptions::new(&moved))
        .await
        .unwrap();
    run(server.owner_options(), "SELECT FROM public.kept")
        .await
        .unwrap();
    server.stop().await.unwrap();

    // A new folder of the old name has nothing to do with it.
    let server = EmbeddedPg::start(options.clone()).await.unwrap();
    run(server.owner_options(), "CREATE TABLE public.other (id int)")
        .await
        .unwrap();
    run(server.owner_options(), "SELECT FROM public.kept")
        .await
        .unwrap_err();
    server.stop().await.unwrap();
    let second = fs::read_to_string(data.join("location")).unwrap();
    assert_ne!(outside, second);

    // Deleting the folder deletes the data.
    fs::remove_dir_all(&data).unwrap();
    let server = EmbeddedPg::start(options.clone()).await.unwrap();
    run(server.owner_options(), "SELECT FROM public.other")
        .await
        .unwrap_err();
    server.stop().await.unwrap();

    EmbeddedPg::erase(options).await.unwrap();
    EmbeddedPg::erase(EmbeddedOptions::new(&moved))
        .await
        .unwrap();
    assert!(!Path::new(&outside).exists());
    assert!(!Path::new(&second).exists());
}

#[tokio::test]
async fn a_location_that_this_program_did_not_write_is_not_followed() {
    let home = Home::new();
    fs::create_dir_all(home.path()).unwrap();
    // Only folders of this test: where the check is broken, they are what is lost.
    let precious = home.folder.path().join("tenancy-0123456789abcdef");
    fs::create_dir_all(&precious).unwrap();
    fs::write(precious.join("letter.txt"), "dear").unwrap();
    let detour = home.path().join("../tenancy-0123456789abcdef");
    for target in [&precious, &detour] {
        fs::write(home.path().join("location"), target.to_str().unwrap()).unwrap();
        let start = EmbeddedPg::start(home.options()).await;
        let erase = EmbeddedPg::erase(home.options()).await;
        assert!(precious.join("letter.txt").exists());
        for error in [start.unwrap_err(), erase.unwrap_err()] {
            let error = error.to_string();
            assert!(
                error.contains("is not a folder that this program makes"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn as_root_the_cluster_belongs_to_an_unprivileged_account() {
    let home = Home::new();
    let server = home.start().await;
    let owner = fs::metadata(home.cluster()).unwrap().uid();
    assert_ne!(owner, 0);
    for folder in [server.socket_dir(), &home.cluster()] {
        let metadata = fs::metadata(folder).unwrap();
        assert_eq!((metadata.uid(), metadata.mode() & 0o777), (owner, 0o700));
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn erased_data_is_gone_and_the_rest_of_the_folder_is_not() {
    let home = Home::new();
    let server = home.start().await;
    run(server.owner_options(), "CREATE TABLE public.old (id int)")
        .await
        .unwrap();
    server.stop().await.unwrap();
    fs::write(home.path().join("debug.log"), "kept").unwrap();

    EmbeddedPg::erase(home.options()).await.unwrap();

    assert!(!home.cluster().exists());
    assert_eq!(
        fs::read_to_string(home.path().join("debug.log")).unwrap(),
        "kept"
    );
    let server = home.start().await;
    run(server.owner_options(), "SELECT FROM public.old")
        .await
        .unwrap_err();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_setup_that_was_cut_off_is_done_again() {
    let home = Home::new();
    let draft = home.path().join("cluster.new");
    fs::create_dir_all(&draft).unwrap();
    open_to_all(&home.path());
    fs::write(draft.join("PG_VERSION"), "15\n").unwrap();
    fs::write(home.path().join("initialising"), "").unwrap();

    home.start().await.stop().await.unwrap();

    assert!(!draft.exists());
    assert!(!home.path().join("initialising").exists());
}

#[tokio::test]
async fn folders_that_this_program_did_not_make_are_left_alone() {
    for name in ["cluster.new", "cluster"] {
        let home = Home::new();
        let folder = home.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("letter.txt"), "dear").unwrap();
        let error = EmbeddedPg::start(home.options())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("was not made by this program"), "{error}");
        assert!(folder.join("letter.txt").exists());
    }
    let home = Home::new();
    fs::create_dir_all(home.path()).unwrap();
    fs::write(home.path().join("PG_VERSION"), "15\n").unwrap();
    let error = EmbeddedPg::start(home.options())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("is that of another PostgreSQL server"),
        "{error}"
    );
}

#[tokio::test]
async fn data_of_another_version_is_refused_by_name() {
    let home = Home::new();
    let server = home.start().await;
    let version = server.version().to_owned();
    server.stop().await.unwrap();
    fs::write(home.cluster().join("PG_VERSION"), "99\n").unwrap();

    let error = EmbeddedPg::start(home.options())
        .await
        .unwrap_err()
        .to_string();

    assert!(error.contains("made by PostgreSQL 99"), "{error}");
    assert!(error.contains(&version), "{error}");
    assert!(error.contains("start with a new data folder"), "{error}");
}

#[tokio::test]
async fn a_folder_without_programs_is_refused_with_what_to_install() {
    let home = Home::new();
    let options = home.options().binaries(Some(home.folder.path().to_owned()));
    let error = EmbeddedPg::start(options).await.unwrap_err().to_string();
    assert!(error.contains("install postgresql`"), "{error}");
}

#[tokio::test]
async fn a_log_that_grew_too_long_starts_anew() {
    let home = Home::new();
    home.start().await.stop().await.unwrap();
    let log = home.path().join("postgres.log");
    let before = fs::metadata(&log).unwrap().len();
    assert!(before > 0);
    fs::write(&log, vec![b'x'; 11 * 1024 * 1024]).unwrap();
    home.start().await.stop().await.unwrap();
    assert!(fs::metadata(&log).unwrap().len() < 100_000);
}
