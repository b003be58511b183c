//! What an index holds, and which documents are a tenant's.

use serde_json::{Value, json};
use tenancy_core::TenantId;
use uuid::Uuid;

use super::name::Generation;
use crate::operation::Words;

/// Settings and fields of every index; core features of the server only.
pub(super) fn body() -> Value {
    let words = json!({"type": "text", "analyzer": "whitespace"});
    json!({
        "settings": {"index": {
            "number_of_shards": 1,
            "auto_expand_replicas": "0-1",
            // For as long a write that was overtaken loses against a delete.
            "gc_deletes": "1h",
            // Given explicitly, it also refreshes what nobody has searched for a while.
            "refresh_interval": "500ms",
        }},
        "mappings": {
            "dynamic": "strict",
            "_source": {"includes": ["tenant", "generation", "id"]},
            "properties": {
                "tenant": {"type": "keyword"},
                "generation": {"type": "keyword"},
                "id": {"type": "keyword"},
                "fingerprint": {"type": "keyword", "index": false},
                "name": words,
                "text": words,
                "prefixes": {
                    "type": "text",
                    "analyzer": "whitespace",
                    "index_options": "docs",
                    "norms": false,
                },
            },
        },
    })
}

/// The document's name in its index, where generations and tenants may be together: nobody's is
/// anybody else's, whatever their documents and fences are.
pub(super) fn key(tenant: TenantId, generation: Generation, id: Uuid) -> String {
    if tenancy_core::sabotaged!("search.elastic-key-without-tenant") {
        return format!("{generation}-{id}");
    }
    format!("{}-{generation}-{id}", tenant.as_uuid().simple())
}

pub(super) fn document(tenant: TenantId, generation: Generation, id: Uuid, words: &Words) -> Value {
    json!({
        "tenant": tenant.as_uuid(),
        "generation": generation.to_string(),
        "id": id,
        "fingerprint": format!("{:016x}", words.fingerprint()),
        "name": words.name.join(" "),
        "text": words.text.join(" "),
        "prefixes": words.prefixes.join(" "),
    })
}

/// Picks a tenant's documents.
pub(super) fn of_tenant(tenant: TenantId) -> Value {
    let anybodys = tenancy_core::sabotaged!("search.elastic-anybodys");
    if anybodys {
        return json!({"match_all": {}});
    }
    json!({"term": {"tenant": tenant.as_uuid()}})
}

/// Picks those of one generation.
pub(super) fn of_generation(generation: Generation) -> Value {
    json!({"term": {"generation": generation.to_string()}})
}
