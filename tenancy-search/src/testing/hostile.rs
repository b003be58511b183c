//! Texts that mean harm.

use super::bench::{Bench, id, put};
use crate::engine::Placement;
use crate::query::Query;

/// A hundred texts that engines, parsers and terminals have stumbled over: to be asked for, and to
/// be in documents.
pub fn hostile_texts() -> Vec<String> {
    let mut texts: Vec<String> = TEXTS.iter().map(|text| (*text).to_owned()).collect();
    texts.push("a".repeat(1 << 20));
    texts.push("lamp ".repeat(1 << 18));
    texts.push("é".repeat(1 << 19));
    texts.push("*".repeat(1 << 20));
    texts.push("(".repeat(50_000));
    texts.push("\u{0}".repeat(100_000));
    texts.push("z\u{301}\u{302}\u{303}".repeat(10_000));
    for nested in ["[", "{\"bool\":{\"must\":", "NOT (", "\"", "\\", "AND "] {
        texts.push(nested.repeat(2_000));
    }
    texts
}

impl Bench {
    pub(super) async fn survives_hostile_texts(&self, placement: Placement) {
        let other = self.index("acme-x", placement).await;
        let theirs = [
            put(1, 1, "lamp secret", "select a or b and not match all"),
            put(9_999, 1, "lamp theirs", "a b c now d products tenancy 1"),
        ];
        self.write(&other, &theirs).await;
        let index = self.index("acme", placement).await;
        self.write(&index, &[put(1, 1, "lamp", "plain")]).await;
        let texts = hostile_texts();
        for (text, number) in texts.iter().zip(100..) {
            self.write(&index, &[put(number, 1, text, "")]).await;
        }
        self.refresh(&index).await;
        self.refresh(&other).await;
        for (text, number) in texts.iter().zip(100..) {
            let shown: String = text.chars().take(60).collect();
            let hits = self.ask(&index, &Query::new(text).with_limit(100)).await;
            let ids: Vec<_> = hits.hits.iter().map(|hit| hit.id).collect();
            assert!(
                !ids.contains(&id(9_999)),
                "{shown:?} found another tenant's"
            );
            assert_eq!(
                ids.contains(&id(number)),
                !Query::new(text).words().is_empty(),
                "{shown:?} finds itself if it has words"
            );
        }
        self.purge(&index).await;
        self.purge(&other).await;
    }
}

const TEXTS: &[&str] = &[
    "*",
    "?",
    "**",
    "*:*",
    "_all",
    "_exists_:name",
    "name:*",
    "tenant:*",
    "id:[* TO *]",
    "lamp OR *",
    "lamp AND NOT lamp",
    "lamp~",
    "lamp~2",
    "lamp^1000",
    "+lamp -desk",
    "lamp && desk",
    "lamp || desk",
    "!lamp",
    "(lamp",
    "lamp)",
    "\"lamp",
    "\"lamp desk\"~5",
    "/.*/",
    "/l[amp]+/",
    "[a TO z]",
    "{a TO z}",
    "<lamp-{now/d}>",
    "<tenancy-{now/M{yyyy.MM}}>",
    "now-1d/d",
    "2024-01-01||/M",
    "lamp\\",
    "\\*",
    "\\u0000",
    "\0",
    "lamp\0desk",
    "\r\n\r\nGET / HTTP/1.1",
    "%00",
    "%2e%2e%2f",
    "../../_search",
    "../_cat/indices",
    "_cluster/settings",
    "products,tenancy-*",
    "-products",
    "{\"query\":{\"match_all\":{}}}",
    "\"}},{\"match_all\":{\"boost\":\"1",
    "{\"index\":\"*\"}\n{}\n",
    "{\"script\":{\"source\":\"ctx\"}}",
    "${jndi:ldap://localhost/a}",
    "{{7*7}}",
    "#{1+1}",
    "'; DROP TABLE products; --",
    "' OR '1'='1",
    "1; SELECT pg_sleep(10)",
    "$$ $1 $2",
    "\u{202e}pmal",
    "\u{200f}lamp\u{200e}",
    "\u{feff}lamp",
    "la\u{ad}mp",
    "l\u{200b}amp",
    "😀",
    "😀 lamp 😀",
    "👩‍👩‍👧‍👦",
    "🇨🇭",
    "Z̸a̸l̸g̸o̸",
    "ﷺ",
    "ẞ ß SS",
    "İIiı",
    "ΑΣ ας",
    "ǅ ǆ",
    "Ⅳ ④ ４",
    "가나다",
    "日本語テスト",
    "ภาษาไทย",
    "हिन्दी",
    "العربية",
    "עברית",
    "\u{d7ff}\u{e000}",
    "\u{10ffff}",
    "\u{fffe}\u{ffff}",
    "\t\n\u{b}\u{c}",
    "null",
    "undefined",
    "NaN",
    "-1",
    "1e309",
    "0x7fffffff",
    "99999999999999999999",
    "true",
    "<em>lamp</em>",
    "<script>alert(1)</script>",
    "&lt;em&gt;",
    "javascript:alert(1)",
    "a b c d e f g h i j k l m n",
];
