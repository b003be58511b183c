//! A problem as a page, for people who came with a browser.

use std::fmt::{self, Write};

use http::{HeaderMap, header};

use crate::document::Document;

/// Whether the client names HTML and likes no JSON as much.
///
/// `*/*` alone is what programs send, so it is not a wish for a page.
pub(crate) fn is_preferred(headers: &HeaderMap) -> bool {
    let (mut html, mut json) = (0.0, 0.0);
    let ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts
            .find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")))
            .map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
        match essence.as_str() {
            "text/html" | "application/xhtml+xml" => html = weight.max(html),
            "application/json" | "application/problem+json" => json = weight.max(json),
            _ => {}
        }
    }
    html > json
}

/// The page; whatever came from outside is escaped.
pub(crate) fn render(document: &Document) -> String {
    let mut page = String::with_capacity(1024);
    let Document {
        title,
        status,
        detail,
        request_id,
        ..
    } = document;
    let title = Escaped(title);
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{status} {title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"status\">{status}</p>\n<h1>{title}</h1>\n<p>{}</p>\n",
        Escaped(&sentence(detail))
    )
    .expect("writing to a string cannot fail");
    if let Some(id) = request_id {
        writeln!(
            page,
            "<p class=\"id\">Request <code>{}</code></p>",
            Escaped(id)
        )
        .expect("writing to a string cannot fail");
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

const STYLE: &str = "body{font:1.1rem/1.5 system-ui,sans-serif;color:#222;background:#fafafa;\
margin:0;display:grid;place-items:center;min-height:100vh}main{max-width:36rem;padding:2rem}\
.status{color:#667;margin:0}h1{margin:.2rem 0 1rem}.id{color:#667;font-size:.9rem}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181a1b}.status,.id{color:#99a}}";

/// Details are written as messages, without a capital and a full stop; a page shows a sentence.
fn sentence(detail: &str) -> String {
    let mut chars = detail.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let mut text: String = first.to_uppercase().chain(chars).collect();
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode, header};

    use super::*;

    fn prefers(accept: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        is_preferred(&headers)
    }

    #[test]
    fn browsers_get_pages_and_programs_get_json() {
        assert!(prefers(
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        ));
        assert!(prefers("application/json;q=0.5, TEXT/HTML"));
        for program in [
            "*/*",
            "application/json",
            "application/json, text/html",
            "text/html;q=0",
            "text/html;q=0.1, application/problem+json",
            "text/plain",
            "",
        ] {
            assert!(!prefers(program), "{program:?}");
        }
        assert!(!is_preferred(&HeaderMap::new()));
    }

    #[test]
    fn what_came_from_outside_is_escaped() {
        let document =
            Document::of_status(StatusCode::BAD_REQUEST).detail("<script>alert('x')</script> & \"");
        let page = render(&document);
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;"));
    }
}
