//! Texts that are nearly hosts, names of tenants, and names of what belongs to them.

// The tests' own helpers may unwrap, as the tests themselves may.
#![allow(clippy::unwrap_used)]

mod sound;

use tenancy_core::{Prefix, SchemaName, ScopeKind, ScopedName, Slug, Tenant, TenantId};

/// Where mutations start.
const SEEDS: [&str; 24] = [
    "tenant1.localhost",
    "Tenant1.LOCALHOST.:8000",
    "xn--mnchen-3ya.example",
    "münchen.example",
    "127.0.0.1:80",
    "[::1]:8000",
    "[::ffff:127.0.0.1]",
    "a.b.c.d.e.f.g",
    "acme-shop",
    "acme_shop",
    "t0190a0b0c0d0",
    "public",
    "pg_temp",
    "information_schema",
    "tenancy:cache:0190a0b0-c0d0-7000-8000-000000000001:posts",
    "tenancy_0190a0b0c0d070008000000000000001_posts",
    "tenancy/0190a0b0-c0d0-7000-8000-000000000001/a/b.png",
    "\u{200b}acme",
    "ａcme",
    "acme\0",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "%2e%2e/%00",
    "user@host:1",
    "",
];

/// What is put in: what separates, ends, or looks like something else.
const PIECES: [&str; 26] = [
    ".", "..", ":", "-", "_", "/", "%", "%25", "@", "[", "]", "0", "9", "a", "A", "ı", "K", "ß",
    "\u{200d}", "\u{ad}", "\0", " ", "\n", "xn--", "pg_", "\"",
];

/// Numbers that are the same in every run.
struct Lots(u64);

impl Lots {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % limit.max(1) as u64).unwrap()
    }

    fn mutate(&mut self, text: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..=self.below(4) {
            let at = self.below(chars.len() + 1);
            match self.below(5) {
                0 if at < chars.len() => drop(chars.remove(at)),
                1 => chars.truncate(at),
                2 if at < chars.len() => chars.push(chars[at]),
                3 if at < chars.len() => chars[at] = chars[at].to_ascii_uppercase(),
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    chars.splice(at..at, piece.chars());
                }
            }
        }
        chars.into_iter().collect()
    }
}

fn tenant() -> Tenant {
    let slug = Slug::parse("acme").unwrap();
    Tenant::new(
        TenantId::generate(),
        slug,
        SchemaName::parse("acme").unwrap(),
    )
}

#[test]
fn texts_near_to_names_are_refused_or_mean_one_thing() {
    let tenant = tenant();
    let prefix = Prefix::parse("tenancy").unwrap();
    let mut texts: Vec<String> = SEEDS.map(str::to_owned).to_vec();
    texts.extend(ScopeKind::ALL.map(|kind| {
        let name = ScopedName::for_tenant(&tenant, &prefix, kind, "posts").unwrap();
        name.as_str().to_owned()
    }));
    let rounds = match std::env::var_os("TENANCY_TEST_FULL") {
        Some(_) => 1_000_000,
        None => 60_000,
    };
    let mut lots = Lots(5);
    let mut sound = [0; 3];
    for _ in 0..rounds {
        let text = {
            let near = lots.below(texts.len());
            lots.mutate(&texts[near])
        };
        sound::host(&text);
        sound::names(&text);
        sound::scoped(&text, &tenant);
        sound[0] += u32::from(tenancy_core::Host::parse_authority(&text).is_ok());
        sound[1] += u32::from(SchemaName::parse(&text).is_ok());
        sound[2] += u32::from(ScopedName::decode(&text).is_ok());
    }
    assert!(
        sound.iter().all(|count| *count > 100),
        "hardly any is one: {sound:?}"
    );
}
