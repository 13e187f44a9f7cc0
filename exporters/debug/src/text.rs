//! Values, numbers and times as Go prints them.

use std::fmt::Write as _;

use pdata::ValueRef;

/// A value as upstream's `Value.AsString` has it: text as it is, lists and maps as JSON.
pub(crate) fn value(out: &mut String, value: ValueRef<'_>) {
    put(out, value);
}

/// `Str(x)`, `Int(1)`, ...
pub(crate) fn typed_value(out: &mut String, it: ValueRef<'_>) {
    out.push_str(it.type_name());
    out.push('(');
    value(out, it);
    out.push(')');
}

/// Anything that can be displayed.
pub(crate) fn put(out: &mut String, it: impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{it}");
}

/// `%v`.
pub(crate) fn number(out: &mut String, it: f64) {
    out.push_str(&golang::strconv::float(it));
}

/// `%f`.
pub(crate) fn fixed(out: &mut String, it: f64) {
    if it.is_finite() {
        let _ = write!(out, "{it:.6}");
    } else {
        number(out, it);
    }
}

/// Lower-case hexadecimal; an id of zeros only is none, as in upstream's model.
pub(crate) fn id(out: &mut String, id: &[u8]) {
    if id.iter().any(|it| *it != 0) {
        out.push_str(&pdata::text::hex(id));
    }
}

/// `2018-12-13 14:51:00.5 +0000 UTC`. What has the highest bit set is before 1970, as upstream reads it.
pub(crate) fn time(out: &mut String, unix_nano: u64) {
    out.push_str(&golang::time::show(i128::from(unix_nano.cast_signed())));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn numbers_are_printed_as_in_go() {
        let check = |it: f64, v: &str, json: &str, f: &str| {
            assert_eq!(text(|out| number(out, it)), v);
            assert_eq!(text(|out| value(out, ValueRef::Double(it))), json);
            assert_eq!(text(|out| fixed(out, it)), f);
        };
        check(0.0, "0", "0", "0.000000");
        check(-3.0, "-3", "-3", "-3.000000");
        check(1e6, "1e+06", "1000000", "1000000.000000");
        check(1e21, "1e+21", "1e+21", "1000000000000000000000.000000");
        check(0.000_000_15, "1.5e-07", "1.5e-7", "0.000000");
        check(f64::NAN, "NaN", "json: unsupported value: NaN", "NaN");
    }

    #[test]
    fn times_are_printed_as_in_go() {
        let check = |nanos: u64, want: &str| assert_eq!(text(|out| time(out, nanos)), want);
        check(0, "1970-01-01 00:00:00 +0000 UTC");
        check(1_544_712_660_000_000_000, "2018-12-13 14:51:00 +0000 UTC");
        check(13_000_000_789, "1970-01-01 00:00:13.000000789 +0000 UTC");
        check(1_709_164_800_500_000_000, "2024-02-29 00:00:00.5 +0000 UTC");
        check(u64::MAX, "1969-12-31 23:59:59.999999999 +0000 UTC");
    }

    #[test]
    fn an_id_of_zeros_is_none() {
        assert_eq!(text(|out| id(out, &[0, 171])), "00ab");
        assert_eq!(text(|out| id(out, &[0, 0])), "");
    }
}
