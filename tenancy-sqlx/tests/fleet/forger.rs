//! Archives that nobody exported: another content with checksums that are right.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

fn sum(bytes: &[u8]) -> String {
    let digits = Sha256::digest(bytes);
    digits
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Every entry by its path, in order.
fn entries(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut entries = Vec::new();
    let mut at = 0;
    while archive[at] != 0 {
        let header = &archive[at..at + 512];
        let text = |from: usize, to: usize| {
            let field = &header[from..to];
            let end = field.iter().position(|&byte| byte == 0);
            std::str::from_utf8(&field[..end.unwrap_or(field.len())]).unwrap()
        };
        let size = usize::from_str_radix(text(124, 136), 8).unwrap();
        let content = archive[at + 512..at + 512 + size].to_vec();
        entries.push((text(0, 100).to_owned(), content));
        at += 512 + size.div_ceil(512) * 512;
    }
    entries
}

fn header(path: &str, size: usize) -> [u8; 512] {
    let mut block = [0; 512];
    block[..path.len()].copy_from_slice(path.as_bytes());
    for (at, text) in [
        (100, "0000644\0".to_owned()),
        (108, "0000000\0".to_owned()),
        (116, "0000000\0".to_owned()),
        (124, format!("{size:011o}\0")),
        (136, format!("{:011o}\0", 0)),
        (156, "0".to_owned()),
        (257, "ustar\0".to_owned() + "00"),
        (148, "        ".to_owned()),
    ] {
        block[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// The same archive with `change` made to its documents `schema` and `sequences`, each in one
/// entry, and every checksum right.
pub(crate) fn forge(archive: &[u8], change: impl Fn(&str, &mut Value)) -> Vec<u8> {
    let mut entries = entries(archive);
    for (path, content) in &mut entries {
        let document = match path.as_str() {
            "schema/0001.json" => "schema",
            "sequences.json" => "sequences",
            "archive.json" => "head",
            _ => continue,
        };
        let mut value = serde_json::from_slice(content).unwrap();
        change(document, &mut value);
        *content = serde_json::to_vec(&value).unwrap();
    }
    let whole: Vec<_> = entries
        .iter()
        .map(|(path, content)| (path.clone(), content.len(), sum(content)))
        .collect();
    let mut manifest_sum = String::new();
    let mut forged = Vec::new();
    for (path, mut content) in entries {
        if path == "manifest.json" {
            let mut manifest: Value = serde_json::from_slice(&content).unwrap();
            for entry in manifest["entries"].as_array_mut().unwrap() {
                let (_, size, sum) = whole
                    .iter()
                    .find(|(path, ..)| *path == entry["path"].as_str().unwrap())
                    .unwrap();
                entry["size"] = (*size).into();
                entry["sha256"] = sum.as_str().into();
            }
            change("manifest", &mut manifest);
            content = serde_json::to_vec(&manifest).unwrap();
            manifest_sum = sum(&content);
        } else if path == "manifest.sha256" {
            content = format!("{manifest_sum}  manifest.json\n").into_bytes();
        }
        forged.extend(header(&path, content.len()));
        let padding = content.len().div_ceil(512) * 512 - content.len();
        forged.extend(content);
        forged.extend(vec![0; padding]);
    }
    forged.extend([0; 1024]);
    forged
}
