use std::ops::Mul;

/// A time in milliseconds, such as `5 * MINUTE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(i64);

/// As a time-to-live: nothing expires.
pub const FOREVER: Duration = Duration(0);
/// A thousandth of a second.
pub const MILLISECOND: Duration = Duration(1);
/// A second.
pub const SECOND: Duration = Duration(1000);
/// Sixty seconds.
pub const MINUTE: Duration = Duration(60_000);
/// Sixty minutes.
pub const HOUR: Duration = Duration(3_600_000);
/// 24 hours.
pub const DAY: Duration = Duration(86_400_000);

impl Duration {
    /// Makes a duration of so many milliseconds.
    pub const fn from_millis(ms: i64) -> Duration {
        Duration(ms)
    }

    /// Returns it in milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

/// Stays at the largest duration where the product would be larger.
impl Mul<Duration> for i64 {
    type Output = Duration;

    fn mul(self, unit: Duration) -> Duration {
        Duration(self.saturating_mul(unit.0))
    }
}

/// Cuts off what is less than a millisecond.
impl From<std::time::Duration> for Duration {
    fn from(d: std::time::Duration) -> Self {
        Duration(i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
    }
}
