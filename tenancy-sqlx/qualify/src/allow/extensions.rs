//! Functions and types of extensions, which live in schema `extensions`, by theme, each theme sorted.
//!
//! `dblink`, `tablefunc` and functions that take the name of a table are left out: they run SQL
//! text or reach every schema.

/// All themes.
pub(super) const THEMES: &[&[&str]] = &[
    CRYPTO, FUZZY, GEO, HSTORE, LTREE, TRIGRAM, UNACCENT, UUID, VECTOR,
];

/// Types: citext, cube, earthdistance, h3, hstore, intarray, isn, ltree, PostGIS, seg, pgvector.
pub(super) const TYPES: &[&str] = &[
    "box2d",
    "box3d",
    "citext",
    "cube",
    "ean13",
    "earth",
    "geography",
    "geometry",
    "geometry_dump",
    "h3index",
    "halfvec",
    "hstore",
    "isbn",
    "isbn13",
    "ismn",
    "ismn13",
    "issn",
    "issn13",
    "lquery",
    "ltree",
    "ltxtquery",
    "query_int",
    "raster",
    "seg",
    "semver",
    "sparsevec",
    "upc",
    "vector",
];

/// pgcrypto.
const CRYPTO: &[&str] = &[
    "armor",
    "crypt",
    "dearmor",
    "decrypt",
    "digest",
    "encrypt",
    "gen_random_bytes",
    "gen_random_uuid",
    "gen_salt",
    "hmac",
    "pgp_sym_decrypt",
    "pgp_sym_encrypt",
];

/// fuzzystrmatch.
const FUZZY: &[&str] = &[
    "daitch_mokotoff",
    "difference",
    "dmetaphone",
    "dmetaphone_alt",
    "levenshtein",
    "levenshtein_less_equal",
    "metaphone",
    "soundex",
];

/// cube, earthdistance and PostGIS; what takes the name of a table is left out.
const GEO: &[&str] = &[
    "cube",
    "cube_distance",
    "earth",
    "earth_box",
    "earth_distance",
    "latitude",
    "ll_to_earth",
    "longitude",
    "st_area",
    "st_asbinary",
    "st_asgeojson",
    "st_astext",
    "st_buffer",
    "st_centroid",
    "st_collect",
    "st_contains",
    "st_covers",
    "st_distance",
    "st_dwithin",
    "st_geogfromtext",
    "st_geomfromgeojson",
    "st_geomfromtext",
    "st_intersection",
    "st_intersects",
    "st_isvalid",
    "st_length",
    "st_makeenvelope",
    "st_makepoint",
    "st_point",
    "st_setsrid",
    "st_simplify",
    "st_srid",
    "st_transform",
    "st_union",
    "st_within",
    "st_x",
    "st_y",
];

/// hstore.
const HSTORE: &[&str] = &[
    "akeys",
    "avals",
    "delete",
    "each",
    "exist",
    "hstore",
    "hstore_to_json",
    "hstore_to_jsonb",
    "skeys",
    "slice",
    "svals",
];

/// ltree.
const LTREE: &[&str] = &[
    "index",
    "lca",
    "ltree2text",
    "nlevel",
    "subltree",
    "subpath",
    "text2ltree",
];

/// pg_trgm.
const TRIGRAM: &[&str] = &[
    "show_trgm",
    "similarity",
    "strict_word_similarity",
    "word_similarity",
];

/// unaccent.
const UNACCENT: &[&str] = &["unaccent"];

/// uuid-ossp.
const UUID: &[&str] = &[
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v3",
    "uuid_generate_v4",
    "uuid_generate_v5",
    "uuid_nil",
    "uuid_ns_dns",
    "uuid_ns_oid",
    "uuid_ns_url",
    "uuid_ns_x500",
];

/// pgvector.
const VECTOR: &[&str] = &[
    "binary_quantize",
    "cosine_distance",
    "hamming_distance",
    "inner_product",
    "jaccard_distance",
    "l1_distance",
    "l2_distance",
    "l2_normalize",
    "subvector",
    "vector_dims",
    "vector_norm",
];
