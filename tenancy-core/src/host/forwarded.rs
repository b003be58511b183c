//! What a trusted proxy says the client asked for: `Forwarded` (RFC 7239) or `X-Forwarded-Host`.

use http::{HeaderMap, HeaderName, header};

use super::{Host, only_value, visible};
use crate::error::{Error, ErrorKind};

/// The one forwarded host with its port, if any is given.
pub(super) fn forwarded_authority(
    headers: &HeaderMap,
) -> Result<Option<(Host, Option<u16>)>, Error> {
    let standard = standard_host(headers)?
        .as_deref()
        .map(Host::parse_authority)
        .transpose()?;
    let customary = only_value(headers, &HeaderName::from_static("x-forwarded-host"))?
        .map(Host::parse_authority)
        .transpose()?;
    match (standard, customary) {
        (Some((one, _)), Some((other, _))) if one != other => Err(Error::new(
            ErrorKind::InvalidHost,
            format!("forwarded says {one} but x-forwarded-host says {other}: send one of them"),
        )),
        (standard, customary) => Ok(standard.or(customary)),
    }
}

/// The `host` parameter of the only element of `Forwarded`.
fn standard_host(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut elements = 0;
    let mut hosts = Vec::new();
    for value in headers.get_all(header::FORWARDED) {
        for element in read_elements(visible(value, &header::FORWARDED)?)? {
            elements += 1;
            hosts.extend(
                element
                    .into_iter()
                    .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
                    .map(|(_, host)| host),
            );
        }
    }
    // With several elements nobody can say which of them the client wrote itself.
    if hosts.len() > 1 || (elements > 1 && !hosts.is_empty()) {
        return Err(Error::new(
            ErrorKind::InvalidHost,
            "the request is forwarded more than once: let the outermost proxy replace the header",
        ));
    }
    Ok(hosts.pop())
}

type Element = Vec<(String, String)>;

/// Splits `for=1.2.3.4;host="a.example", for=…` into its elements and their pairs.
fn read_elements(text: &str) -> Result<Vec<Element>, Error> {
    let mut elements = vec![Element::new()];
    let mut rest = text.trim_ascii();
    if rest.is_empty() {
        return Err(malformed(text));
    }
    loop {
        let (name, after) = rest.split_once('=').ok_or_else(|| malformed(text))?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(malformed(text));
        }
        let (value, after) = read_value(after).ok_or_else(|| malformed(text))?;
        if let Some(element) = elements.last_mut() {
            element.push((name.to_owned(), value));
        }
        let after = after.trim_ascii_start();
        match after.as_bytes().first() {
            None => return Ok(elements),
            Some(b';') => rest = after[1..].trim_ascii_start(),
            Some(b',') => {
                rest = after[1..].trim_ascii_start();
                elements.push(Element::new());
            }
            Some(_) => return Err(malformed(text)),
        }
    }
}

/// Reads a token or a quoted string, and gives what stands behind it.
fn read_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',', ' ', '\t']).unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        // Colons and brackets should be quoted and are commonly not.
        let plain = |b| is_token(b) || matches!(b, b':' | b'[' | b']');
        return (!value.is_empty() && value.bytes().all(plain)).then(|| (value.to_owned(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn malformed(text: &str) -> Error {
    Error::new(
        ErrorKind::InvalidHost,
        format!("forwarded header {text:?} is malformed: write it as RFC 7239 says"),
    )
}
