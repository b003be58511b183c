//! Every statement of the corpus is accepted or refused as the corpus says.

use std::fmt::Write as _;

use tenancy_qualify::{Allowed, Refusal, Statement, shared, shared_raw, tenant, tenant_raw};

const ACCEPTED: &str = include_str!("corpus/accepted.sql");
const REFUSED: &str = include_str!("corpus/refused.sql");
const RENDERED: &str = include_str!("corpus/rendered.sql");

struct Block {
    name: String,
    because: String,
    raw: bool,
    shared: bool,
    sql: String,
}

impl Block {
    fn read(&self) -> Result<Statement, Refusal> {
        match (self.shared, self.raw) {
            (false, false) => tenant(&self.sql),
            (false, true) => tenant_raw(&self.sql),
            (true, false) => shared(&self.sql),
            (true, true) => shared_raw(&self.sql),
        }
    }
}

fn blocks(corpus: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for text in corpus
        .split("\n;;\n")
        .skip(1)
        .filter(|text| !text.is_empty())
    {
        let (name, mut sql) = text.split_once('\n').unwrap_or((text, ""));
        let mut block = Block {
            name: name.trim_start_matches("-- ").to_owned(),
            because: String::new(),
            raw: false,
            shared: false,
            sql: String::new(),
        };
        while let Some((line, rest)) = sql.split_once('\n') {
            if let Some(because) = line.strip_prefix("-- because: ") {
                because.clone_into(&mut block.because);
            } else if line == "-- raw" {
                block.raw = true;
            } else if line == "-- shared" {
                block.shared = true;
            } else if !line.starts_with("-- bind: ") {
                break;
            }
            sql = rest;
        }
        sql.clone_into(&mut block.sql);
        blocks.push(block);
    }
    blocks
}

#[test]
fn accepted_statements_are_rendered_exactly_as_recorded() {
    let mut rendered = String::from("-- The accepted statements for a tenant in schema t1.\n;;\n");
    for block in blocks(ACCEPTED) {
        let statement = block
            .read()
            .unwrap_or_else(|refusal| panic!("{}: {refusal}\n{}", block.name, block.sql));
        let kind = statement.kind();
        let tables = statement.tables().join(" ");
        write!(
            rendered,
            "-- {}\n-- {kind:?} [{tables}] {}\n",
            block.name,
            statement.parameters()
        )
        .expect("a string takes text");
        write!(rendered, "{}\n;;\n", statement.render("\"t1\"")).expect("a string takes text");
    }
    if std::env::var_os("RECORD").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/rendered.sql");
        std::fs::write(path, &rendered).expect("the corpus can be written");
        return;
    }
    for (now, recorded) in rendered.split("\n;;\n").zip(RENDERED.split("\n;;\n")) {
        assert_eq!(now, recorded);
    }
    assert_eq!(rendered.len(), RENDERED.len());
}

#[test]
fn refused_statements_are_refused_for_their_reason() {
    let mut wrong = String::new();
    for block in blocks(REFUSED) {
        match block.read() {
            Ok(statement) => {
                let text = statement.render("\"t1\"");
                writeln!(wrong, "{} was accepted: {text}", block.name)
            }
            Err(refusal) if refusal.to_string().contains(&block.because) => Ok(()),
            Err(refusal) => writeln!(wrong, "{}: {refusal}", block.name),
        }
        .expect("a string takes text");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn refusals_point_into_the_text_and_name_a_way_out() {
    for block in blocks(REFUSED) {
        let refusal = block.read().expect_err("the corpus refuses it");
        assert!(
            block.sql.get(refusal.span()).is_some(),
            "{}: {:?}",
            block.name,
            refusal.span()
        );
        assert!(
            !refusal.reason().is_empty() && !refusal.help().is_empty(),
            "{}",
            block.name
        );
    }
}

#[test]
fn without_the_schema_the_text_is_the_source() {
    for block in blocks(ACCEPTED) {
        let statement = block.read().expect("the corpus accepts it");
        let bare = statement.render("tenant").replace("tenant.", "");
        assert_eq!(bare, block.sql.replace("tenant.", ""), "{}", block.name);
    }
}

#[test]
fn rendered_for_the_explicit_schema_a_statement_reads_the_same() {
    for block in blocks(ACCEPTED)
        .into_iter()
        .filter(|block| !block.raw && !block.shared)
    {
        let first = block.read().expect("the corpus accepts it");
        let again = tenant(&first.render("tenant")).expect("explicit names are accepted");
        assert_eq!(first.parts(), again.parts(), "{}", block.name);
        assert_eq!(first.tables(), again.tables(), "{}", block.name);
        assert_eq!(first.kind(), again.kind(), "{}", block.name);
    }
}

#[test]
fn shared_statements_name_every_schema_and_have_no_place_for_one() {
    for block in blocks(ACCEPTED).into_iter().filter(|block| block.shared) {
        let statement = block.read().expect("the corpus accepts it");
        assert_eq!(statement.parts(), [block.sql.as_str()], "{}", block.name);
        for table in statement.tables() {
            let (schema, _) = table.split_once('.').expect("a qualified name");
            assert!(["public", "shared", "tenancy"].contains(&schema), "{table}");
        }
    }
}

#[test]
fn what_the_parser_accepts_of_shared_sql_the_token_check_accepts_too() {
    for block in blocks(ACCEPTED)
        .into_iter()
        .filter(|block| block.shared && !block.raw)
    {
        let (parsed, raw) = (block.read().expect("accepted"), shared_raw(&block.sql));
        let raw = raw.unwrap_or_else(|refusal| panic!("{}: {refusal}", block.name));
        assert_eq!(
            (parsed.parts(), parsed.tables()),
            (raw.parts(), raw.tables())
        );
        assert_eq!(parsed.kind(), raw.kind(), "{}", block.name);
    }
}

#[test]
fn what_an_app_adds_is_accepted_in_extensions_and_nowhere_else() {
    let text = "[extensions]\nfunctions = [\"near\"]\ntypes = [\"spot\"]\n";
    let allowed = Allowed::parse(text).expect("a valid file");
    for (sql, accepted) in [
        ("SELECT extensions.near(b.id) FROM tenant.blogs b", true),
        ("SELECT n.x FROM extensions.near(1) AS n(x)", true),
        ("SELECT b.title::extensions.spot FROM tenant.blogs b", true),
        (
            "SELECT CAST(b.title AS extensions.spot) FROM tenant.blogs b",
            true,
        ),
        ("SELECT near(b.id) FROM tenant.blogs b", false),
        ("SELECT pg_catalog.near(b.id) FROM tenant.blogs b", false),
        ("SELECT public.near(b.id) FROM tenant.blogs b", false),
        ("SELECT b.title::spot FROM tenant.blogs b", false),
        ("SELECT extensions.spot(b.id) FROM tenant.blogs b", false),
        ("SELECT b.title::extensions.near FROM tenant.blogs b", false),
        ("SELECT id FROM extensions.near", false),
    ] {
        for read in [allowed.tenant(sql), allowed.tenant_raw(sql)] {
            assert_eq!(read.is_ok(), accepted, "{sql}: {read:?}");
            assert!(!read.is_ok_and(|statement| statement.kind() != tenancy_qualify::Kind::Read));
        }
        assert!(tenant(sql).is_err() && tenant_raw(sql).is_err(), "{sql}");
    }
    let sql = "SELECT extensions.near(u.id) FROM public.users u";
    assert!(allowed.shared(sql).is_ok() && allowed.shared_raw(sql).is_ok());
    assert!(shared(sql).is_err() && shared_raw(sql).is_err());
}

#[test]
fn what_takes_sql_or_names_cannot_be_added() {
    for name in [
        "dblink",
        "crosstab",
        "connectby",
        "lo_get",
        "pg_read_file",
        "query_to_xml",
    ] {
        let text = format!("[extensions]\nfunctions = [\"{name}\"]\n");
        assert_eq!(
            Allowed::parse(&text).map_err(|error| error.line()),
            Err(2),
            "{name}"
        );
    }
    for name in [
        "regclass",
        "_regclass",
        "extensions.near",
        "Near",
        "near()",
        "",
    ] {
        for key in ["functions", "types"] {
            let text = format!("[extensions]\n{key} = [\"{name}\"]\n");
            assert!(
                Allowed::parse(&text).is_err() || name.is_empty(),
                "{key} {name}"
            );
        }
    }
}
