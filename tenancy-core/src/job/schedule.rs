//! When something is due again and again.

use std::fmt;
use std::str::FromStr;

use time::{Date, Duration, OffsetDateTime, Time};

use crate::error::{Error, ErrorKind};

/// Times in UTC, written as five fields: minute, hour, day of the month, month, day of the week.
///
/// A field is `*`, a number, a range `a-b`, either with a step (`*/15`, `8-18/2`), or a list of
/// those. Days of the week are 0 to 7, from Sunday to Sunday. When both days are restricted, one of
/// them is enough, as cron has it.
///
/// # Example
///
/// ```
/// use time::macros::datetime;
/// use tenancy_core::job::Schedule;
///
/// let nightly = Schedule::parse("30 2 * * *")?;
/// let noon = datetime!(2026-03-01 12:00 UTC);
/// assert_eq!(nightly.last_until(noon), Some(datetime!(2026-03-01 2:30 UTC)));
/// assert_eq!(nightly.next_after(noon), Some(datetime!(2026-03-02 2:30 UTC)));
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether one of the two days is enough.
    either: bool,
}

/// The leap days of a century that lacks one are eight years apart.
const DAYS: usize = 8 * 366 + 1;

impl Schedule {
    /// Reads five fields.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when there are not five, or one of them is not of the grammar.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, job::Schedule};
    ///
    /// assert!(Schedule::parse("*/15 8-18 * * 1-5").is_ok());
    /// assert_eq!(Schedule::parse("61 * * * *").unwrap_err().kind(), ErrorKind::Configuration);
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |why: &str| {
            Error::new(
                ErrorKind::Configuration,
                format!(
                    "schedule {text:?} is invalid: {why}; write minute, hour, day, month and \
                     weekday, such as \"30 2 * * *\""
                ),
            )
        };
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(invalid("it has not five fields"));
        };
        let read = |field, from, to| {
            set(field, from, to).ok_or_else(|| {
                invalid(&format!(
                    "{field:?} is no number or range from {from} to {to}"
                ))
            })
        };
        let week = read(weekdays, 0, 7)?;
        Ok(Self {
            text: fields.join(" "),
            minutes: read(minutes, 0, 59)?,
            hours: read(hours, 0, 23)?,
            days: read(days, 1, 31)?,
            months: read(months, 1, 12)?,
            // Sunday has two numbers.
            weekdays: week | (week >> 7),
            either: !days.starts_with('*') && !weekdays.starts_with('*'),
        })
    }

    /// The latest time of the schedule that is not after `time`.
    pub fn last_until(&self, time: OffsetDateTime) -> Option<OffsetDateTime> {
        let time = time.to_offset(time::UtcOffset::UTC);
        let mut date = time.date();
        let mut minute = minute_of(time);
        for _ in 0..DAYS {
            if self.has(date)
                && let Some(found) = (0..=minute).rev().find(|minute| self.has_minute(*minute))
            {
                return Some(at(date, found));
            }
            date = date.previous_day()?;
            minute = 24 * 60 - 1;
        }
        None
    }

    /// The earliest time of the schedule that is after `time`.
    pub fn next_after(&self, time: OffsetDateTime) -> Option<OffsetDateTime> {
        let time = time.to_offset(time::UtcOffset::UTC);
        let mut date = time.date();
        let mut minute = minute_of(time) + 1;
        for _ in 0..DAYS {
            if self.has(date)
                && let Some(found) = (minute..24 * 60).find(|minute| self.has_minute(*minute))
            {
                return Some(at(date, found));
            }
            date = date.next_day()?;
            minute = 0;
        }
        None
    }

    fn has(&self, date: Date) -> bool {
        let in_month = self.days & (1 << date.day()) != 0;
        let in_week = self.weekdays & (1 << date.weekday().number_days_from_sunday()) != 0;
        let day = if self.either {
            in_month || in_week
        } else {
            in_month && in_week
        };
        day && self.months & (1 << u8::from(date.month())) != 0
    }

    fn has_minute(&self, minute: u16) -> bool {
        self.hours & (1 << (minute / 60)) != 0 && self.minutes & (1 << (minute % 60)) != 0
    }
}

fn minute_of(time: OffsetDateTime) -> u16 {
    u16::from(time.hour()) * 60 + u16::from(time.minute())
}

fn at(date: Date, minute: u16) -> OffsetDateTime {
    date.with_time(Time::MIDNIGHT).assume_utc() + Duration::minutes(minute.into())
}

/// The numbers that a field names, as bits.
fn set(field: &str, from: u8, to: u8) -> Option<u64> {
    let mut bits = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, number(step).filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (from, to),
            Some((first, last)) => (number(first)?, number(last)?),
            // A single number with a step goes on to the end.
            None if part.contains('/') => (number(range)?, to),
            None => (number(range)?, number(range)?),
        };
        if first < from || last > to || first > last {
            return None;
        }
        let numbers = (first..=last).step_by(step.into());
        bits |= numbers.fold(0_u64, |bits, number| bits | (1 << number));
    }
    Some(bits)
}

fn number(text: &str) -> Option<u8> {
    // A sign is somebody's mistake.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn next(text: &str, time: OffsetDateTime) -> OffsetDateTime {
        Schedule::parse(text).unwrap().next_after(time).unwrap()
    }

    #[test]
    fn the_next_time_is_what_the_fields_say() {
        // A Sunday.
        let start = datetime!(2026-03-01 12:00 UTC);
        for (text, wanted) in [
            ("* * * * *", datetime!(2026-03-01 12:01 UTC)),
            ("*/15 * * * *", datetime!(2026-03-01 12:15 UTC)),
            ("0 0 * * *", datetime!(2026-03-02 0:00 UTC)),
            ("5,10-20/5 11 * * *", datetime!(2026-03-02 11:05 UTC)),
            ("0 9 * * 1-5", datetime!(2026-03-02 9:00 UTC)),
            ("0 9 * * 0", datetime!(2026-03-08 9:00 UTC)),
            ("0 9 * * 7", datetime!(2026-03-08 9:00 UTC)),
            ("0 0 31 * *", datetime!(2026-03-31 0:00 UTC)),
            ("0 0 29 2 *", datetime!(2028-02-29 0:00 UTC)),
            ("0 0 13 * 5", datetime!(2026-03-06 0:00 UTC)),
            ("50/5 * * * *", datetime!(2026-03-01 12:50 UTC)),
        ] {
            assert_eq!(next(text, start), wanted, "{text}");
            let schedule = Schedule::parse(text).unwrap();
            assert_eq!(schedule.last_until(wanted), Some(wanted), "{text}");
            let before = schedule.last_until(wanted - Duration::seconds(1));
            assert!(before.is_some_and(|before| before <= start), "{text}");
        }
    }

    #[test]
    fn what_never_comes_is_none_and_what_is_no_schedule_is_refused() {
        let never = Schedule::parse("0 0 30 2 *").unwrap();
        assert_eq!(never.next_after(datetime!(2026-03-01 12:00 UTC)), None);
        assert_eq!(never.last_until(datetime!(2026-03-01 12:00 UTC)), None);
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "+5 * * * *",
            "a * * * *",
            "1, * * * *",
            "-1 * * * *",
            "1-2-3 * * * *",
            "300 * * * *",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }
}
