//! Times of a conversation, read from the timestamps of events.

use std::time::{Duration, SystemTime};

use crate::events::SessionEvent;
use crate::runtime::date;
use crate::wire::{DecodeError, Node, Wire, Writer};

/// The start and the end of a part of a conversation, from the `timestamp` of the events that begin and end it.
///
/// The clock is that of the CLI, in milliseconds. In JSON the times are RFC 3339 in UTC: `2026-11-22T07:26:13.434Z`.
#[derive(Clone, Copy, Default)]
pub struct Times {
    pub(super) start: Option<Moment>,
    pub(super) end: Option<Moment>,
}

record!(Times {
    Optional start "start",
    Optional end "end",
});

impl Times {
    /// The time of the first event; none if it has no valid timestamp.
    pub fn start(&self) -> Option<SystemTime> {
        self.start.map(Moment::system_time)
    }

    /// The time of the event that ended the part; none until then.
    pub fn end(&self) -> Option<SystemTime> {
        self.end.map(Moment::system_time)
    }

    /// The time from the start to the end; none if one of them is unknown, and zero if the clock was set back.
    pub fn duration(&self) -> Option<Duration> {
        let millis = self.end?.0.saturating_sub(self.start?.0);
        Some(Duration::from_millis(millis.try_into().unwrap_or(0)))
    }

    /// The times of something that takes no time.
    pub(super) fn at(moment: Option<Moment>) -> Self {
        Self { start: moment, end: moment }
    }
}

/// A time in milliseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub(super) struct Moment(i64);

/// The end of the year 9999: a later year has no form that can be read again.
const LAST: Moment = Moment(253_402_300_799_999);

impl Moment {
    pub fn of(event: &SessionEvent) -> Option<Self> {
        Self::parse(event.timestamp())
    }

    /// Reads `2026-11-22T07:26:13.434Z`, with any number of digits of the fraction.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('Z')?;
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |from, to| text.get(from..to).filter(|digits| is_digits(digits))?.parse::<i64>().ok();
        let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if !separators.iter().all(|(at, separator)| text.as_bytes().get(*at) == Some(separator)) {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let is_time = hour < 24 && minute < 60 && second <= 60;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !is_time {
            return None;
        }
        let fraction = match text.get(19..)? {
            "" => "0",
            rest => rest.strip_prefix('.').filter(|digits| !digits.is_empty() && is_digits(digits))?,
        };
        // Missing digits count as zeros.
        let digits = fraction.bytes().chain(*b"00").take(3);
        let millis = digits.fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0'));
        let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
        Some(Self(seconds * 1000 + millis)).filter(|moment| *moment <= LAST)
    }

    fn system_time(self) -> SystemTime {
        let distance = Duration::from_millis(self.0.unsigned_abs());
        let time = match self.0 < 0 {
            true => SystemTime::UNIX_EPOCH.checked_sub(distance),
            false => SystemTime::UNIX_EPOCH.checked_add(distance),
        };
        time.unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// The days from 1970-01-01 to a day, which [`date::date`] counts back.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&date::rfc3339(self.0))
    }
}

impl Wire for Moment {
    fn empty() -> Self {
        Self::default()
    }
    fn read(&mut self, node: Node<'_>) -> Result<(), DecodeError> {
        *self = Self::parse(node.string()?).ok_or_else(|| node.mismatch("a time in UTC"))?;
        Ok(())
    }
    fn write(&self, out: &mut Writer) {
        out.string(&self.to_string());
    }
}

/// A duration for people: `26 ms`, `1.3 s`, `2 min 5 s`.
pub(super) fn readable(duration: Duration) -> String {
    match duration.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        millis @ 1000..59_950 => format!("{:.1} s", millis as f64 / 1000.0),
        millis => {
            let seconds = (millis + 500) / 1000;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, millis) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2000-02-29T12:00:00.500Z", 951_825_600_500),
            ("2026-11-22T07:26:13.434Z", 1_795_332_373_434),
            ("2100-03-01T00:00:00.000Z", 4_107_542_400_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
            ("0000-01-01T00:00:00.000Z", -62_167_219_200_000),
        ] {
            assert_eq!(Moment::parse(text), Some(Moment(millis)), "{text}");
            assert_eq!(Moment(millis).to_string(), text);
        }
        let digits = ["2026-11-22T07:26:13Z", "2026-11-22T07:26:13.0Z", "2026-11-22T07:26:13.000999999Z"];
        assert!(digits.iter().all(|text| Moment::parse(text) == Some(Moment(1_795_332_373_000))));
    }

    #[test]
    fn every_day_has_its_date() {
        let mut day = days(1600, 1, 1);
        while day < days(2400, 1, 1) {
            let (year, month, of_month) = date::date(day);
            assert_eq!(days(year, month, of_month), day);
            day += 1;
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Z",
            "now",
            "2026-11-22",
            "2026-11-22T07:26:13.434",
            "2026-11-22T07:26:13.434+01:00",
            "2026-13-22T07:26:13Z",
            "2026-11-32T07:26:13Z",
            "2026-11-22T24:26:13Z",
            "2026-11-22T07:26:13.Z",
            "2026-11-22T07:26:13.4x4Z",
            "2026-11-22T07:26:1éZ",
            "+026-11-22T07:26:13Z",
            "9999-12-31T23:59:60Z",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_read_well() {
        let read = |millis| readable(Duration::from_millis(millis));
        let texts = [0, 26, 999, 1000, 59_949, 59_950, 125_000].map(read);
        assert_eq!(texts, ["0 ms", "26 ms", "999 ms", "1.0 s", "59.9 s", "1 min 0 s", "2 min 5 s"]);
    }
}
