//! Spans and times as they are typed: `30d`, `12h`, `2026-05-01T12:00:00Z`.

use std::str::FromStr;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A span of time: a whole number and `d`, `h`, `m` or `s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(Duration);

/// A time, or how long it is until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// At this time.
    At(OffsetDateTime),
    /// After this span.
    In(Span),
}

/// The longest span, in seconds: a hundred years.
const LONGEST: u64 = 100 * 366 * 24 * 60 * 60;

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || {
            format!(
                "span {text:?} is invalid: write a whole number and d, h, m or s, such as 30d or \
                 12h, and at most a hundred years"
            )
        };
        let unit = match text.as_bytes().last() {
            Some(b'd') => 24 * 60 * 60,
            Some(b'h') => 60 * 60,
            Some(b'm') => 60,
            Some(b's') => 1,
            _ => return Err(invalid()),
        };
        let digits = &text[..text.len() - 1];
        // A sign, a space or a point is somebody's mistake.
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let number: u64 = digits.parse().map_err(|_| invalid())?;
        let seconds = number.checked_mul(unit).filter(|total| *total <= LONGEST);
        seconds
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(invalid)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
            return Ok(Self::At(at));
        }
        text.parse().map(Self::In).map_err(|_| {
            format!("time {text:?} is invalid: write 2026-05-01T12:00:00Z, or a span such as 2h")
        })
    }
}

impl Until {
    /// The time that is meant, counted from `now`.
    pub(super) fn from(self, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::At(at) => at,
            Self::In(Span(span)) => now + span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("15m", 900),
            ("12h", 43_200),
            ("30d", 2_592_000),
        ] {
            let span: Duration = text.parse::<Span>().unwrap().into();
            assert_eq!(span.as_secs(), seconds, "{text}");
        }
        for text in [
            "",
            "d",
            "30",
            "30 d",
            " 30d",
            "+3d",
            "-1d",
            "1.5h",
            "1h30m",
            "30D",
            "1w",
            "3é",
            "99999999999999999999d",
            "36601d",
            "18446744073709551615d",
        ] {
            let error = text.parse::<Span>().unwrap_err();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn a_time_is_written_out_or_counted_from_now() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let at = |text: &str| text.parse::<Until>().unwrap().from(now).unix_timestamp();
        assert_eq!(at("1970-01-01T01:00:00Z"), 3600);
        assert_eq!(at("1970-01-01T01:00:00+01:00"), 0);
        assert_eq!(at("2h"), 7200);
        for text in ["tomorrow", "1970-01-01", "1970-01-01T01:00:00", "2", ""] {
            assert!(text.parse::<Until>().is_err(), "{text}");
        }
    }
}
