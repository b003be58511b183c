//! Archives in memory, whole and damaged.

use super::content::*;
use super::ustar::{BLOCK, Header};
use super::*;

fn head() -> Head {
    Head {
        format: FORMAT,
        made_by: "tenancy-sqlx 0".to_owned(),
        made_at: "2026-01-02T03:04:05Z".to_owned(),
        tenant_id: "01939f64-8d4e-7c11-b5a9-0242ac120002".to_owned(),
        slug: "acme".to_owned(),
        schema: "acme".to_owned(),
        name: "Acme".to_owned(),
        description: String::new(),
        postgresql: "16".to_owned(),
        extensions: Vec::new(),
        migrations: Vec::new(),
    }
}

fn schema() -> Schema {
    let table = |name: &str| Table {
        name: name.to_owned(),
        columns: vec!["id".to_owned()],
    };
    Schema {
        objects: Vec::new(),
        tables: vec![table("notes"), table("Odd / näme"), table("empty")],
        filled: Vec::new(),
    }
}

async fn small() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::begin(&mut bytes, &head(), 1).await.unwrap();
    writer.schema(&schema()).await.unwrap();
    for rows in [&["1\n2\n", "3\n"][..], &["7\n"], &[]] {
        let tables = &schema().tables;
        let table = &tables[usize::from(rows.len() == 1) + 2 * usize::from(rows.is_empty())];
        writer.table(&table.name);
        for row in rows {
            writer.rows(row.as_bytes()).await.unwrap();
        }
        writer.end_table().await.unwrap();
    }
    let sequence = Sequence {
        name: "notes_id_seq".to_owned(),
        last_value: 3,
        is_called: true,
    };
    writer.sequences(&[sequence]).await.unwrap();
    writer.stored("files", "a/logo.png", b"png").await.unwrap();
    let (_, size, digest) = writer.finish().await.unwrap();
    assert_eq!(size, bytes.len() as u64);
    assert_eq!(digest, digest_of(&bytes));
    bytes
}

#[tokio::test]
async fn what_is_written_is_read() {
    let bytes = small().await;
    let verified = verify(&bytes[..]).await.unwrap();
    assert_eq!(verified.head, head());
    assert_eq!(verified.schema, schema());
    let rows: Vec<_> = verified.manifest.tables.iter().map(|t| t.rows).collect();
    assert_eq!(rows, [3, 1, 0]);
    assert_eq!(verified.manifest.resources[0].path, "a/logo.png");
    assert_eq!(verified.sha256, digest_of(&bytes));
}

#[tokio::test]
async fn no_byte_can_be_changed_or_left_out() {
    let bytes = small().await;
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let error = verify(&flipped[..]).await.expect_err(&format!("byte {at}"));
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{at}: {error}");
    }
    for end in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        let error = verify(&bytes[..end]).await.unwrap_err();
        assert!(error.to_string().contains("cut off"), "{end}: {error}");
    }
    let more = [&bytes[..], &[0]].concat();
    assert!(verify(&more[..]).await.is_err());
}

#[tokio::test]
async fn what_is_larger_than_an_entry_is_cut_and_put_together() {
    let mut bytes = Vec::new();
    let mut writer = Writer::begin(&mut bytes, &head(), 1).await.unwrap();
    writer.schema(&schema()).await.unwrap();
    for table in &schema().tables {
        writer.table(&table.name);
        if table.name == "notes" {
            let row = [vec![b'x'; PART / 2 + 7], vec![b'\n']].concat();
            for _ in 0..5 {
                writer.rows(&row).await.unwrap();
            }
        }
        writer.end_table().await.unwrap();
    }
    writer.sequences(&[]).await.unwrap();
    writer
        .stored("files", "large", &vec![7; PART + 1])
        .await
        .unwrap();
    let error = writer.stored("files", "large", b"").await.unwrap_err();
    assert!(error.to_string().contains("already"), "{error}");
    for path in [
        "",
        "/etc/passwd",
        "a/../b",
        "a//b",
        "a\\b",
        &"x".repeat(120),
    ] {
        assert!(writer.stored("files", path, b"").await.is_err(), "{path}");
    }
    let long = format!("{}/{}", "d".repeat(90), "f".repeat(99));
    writer.stored("files", &long, b"x").await.unwrap();
    writer.finish().await.unwrap();
    let verified = verify(&bytes[..]).await.unwrap();
    assert_eq!(verified.manifest.tables[0].rows, 5);
    let parts: Vec<_> = verified
        .manifest
        .resources
        .iter()
        .map(|r| r.parts.len())
        .collect();
    assert_eq!(parts, [2, 1]);
    let data = verified
        .manifest
        .entries
        .iter()
        .filter(|e| e.path.starts_with("data/"));
    assert_eq!(data.map(|entry| entry.size).max(), Some(PART as u64));
}

/// An archive of these entries, sealed whatever they are.
fn sealed(manifest: &Manifest, entries: &[(&str, &[u8])]) -> Vec<u8> {
    let text = serde_json::to_vec(manifest).unwrap();
    let seal = format!("{}  {MANIFEST}\n", digest_of(&text));
    let mut bytes = Vec::new();
    let last = [(MANIFEST, &text[..]), (SEAL, seal.as_bytes())];
    for (path, content) in entries.iter().chain(&last) {
        let header = Header {
            path: (*path).to_owned(),
            size: content.len() as u64,
            time: 0,
        };
        bytes.extend(header.block().unwrap());
        bytes.extend_from_slice(content);
        bytes.extend(vec![0; header.padding()]);
    }
    bytes.extend([0; 2 * BLOCK]);
    bytes
}

#[tokio::test]
async fn an_archive_that_lies_is_refused() {
    let head = serde_json::to_vec(&head()).unwrap();
    let schema_text = serde_json::to_vec(&Schema {
        tables: vec![schema().tables[0].clone()],
        ..schema()
    })
    .unwrap();
    let entry = |path: &str, bytes: &[u8]| Entry {
        path: path.to_owned(),
        size: bytes.len() as u64,
        sha256: digest_of(bytes),
    };
    let entries: [(&str, &[u8]); 4] = [
        (HEAD, &head),
        ("schema/0001.json", &schema_text),
        ("data/0001-notes/0001.copy", b"1\n2\n"),
        (SEQUENCES, b"[]"),
    ];
    let honest = Manifest {
        entries: entries
            .iter()
            .map(|(path, bytes)| entry(path, bytes))
            .collect(),
        tables: vec![Counted {
            table: "notes".to_owned(),
            folder: "data/0001-notes".to_owned(),
            rows: 2,
        }],
        resources: Vec::new(),
    };
    verify(&sealed(&honest, &entries)[..]).await.unwrap();

    let mut fewer = honest.clone();
    fewer.tables[0].rows = 1;
    let mut other = honest.clone();
    other.entries[2].sha256 = digest_of(b"1\n3\n");
    let mut missing = honest.clone();
    missing.entries.push(entry("resources/files/x", b""));
    for (manifest, says) in [
        (fewer, "table notes has 2 rows and manifest.json says 1"),
        (other, "another checksum"),
        (missing, "resources/files/x is missing"),
    ] {
        let error = verify(&sealed(&manifest, &entries)[..]).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    let newer = String::from_utf8(head.clone()).unwrap();
    let newer = newer.replace("\"format\":1", "\"format\":9");
    let error = verify(&sealed(&honest, &[(HEAD, newer.as_bytes())])[..]).await;
    assert!(error.unwrap_err().to_string().contains("format 9"));
    let twice = [entries[0], entries[1], entries[1]];
    let error = verify(&sealed(&honest, &twice)[..]).await.unwrap_err();
    assert!(error.to_string().contains("twice"), "{error}");
    assert!(verify(&b"PK\x03\x04"[..]).await.is_err());
    assert!(
        verify(&[b'x'; 4096][..])
            .await
            .unwrap_err()
            .to_string()
            .contains("begin as one")
    );
}

#[test]
fn a_header_that_leads_elsewhere_is_none() {
    for path in [
        "/etc/passwd",
        "../up",
        "a/../../b",
        "a//b",
        "a/",
        "./a",
        "a\u{0}b",
    ] {
        let header = Header {
            path: path.to_owned(),
            size: 0,
            time: 0,
        };
        assert!(header.block().is_err(), "{path:?}");
    }
    // The same written by somebody else is refused, too.
    let header = Header {
        path: "xx/passwd".to_owned(),
        size: 0,
        time: 0,
    };
    let mut block = header.block().unwrap();
    block[..2].copy_from_slice(b"..");
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert!(Header::parse(&block).is_err());
}

#[tokio::test]
async fn tar_lists_and_extracts_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("acme.tar");
    std::fs::write(&file, small().await).unwrap();
    let Ok(listed) = std::process::Command::new("tar")
        .arg("tf")
        .arg(&file)
        .output()
    else {
        return;
    };
    let listed = String::from_utf8(listed.stdout).unwrap();
    let expected = "archive.json\nschema/0001.json\ndata/0001-notes/0001.copy\n\
        data/0002-Odd___n_me/0001.copy\nsequences.json\nresources/files/a/logo.png\n\
        manifest.json\nmanifest.sha256\n";
    assert_eq!(listed, expected);
    let extracted = std::process::Command::new("tar")
        .args(["xOf", file.to_str().unwrap(), "data/0001-notes/0001.copy"])
        .output()
        .unwrap();
    assert_eq!(extracted.stdout, b"1\n2\n3\n");
}
