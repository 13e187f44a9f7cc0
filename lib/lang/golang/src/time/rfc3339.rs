//! RFC 3339 as container runtimes write it, read without a layout: it stands on every line of a pod's log.

use super::civil;
use super::reading::{Abbreviation, Reading};

/// What a fraction of so many digits is to be multiplied with.
const SCALES: [i64; 10] =
    [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1000, 100, 10, 1];

/// `2024-05-06T07:08:09.123456789Z`, or with `+01:00`, as container runtimes write it; `None` for every other
/// shape, also for those that Go's layouts take.
pub fn rfc3339(text: &str) -> Option<i128> {
    let (nanos, len) = rfc3339_at_start(text.as_bytes())?;
    (len == text.len()).then_some(nanos)
}

/// The same as the clock shows it that wrote it.
pub fn rfc3339_reading(text: &str) -> Option<Reading> {
    let nanos = rfc3339(text)?;
    let (_, zone) = text.as_bytes().split_last_chunk::<6>()?;
    let seconds = match zone {
        [b'+', offset @ ..] => offset_of(*offset)?,
        [b'-', offset @ ..] => -offset_of(*offset)?,
        _ => 0,
    };
    Some(match i32::try_from(seconds).ok()? {
        0 => Reading::utc(nanos),
        offset_seconds => Reading { nanos, offset_seconds, zone: Abbreviation::NONE },
    })
}

/// The same where more may follow, and its length in bytes.
#[inline]
pub fn rfc3339_at_start(bytes: &[u8]) -> Option<(i128, usize)> {
    let head = bytes.first_chunk::<19>()?;
    let day = head.first_chunk::<10>().and_then(date_of)?;
    let clock = head.last_chunk::<9>().and_then(clock_of)?;
    let (mut at, mut nanos) = (19, 0);
    if let Some((all, len)) = bytes.get(19..).and_then(nine) {
        (at, nanos) = (19 + len, all);
    } else if let Some(b'.' | b',') = bytes.get(19) {
        at = 20;
        let mut digits = 0;
        while let Some(it @ b'0'..=b'9') = bytes.get(at) {
            if digits < 9 {
                nanos = nanos * 10 + i64::from(it - b'0');
                digits += 1;
            }
            at += 1;
        }
        if digits == 0 {
            return None;
        }
        nanos *= SCALES[digits];
    }
    let offset = match bytes.get(at)? {
        b'Z' => {
            at += 1;
            0
        }
        sign @ (b'+' | b'-') => {
            let seconds = offset_of(*bytes.get(at + 1..)?.first_chunk()?)?;
            at += 6;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let seconds = day * 86_400 + clock - offset;
    Some((i128::from(seconds) * 1_000_000_000 + i128::from(nanos), at))
}

/// Four numbers of two digits each, all at once (Lemire, "Quickly parsing eight digits", 2018).
#[inline]
fn pairs(digits: [u8; 8]) -> Option<[i64; 4]> {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const ABOVE_NINE: u64 = u64::from_le_bytes([0x80 - b'9' - 1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let word = u64::from_le_bytes(digits);
    let values = word.wrapping_sub(ZEROS);
    if (values | word.wrapping_add(ABOVE_NINE)) & HIGH != 0 {
        return None;
    }
    let [a, _, b, _, c, _, d, _] = (values * 10 + (values >> 8)).to_le_bytes();
    Some([a, b, c, d].map(i64::from))
}

/// `.123456789` and no further digit, as runtimes write it: nanoseconds and the length.
#[inline]
fn nine(text: &[u8]) -> Option<(i64, usize)> {
    let [b'.', digits @ .., last @ b'0'..=b'9', end] = text.first_chunk::<11>()? else {
        return None;
    };
    let [a, b, c, d] = pairs(*digits.first_chunk()?)?;
    let nanos = (((a * 100 + b) * 100 + c) * 100 + d) * 10 + i64::from(last - b'0');
    (!end.is_ascii_digit()).then_some((nanos, 10))
}

/// `2024-05-06` as days since 1970.
#[inline]
fn date_of(text: &[u8; 10]) -> Option<i64> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text else { return None };
    let [century, year, month, day] = pairs([y0, y1, y2, y3, m0, m1, d0, d1])?;
    let year = century * 100 + year;
    let valid =
        (1..=12).contains(&month) && day >= 1 && (day <= 28 || day <= civil::days_in(month, year));
    valid.then(|| civil::days(year, month, day))
}

/// `T07:08:09` as seconds.
#[inline]
fn clock_of(text: &[u8; 9]) -> Option<i64> {
    let &[b'T', h0, h1, b':', m0, m1, b':', s0, s1] = text else { return None };
    let [hour, minute, second, _] = pairs([h0, h1, m0, m1, s0, s1, b'0', b'0'])?;
    let valid = hour < 24 && minute < 60 && second < 60;
    valid.then_some(hour * 3600 + minute * 60 + second)
}

/// `01:00` as seconds.
fn offset_of(text: [u8; 5]) -> Option<i64> {
    let [h0, h1, b':', m0, m1] = text else { return None };
    let [hours, minutes, ..] = pairs([h0, h1, m0, m1, b'0', b'0', b'0', b'0'])?;
    (hours <= 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)
}

#[cfg(test)]
mod tests {
    use super::super::Layout;
    use super::*;

    #[test]
    fn the_fast_way_agrees_with_the_layout() {
        let layout = Layout::new("2006-01-02T15:04:05.999999999Z07:00");
        let slow = |text: &str| {
            let it = layout.parse(text).ok()?;
            let seconds = it.civil_seconds() - it.offset?;
            Some(i128::from(seconds) * 1_000_000_000 + i128::from(it.nanos))
        };
        for text in [
            "2024-05-06T07:08:09.123456789Z",
            "2024-05-06T07:08:09Z",
            "2024-02-29T23:59:59,5Z",
            "2024-05-06T07:08:09.1234567891+05:30",
            "1999-12-31T00:00:00.000-10:00",
            "2024-05-06T07:08:09.123456789-00:30",
            "2024-05-06T07:08:09.12345678Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999Z",
        ] {
            assert_eq!(rfc3339(text), slow(text), "{text}");
            assert!(slow(text).is_some(), "{text}");
        }
        for text in [
            "",
            "2024-05-06",
            "2023-02-29T00:00:00Z",
            "2024-04-31T00:00:00Z",
            "2024-05-06T24:00:00Z",
            "2024-05-06T07:60:09Z",
            "2024-05-06T07:08:60Z",
            "2024-13-06T07:08:09Z",
            "2024-05-06T07:08:09",
            "2024-05-06T07:08:09.Z",
            "2024-05-06 07:08:09Z",
            "2024-05-06T07:08:09+0200",
            "2024-00-06T07:08:09Z",
            "2024-05-00T07:08:09Z",
            "2024-05-06T07:08:0:Z",
            "2024-05-06T07:08:09.123:56789Z",
            "2024-05-06T07:08:09.12345/789Z",
            "20\u{e9}4-05-06T07:08:09Z",
            "2024-05-06T07:08:09.123456789",
        ] {
            assert_eq!((rfc3339(text), slow(text)), (None, None), "{text}");
        }
    }
}
