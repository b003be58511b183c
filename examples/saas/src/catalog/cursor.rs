//! A place in a list that stays where it is, whatever comes or goes around it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// What the last item had that the list is ordered by, and its id: the list goes on behind them,
/// even when that item is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The order in which it is a place.
    #[serde(rename = "o")]
    pub(super) order: String,
    #[serde(rename = "v")]
    pub(super) value: Value,
    #[serde(rename = "i")]
    pub(super) id: Uuid,
}

/// What a list is ordered by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    Number(i64),
    Text(String),
}

impl Value {
    /// A moment as microseconds, which is what the database keeps.
    pub(super) fn time(at: OffsetDateTime) -> Self {
        let micros = at.unix_timestamp_nanos() / 1_000;
        Self::Number(i64::try_from(micros).unwrap_or_default())
    }

    /// The moment, when it is one that the database can have.
    pub(super) fn as_time(&self) -> Option<OffsetDateTime> {
        let Self::Number(micros) = self else {
            return None;
        };
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(*micros) * 1_000)
            .ok()
            .filter(|at| (0..=9_999).contains(&at.year()))
    }
}

impl Cursor {
    /// As it stands in an address: letters, digits, `-` and `_`.
    pub(super) fn encode(&self) -> String {
        let json = serde_json::to_vec(self).expect("a struct of plain values always serializes");
        URL_SAFE_NO_PAD.encode(json)
    }

    /// What [`Cursor::encode`] wrote.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for value in [
            Value::Number(i64::MIN),
            Value::Text("Café “crème”".to_owned()),
            Value::time(OffsetDateTime::UNIX_EPOCH + time::Duration::microseconds(1)),
        ] {
            let cursor = Cursor {
                order: "-name".to_owned(),
                value,
                id: Uuid::now_v7(),
            };
            assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }
        for text in ["", "e30", "!", "bnVsbA"] {
            assert_eq!(Cursor::decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_that_no_row_can_have_is_none() {
        assert_eq!(Value::Number(i64::MAX).as_time(), None);
        assert_eq!(Value::Text("now".to_owned()).as_time(), None);
        let now = OffsetDateTime::now_utc();
        let micros = now.replace_nanosecond(now.microsecond() * 1_000).unwrap();
        assert_eq!(Value::time(now).as_time(), Some(micros));
    }
}
