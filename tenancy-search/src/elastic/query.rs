//! Questions about documents, and their answers.

use serde_json::{Value, json};
use tenancy_core::{Error, ErrorKind, TenantId};
use uuid::Uuid;

use super::document::of_tenant;
use super::failure::unavailable;
use crate::engine::{Hit, Hits};
use crate::query::Query;

/// The most hits of one answer.
pub(super) const PAGE: usize = 1_000;

/// The highest number that a total is counted to.
const COUNTED: u64 = 10_000;

/// The most characters of a word that is looked for with mistakes: the work grows with them.
const FUZZY: usize = 64;

/// The question for the documents that have every word.
pub(super) fn of_words(tenant: TenantId, query: &Query) -> Value {
    let words: Vec<Value> = query.words().iter().map(|word| of_word(word)).collect();
    let mut body = json!({
        "query": {"bool": {"must": words, "filter": [of_tenant(tenant)]}},
        "sort": [{"_score": "desc"}, {"id": "asc"}],
        "size": query.limit().min(PAGE),
        "track_total_hits": COUNTED,
        "_source": false,
        "docvalue_fields": ["tenant", "id"],
    });
    if let Some(after) = query.after() {
        body["search_after"] = json!([after.score, after.id]);
    }
    body
}

/// A word, whole, begun or misspelt; a misspelt one counts less than any that is right.
fn of_word(word: &str) -> Value {
    let mut ways = vec![
        json!({"term": {"name": {"value": word, "boost": 6.0}}}),
        json!({"term": {"prefixes": {"value": word, "boost": 3.0}}}),
        json!({"prefix": {"text": {"value": word, "boost": 1.0}}}),
    ];
    if (3..=FUZZY).contains(&word.chars().count()) {
        for (field, boost) in [("name", 0.8), ("prefixes", 0.5), ("text", 0.3)] {
            ways.push(json!({"fuzzy": {field: {
                "value": word,
                "fuzziness": "AUTO:3,6",
                "prefix_length": 1,
                "max_expansions": 50,
                "boost": boost,
            }}}));
        }
    }
    json!({"dis_max": {"tie_breaker": 0.1, "queries": ways}})
}

/// The question for ids in order, whatever the words.
pub(super) fn of_ids(tenant: TenantId, after: Option<Uuid>, most: usize) -> Value {
    let mut body = json!({
        "query": {"bool": {"filter": [of_tenant(tenant)]}},
        "sort": [{"id": "asc"}],
        "size": most,
        "track_total_hits": false,
        "_source": false,
    });
    if let Some(after) = after {
        body["search_after"] = json!([after]);
    }
    body
}

/// The question for what is kept of some documents' words.
pub(super) fn of_fingerprints(tenant: TenantId, ids: &[Uuid]) -> Value {
    json!({
        "query": {"bool": {"filter": [of_tenant(tenant), {"terms": {"id": ids}}]}},
        "size": ids.len(),
        "track_total_hits": false,
        "_source": false,
        "docvalue_fields": ["id", "fingerprint"],
    })
}

pub(super) fn fingerprints(answer: &Value) -> Result<Vec<(Uuid, u64)>, Error> {
    let fingerprint = |hit: &Value| {
        let fields = &hit["fields"];
        let kept = fields["fingerprint"][0].as_str().ok_or_else(odd)?;
        let kept = u64::from_str_radix(kept, 16).map_err(|_| odd())?;
        Ok((uuid(&fields["id"][0])?, kept))
    };
    list(answer)?.iter().map(fingerprint).collect()
}

/// The question for how many there are.
pub(super) fn of_count(tenant: TenantId) -> Value {
    json!({
        "query": {"bool": {"filter": [of_tenant(tenant)]}},
        "size": 0,
        "track_total_hits": true,
    })
}

/// Refuses what is only a part of the answer.
pub(super) fn whole(answer: Value) -> Result<Value, Error> {
    let taken = tenancy_core::sabotaged!("search.elastic-partial-answer");
    let cut = answer["timed_out"] == true || answer["terminated_early"] == true;
    let failed = answer["_shards"]["failed"].as_u64().unwrap_or(1);
    if !taken && (cut || failed > 0) {
        return Err(unavailable(
            "elasticsearch answered for a part of its documents only; try again in a while",
        ));
    }
    Ok(answer)
}

pub(super) fn hits(answer: &Value) -> Result<Hits, Error> {
    let total = total(answer)?.min(COUNTED);
    let hits = list(answer)?.iter().map(hit).collect::<Result<_, _>>()?;
    Ok(Hits { hits, total })
}

pub(super) fn total(answer: &Value) -> Result<u64, Error> {
    answer["hits"]["total"]["value"].as_u64().ok_or_else(odd)
}

pub(super) fn ids(answer: &Value) -> Result<Vec<Uuid>, Error> {
    let id = |hit: &Value| uuid(&hit["sort"][0]);
    list(answer)?.iter().map(id).collect()
}

pub(super) fn list(answer: &Value) -> Result<&Vec<Value>, Error> {
    answer["hits"]["hits"].as_array().ok_or_else(odd)
}

fn hit(hit: &Value) -> Result<Hit, Error> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the server computes scores as f32 and writes enough digits to read them back"
    )]
    let score = hit["sort"][0].as_f64().ok_or_else(odd)? as f32;
    Ok(Hit {
        tenant: TenantId::from_uuid(uuid(&hit["fields"]["tenant"][0])?),
        id: uuid(&hit["fields"]["id"][0])?,
        score,
    })
}

fn uuid(value: &Value) -> Result<Uuid, Error> {
    value
        .as_str()
        .and_then(|text| Uuid::try_parse(text).ok())
        .ok_or_else(odd)
}

fn odd() -> Error {
    Error::new(
        ErrorKind::Corrupt,
        "a document in elasticsearch is none of ours: rebuild the index",
    )
}
