//! Products out of a CSV file: every line once, whatever happens to whoever does it.

mod hostile;
mod killed;
mod resumed;
mod workers;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::program::{Server, Site, answer, until};

const HOST: &str = "one.localhost";
const PRODUCTS: &str = "/api/catalog/products/";
const IMPORT: &str = "/api/catalog/products/import/";

const HEADER: &str = "name,sku,price_cents,currency,stock,description,category\n";

/// Sends a file.
async fn send(server: &Server, path: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let request = server.request(Method::POST, HOST, path);
    answer(request.header("content-type", "text/csv").body(body)).await
}

/// Sends a file that is taken, and gives the path of its job.
async fn import(server: &Server, path: &str, body: impl Into<reqwest::Body>) -> String {
    let (status, accepted) = send(server, path, body).await;
    assert_eq!(status, 202, "{accepted}");
    format!("/api/jobs/{}/", accepted["job_id"].as_str().unwrap())
}

/// The job when it has ended.
async fn ended(server: &Server, job: &str) -> Value {
    until("the import ends", async || {
        let (status, job) = server.get(HOST, job).await;
        assert_eq!(status, 200, "{job}");
        !["queued", "running"].contains(&job["status"].as_str().unwrap())
    })
    .await;
    server.get(HOST, job).await.1
}

/// How many rows there are, as a superuser counts them.
async fn count(superuser: &mut PgConnection, of: &str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {of}"));
    sqlx::query_scalar(sql).fetch_one(superuser).await.unwrap()
}

/// One line of a thousand; one in fifty does not fit.
fn line(n: u32) -> String {
    match n {
        _ if n % 50 != 7 => {
            format!("\"Chair, number {n}\",S-{n},{n},EUR,3,\"of \"\"oak\"\"\",chairs\r\n")
        }
        7 => "No sku,,100,EUR,1,,\n".to_owned(),
        57 => "Text for a price,S-X,cheap,EUR,1,,\n".to_owned(),
        107 => "Taken,S-0,100,EUR,1,,\n".to_owned(),
        157 => "Nowhere,S-X,100,EUR,1,,tables\n".to_owned(),
        207 => "Too short,S-X\n".to_owned(),
        257 => "Stray\"quote,S-X,100,EUR,1,,\n".to_owned(),
        307 => ",S-X,100,EUR,1,,\n".to_owned(),
        _ => "Negative,S-X,-1,eur,-1,,\n".to_owned(),
    }
}

#[tokio::test]
async fn of_a_thousand_lines_with_twenty_bad_ones_the_others_are_products() {
    let site = Site::new().await;
    let server = &site.server;
    let category = json!({ "name": "Chairs" });
    let (status, _) = server
        .send(Method::POST, HOST, "/api/catalog/categories/", &category)
        .await;
    assert_eq!(status, 201);
    // What was remembered before must not be shown afterwards.
    assert_eq!(server.get(HOST, PRODUCTS).await.1["items"], json!([]));

    let text = "\u{feff}".to_owned() + HEADER + &(0..1000).map(line).collect::<Vec<_>>().concat();
    let job = import(server, IMPORT, text).await;
    let done = ended(server, &job).await;
    assert_eq!(done["status"], "done", "{done}");
    assert_eq!(done["kind"], "catalog.import");
    let figures = json!({ "done": 1000, "of": 1000, "created": 980, "updated": 0, "failed": 20 });
    assert_eq!(done["progress"], figures);
    let errors = done["errors"].as_array().unwrap();
    let said: Vec<_> = errors
        .iter()
        .map(|error| {
            let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
            (error["line"].as_u64().unwrap(), text("field"), text("code"))
        })
        .collect();
    let wanted = [
        (9, "sku", "invalid"),
        (59, "price_cents", "invalid"),
        (109, "sku", "taken"),
        (159, "category", "unknown"),
        (209, "", "malformed"),
        (259, "", "malformed"),
        (309, "name", "invalid"),
    ];
    for (line, field, code) in wanted {
        let error = (line, field.to_owned(), code.to_owned());
        assert!(said.contains(&error), "{error:?} is not in {said:?}");
    }
    let lines: std::collections::BTreeSet<_> = said.iter().map(|(line, ..)| *line).collect();
    assert_eq!(lines.len(), 20, "{said:?}");

    // The list is what the rows are, the category counts them, and the search follows.
    let (_, page) = server
        .get(HOST, &format!("{PRODUCTS}?ordering=-price&limit=1"))
        .await;
    assert_eq!(page["items"][0]["sku"], "S-999", "{page}");
    assert_eq!(page["items"][0]["description"], "of \"oak\"");
    assert_ne!(server.get(HOST, PRODUCTS).await.1["items"], json!([]));
    let (_, categories) = server.get(HOST, "/api/catalog/categories/").await;
    assert_eq!(categories["items"][0]["product_count"], 980, "{categories}");
    until("the search finds the last one", async || {
        let found = server
            .get(HOST, "/api/catalog/products/search/?q=number+999")
            .await
            .1;
        found["items"][0]["sku"] == "S-999"
    })
    .await;
    // Another tenant sees nothing of it.
    let (status, _) = server.get("two.localhost", &job).await;
    assert_eq!(status, 404);
    let (_, none) = server.get("two.localhost", PRODUCTS).await;
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn a_sku_that_is_known_is_an_error_unless_products_are_to_be_updated() {
    let site = Site::new().await;
    let server = &site.server;
    for name in ["Old", "New"] {
        let category = json!({ "name": name });
        server
            .send(Method::POST, HOST, "/api/catalog/categories/", &category)
            .await;
    }
    let text = format!("{HEADER}Chair,S-1,100,USD,3,Red,old\nTable,S-2,200,,,,\n");
    let first = import(server, IMPORT, text).await;
    assert_eq!(ended(server, &first).await["progress"]["created"], 2);

    let again = "sku,name,price_cents,category,stock\nS-1,Armchair,150,new,\nS-3,Lamp,1,,\n";
    let second = import(server, IMPORT, again).await;
    let second = ended(server, &second).await;
    assert_eq!(second["progress"]["created"], 1, "{second}");
    assert_eq!(second["errors"][0]["code"], "taken", "{second}");

    // Somebody has seen it before, so it is in the cache.
    let (_, page) = server.get(HOST, &format!("{PRODUCTS}?ordering=name")).await;
    let chair = &page["items"][0];
    let path = format!("{PRODUCTS}{}/", chair["id"].as_str().unwrap());
    assert_eq!(server.get(HOST, &path).await.1["name"], "Chair");
    let third = import(server, &format!("{IMPORT}?update=true"), again).await;
    let third = ended(server, &third).await;
    assert_eq!(third["progress"]["updated"], 2, "{third}");
    let (_, chair) = server.get(HOST, &path).await;
    assert_eq!(
        (&chair["name"], &chair["price_cents"]),
        (&json!("Armchair"), &json!(150))
    );
    // An empty field and a column that is not there say nothing.
    assert_eq!(
        (&chair["stock"], &chair["currency"]),
        (&json!(3), &json!("USD"))
    );
    assert_eq!(chair["description"], "Red");
    let (_, categories) = server.get(HOST, "/api/catalog/categories/").await;
    let counts: Vec<_> = categories["items"].as_array().unwrap().iter().collect();
    assert_eq!(counts[0]["product_count"], 1, "{categories}");
    assert_eq!(counts[1]["product_count"], 0, "{categories}");
    let (status, problem) = send(server, &format!("{IMPORT}?update=maybe"), again).await;
    assert_eq!(status, 422, "{problem}");
}
