//! The forms in which clients write a date.

use crate::clock;

/// A form other than the IMF-fixdate that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateForm {
    /// `2017-08-17T20:16:24Z`
    Iso,
    /// `2017-08-17T20:16:24.000Z`, as JavaScript writes it.
    IsoMillis,
    /// `2017-08-17T20:16:24+00:00`, as Python writes it.
    IsoOffset,
    /// `2017-08-17T20:16:24`
    IsoLocal,
    /// `Thu, 17 Aug 2017 20:16:24 +0000`
    Zeros,
    /// `Thu, 17 Aug 2017 20:16:24 -0000`, as Python's `formatdate` writes it.
    MinusZeros,
    /// `Thu, 17 Aug 2017 20:16:24 UTC`, as Go writes it.
    Utc,
    /// `Thu,  3 Aug 2017 20:16:24 GMT`, as `%e` of `strftime` writes it.
    BlankPadded,
    /// `Thu, 3 Aug 2017 20:16:24 GMT`
    Unpadded,
    /// `1503000984`
    UnixSeconds,
    /// `1503000984000`
    UnixMillis,
}

impl DateForm {
    pub(super) const COUNT: usize = 11;

    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Iso,
        Self::IsoMillis,
        Self::IsoOffset,
        Self::IsoLocal,
        Self::Zeros,
        Self::MinusZeros,
        Self::Utc,
        Self::BlankPadded,
        Self::Unpadded,
        Self::UnixSeconds,
        Self::UnixMillis,
    ];

    /// Writes an IMF-fixdate in this form. Returns `None` for any other date, and where this form is the same.
    pub(super) fn write(self, date: &str) -> Option<String> {
        let second = clock::parse_date(date)?;
        let (weekday, day, time) = (date.get(..5)?, date.get(5..7)?, date.get(17..25)?);
        let (without_zone, after_day) = (date.strip_suffix(" GMT")?, date.get(7..)?);
        let iso = || Some(format!("{}-{:02}-{day}T{time}", date.get(12..16)?, month(date.get(8..11)?)?));
        Some(match self {
            Self::Iso => iso()? + "Z",
            Self::IsoMillis => iso()? + ".000Z",
            Self::IsoOffset => iso()? + "+00:00",
            Self::IsoLocal => iso()?,
            Self::Zeros => format!("{without_zone} +0000"),
            Self::MinusZeros => format!("{without_zone} -0000"),
            Self::Utc => format!("{without_zone} UTC"),
            Self::BlankPadded => format!("{weekday} {}{after_day}", day.strip_prefix('0')?),
            Self::Unpadded => format!("{weekday}{}{after_day}", day.strip_prefix('0')?),
            Self::UnixSeconds => second.to_string(),
            Self::UnixMillis => format!("{second}000"),
        })
    }
}

fn month(name: &str) -> Option<usize> {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    months.iter().position(|month| *month == name).map(|index| index + 1)
}
