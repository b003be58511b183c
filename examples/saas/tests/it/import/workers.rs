//! Who does jobs, and who must not.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{HEADER, HOST, IMPORT, ended, import};
use crate::program::{DEADLINE, Site, on, run, saas, stderr, stdout};

/// The figures of a process whose banner this is.
async fn figures(banner: &str) -> String {
    let address = banner.split("metrics at ").nth(1).expect("it names them");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(address.trim()).send().await.unwrap();
    answer.text().await.unwrap()
}

#[tokio::test]
async fn a_worker_beside_a_process_that_keeps_its_cache_to_itself_is_refused_with_the_reason() {
    let site = Site::new().await;
    let refused = run(on(&site.database, saas()).arg("worker")).await;
    assert_eq!(refused.status.code(), Some(1), "{}", stdout(&refused));
    let why = stderr(&refused);
    assert!(why.contains("cache") && why.contains("REDIS_URL"), "{why}");
    // The one that was there goes on.
    let job = import(
        &site.server,
        IMPORT,
        format!("{HEADER}Chair,S-1,1,EUR,1,,\n"),
    )
    .await;
    assert_eq!(ended(&site.server, &job).await["progress"]["created"], 1);
}

#[tokio::test]
async fn a_process_that_serves_does_jobs_and_counts_them_unless_it_is_told_not_to() {
    for (flag, works) in [(None, true), (Some("--no-worker"), false)] {
        let site = Site::with(|command| {
            command.env("METRICS_LISTEN", "127.0.0.1:0").args(flag);
        })
        .await;
        let job = import(
            &site.server,
            IMPORT,
            format!("{HEADER}Chair,S-1,1,EUR,1,,\n"),
        )
        .await;
        if works {
            ended(&site.server, &job).await;
        }
        let (_, shown) = site.server.get(HOST, &job).await;
        assert_eq!(shown["status"] == "done", works, "{shown}");
        let text = figures(&site.server.banner).await;
        assert_eq!(
            text.contains(r#"tenancy_jobs_runs_total{outcome="done"} 1"#),
            works
        );
        assert_eq!(
            text.contains("tenancy_jobs_oldest_seconds"),
            works,
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_worker_alone_tells_its_figures_and_what_it_is_called_with() {
    let help = run(saas().args(["worker", "--help"])).await;
    assert!(help.status.success());
    let help = stdout(&help);
    assert!(
        help.contains("--metrics-listen") && help.contains("REDIS_URL"),
        "{help}"
    );

    let mut site = Site::new().await;
    site.server.signal("TERM").await;
    site.server.ended().await;
    let mut command = on(&site.database, saas());
    command
        .args(["worker", "--metrics-listen", "127.0.0.1:0"])
        .stdout(Stdio::piped());
    let mut worker = command.spawn().unwrap();
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    let banner = tokio::time::timeout(DEADLINE, lines.next_line())
        .await
        .expect("it begins")
        .unwrap()
        .expect("it says so");
    assert!(banner.contains("does jobs"), "{banner}");
    let text = figures(&banner).await;
    assert!(
        text.contains(r#"tenancy_jobs_runs_total{outcome="done"} 0"#),
        "{text}"
    );
    worker.kill().await.unwrap();
}
