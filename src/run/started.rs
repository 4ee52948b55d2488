//! When a run began.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The moment a run began, by the wall and by the stopwatch.
pub(super) struct Started {
    wall: SystemTime,
    watch: Instant,
}

impl Started {
    pub fn now() -> Started {
        Started { wall: SystemTime::now(), watch: Instant::now() }
    }

    /// Seconds since.
    pub fn elapsed(&self) -> f64 {
        self.watch.elapsed().as_secs_f64()
    }

    /// UTC, as `2026-01-31T12:00:00Z`.
    pub fn utc(&self) -> String {
        utc(self.wall.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()))
    }
}

/// A Unix time as a date of the proleptic Gregorian calendar, counted in eras of 400 years
/// (146,097 days) from 1 March of the year 0.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn dates_match_the_calendar() {
        // From `date -u -d @SECONDS`.
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_767_225_599), "2025-12-31T23:59:59Z");
        assert_eq!(utc(4_107_542_400), "2100-03-01T00:00:00Z");
    }
}
