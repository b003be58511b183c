//! Files that somebody made to break something.

use reqwest::Method;
use serde_json::Value;

use super::{HEADER, HOST, IMPORT, ended, import, send};
use crate::program::{Site, answer};

#[tokio::test]
async fn a_file_that_is_no_table_of_products_is_refused_at_once() {
    let site = Site::new().await;
    let server = &site.server;
    let bodies: [(&str, Vec<u8>); 12] = [
        ("nothing", b"".to_vec()),
        ("a header alone", HEADER.into()),
        ("blank lines", format!("{HEADER}\r\n\n \n").into()),
        ("other columns", b"a,b,c\n1,2,3\n".to_vec()),
        ("semicolons", b"name;sku;price_cents\na;b;1\n".to_vec()),
        (
            "a column twice",
            b"name,sku,price_cents,sku\na,b,1,c\n".to_vec(),
        ),
        (
            "100,000 columns",
            [HEADER.trim().as_bytes(), &b",x".repeat(100_000)].concat(),
        ),
        ("NUL", format!("{HEADER}a\0,b,1,EUR,1,,\n").into()),
        (
            "UTF-16",
            "name,sku,price_cents\na,b,1\n"
                .encode_utf16()
                .flat_map(u16::to_be_bytes)
                .collect(),
        ),
        (
            "Latin-1",
            [HEADER.as_bytes(), b"Caf\xe9,b,1,EUR,1,,\n"].concat(),
        ),
        (
            "a quote that is not closed",
            format!("{HEADER}a,\"b,1,EUR,1,,\nc,d,1,EUR,1,,\n").into(),
        ),
        ("quotes alone", b"\"".repeat(99_999)),
    ];
    for (what, body) in bodies {
        let (status, problem) = send(server, IMPORT, body).await;
        assert_eq!(status, 422, "{what}: {problem}");
        assert_eq!(problem["code"], "validation_failed", "{what}: {problem}");
        assert!(problem.to_string().len() < 4_000, "{what}: {problem}");
    }
    let large = send(server, IMPORT, vec![b'a'; 1024 * 1024 + 1]).await;
    assert_eq!(large.0, 413, "{}", large.1);
    for kind in ["application/json", "text/csv; charset=utf-16", "text/plain"] {
        let request = server.request(Method::POST, HOST, IMPORT);
        let request = request.header("content-type", kind).body(HEADER);
        assert_eq!(answer(request).await.0, 415, "{kind}");
    }
    let bare = answer(server.request(Method::POST, HOST, IMPORT).body(HEADER));
    assert_eq!(bare.await.0, 415);
}

#[tokio::test]
async fn a_hostile_line_is_told_and_the_others_are_products() {
    let site = Site::new().await;
    let server = &site.server;
    let wide = "x,".repeat(100_000);
    let long = "x".repeat(500_000);
    let text = format!(
        "{HEADER}\
         \"=HYPERLINK(\"\"http://evil.example\"\")\",=1+1,1,EUR,1,@SUM(A1),\n\
         \"a\"b,S-1,1,EUR,1,,\n\
         {wide}\n\
         \"{long}\",S-2,1,EUR,1,,\n\
         Long text,S-3,1,EUR,1,\"{long}\",\n\
         \u{202e}txet,S-4,99999999999999999999,EUR,1e9,,\n\
         '); DROP TABLE products; --,S-5,1,EUR,1,,\n\
         Many,S-6,1,EUR,1,,\"{}\"\n",
        "a".repeat(1_000)
    );
    assert!(text.len() < 1024 * 1024 + 300_000);
    // Two files, as one would be larger than bodies are.
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (first, second) = (
        lines[..5].concat(),
        [&lines[..1], &lines[5..]].concat().concat(),
    );
    let mut created = 0;
    let mut errors: Vec<Value> = Vec::new();
    for file in [first, second] {
        let job = import(server, IMPORT, file).await;
        let done = ended(server, &job).await;
        assert_eq!(done["status"], "done", "{done}");
        assert!(done.to_string().len() < 10_000, "{done}");
        created += done["progress"]["created"].as_u64().unwrap();
        errors.extend(done["errors"].as_array().unwrap().iter().cloned());
    }
    // A formula and an injection are texts like others.
    assert_eq!(created, 2, "{errors:?}");
    let fields: Vec<_> = errors
        .iter()
        .map(|error| error["field"].as_str().unwrap_or("the line"))
        .collect();
    let wanted = [
        "the line",
        "the line",
        "name",
        "description",
        "price_cents",
        "stock",
        "category",
    ];
    assert_eq!(fields, wanted, "{errors:?}");
    let (_, page) = server
        .get(HOST, "/api/catalog/products/?ordering=-name")
        .await;
    let names = page["items"].to_string();
    assert!(
        names.contains("=HYPERLINK(\\\"http://evil.example\\\")"),
        "{names}"
    );
    assert!(names.contains("DROP TABLE"), "{names}");
}

#[tokio::test]
async fn the_errors_of_a_file_full_of_them_are_counted_and_some_of_them_kept() {
    let site = Site::new().await;
    let server = &site.server;
    let text = HEADER.to_owned() + &"x\n".repeat(5_000);
    let job = import(server, IMPORT, text).await;
    let done = ended(server, &job).await;
    assert_eq!(done["progress"]["failed"], 5_000, "{done}");
    assert_eq!(done["errors"].as_array().unwrap().len(), 100);
}
