//! How far this machine's clock is from the server's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Code, Finding};

/// From here on leases and tokens end noticeably early or late.
const DRIFT: f64 = 2.0;

/// From here on a token is refused when it is made, or a lease has two holders.
const WRONG: f64 = 30.0;

/// What a question to the server said about the two clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// This machine's time before and after the question.
    pub(super) before: SystemTime,
    pub(super) after: SystemTime,
    /// The server's in between, in seconds since 1970.
    pub(super) server: f64,
}

impl Reading {
    /// The seconds by which this machine is ahead; less than nothing when it is behind. What the
    /// question itself may explain is not counted.
    fn skew(&self) -> f64 {
        let (before, after) = (seconds(self.before), seconds(self.after));
        let between = f64::midpoint(before, after) - self.server;
        let doubt = ((after - before) / 2.0).max(0.0);
        between.signum() * (between.abs() - doubt).max(0.0)
    }

    pub(super) fn finding(&self) -> Option<Finding> {
        let skew = self.skew();
        let code = match skew.abs() {
            far if far > WRONG => Code::ClockWrong,
            far if far > DRIFT => Code::ClockDrifts,
            _ => return None,
        };
        let side = if skew > 0.0 { "ahead of" } else { "behind" };
        let message = format!(
            "this machine's clock is {:.1} s {side} the database server's: leases, tokens and \
             reservations end at the wrong time. Set both by the network",
            skew.abs()
        );
        Some(Finding::new(code, "clock", message).command("timedatectl set-ntp true"))
    }
}

/// Seconds since 1970; a fraction of a microsecond is lost, which decides nothing.
fn seconds(time: SystemTime) -> f64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -Duration::as_secs_f64(&before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(before: f64, after: f64, server: f64) -> Option<Code> {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs_f64(1e9 + seconds);
        let reading = Reading {
            before: at(before),
            after: at(after),
            server: 1e9 + server,
        };
        reading.finding().map(|finding| finding.code)
    }

    #[test]
    fn the_middle_of_the_question_counts_and_a_slow_network_is_no_skew() {
        assert_eq!(code(0.0, 0.2, 0.1), None);
        assert_eq!(code(0.0, 20.0, 0.5), None);
        assert_eq!(code(0.0, 0.2, 2.0), None);
        assert_eq!(code(0.0, 0.2, 2.3), Some(Code::ClockDrifts));
        assert_eq!(code(5.0, 5.2, 0.0), Some(Code::ClockDrifts));
        assert_eq!(code(0.0, 0.2, 31.0), Some(Code::ClockWrong));
        assert_eq!(code(3600.0, 3600.0, 0.0), Some(Code::ClockWrong));
    }

    #[test]
    fn a_clock_says_which_way_it_is_wrong() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let behind = Reading {
            before: at(100),
            after: at(100),
            server: 160.0,
        };
        let said = behind.finding().unwrap().message;
        assert!(said.contains("is 60.0 s behind the database"), "{said}");
    }
}
