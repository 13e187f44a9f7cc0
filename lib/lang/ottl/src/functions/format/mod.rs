//! `Format`: Go's `fmt.Sprintf` with the types that values have. What does not fit is written into the text,
//! as Go does it: `%!d(string=x)`.

use std::fmt::Write as _;

mod print;

use print::{Flags, print};

use crate::value::Value;

/// Largest width and precision, in signs; Go's fmt, `tooLarge`.
const WIDTH_MAX: usize = 1_000_000;

/// The text that a format makes of values.
pub(super) fn sprintf(format: &str, values: &[Value<'_>]) -> String {
    let state = State { rest: format, next: 0, reordered: false, fits: true, out: String::new() };
    state.run(values)
}

/// A value for `sprintf` of another language.
#[derive(Debug, Clone, Copy)]
pub enum Operand<'a> {
    /// `int64`.
    Int(i64),
    /// `float64`.
    Double(f64),
    /// `string`.
    Text(&'a str),
}

/// The text that Go's `fmt.Sprintf` makes.
pub fn sprintf_of(format: &str, operands: &[Operand<'_>]) -> String {
    let value = |it: &Operand<'_>| match *it {
        Operand::Int(it) => Value::Int(it),
        Operand::Double(it) => Value::Double(it),
        Operand::Text(it) => Value::Text(it.to_owned().into()),
    };
    sprintf(format, &operands.iter().map(value).collect::<Vec<_>>())
}

struct State<'f> {
    rest: &'f str,
    /// The value that the next verb takes.
    next: usize,
    /// A verb named its value.
    reordered: bool,
    /// The value that the verb names is there.
    fits: bool,
    out: String,
}

impl State<'_> {
    fn run(mut self, values: &[Value<'_>]) -> String {
        while let Some((before, after)) = self.rest.split_once('%') {
            self.out.push_str(before);
            self.rest = after;
            if !self.verb(values) {
                self.out.push_str("%!(NOVERB)");
                self.rest = "";
            }
        }
        self.out.push_str(self.rest);
        if !self.reordered
            && let Some(extra) = values.get(self.next..).filter(|it| !it.is_empty())
        {
            self.extra(extra);
        }
        self.out
    }

    fn extra(&mut self, values: &[Value<'_>]) {
        self.out.push_str("%!(EXTRA ");
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                self.out.push_str(", ");
            }
            print::named(&mut self.out, value, &Flags::default());
        }
        self.out.push(')');
    }

    /// One verb with its flags; false if the text ends before it.
    fn verb(&mut self, values: &[Value<'_>]) -> bool {
        let mut flags = self.flags();
        self.fits = true;
        let mut named = self.index(values.len());
        if self.accept('*') {
            let width = self.number_of(values);
            match width {
                Some((is_negative, it)) => {
                    flags.width = Some(it);
                    flags.minus |= is_negative;
                }
                None => self.out.push_str("%!(BADWIDTH)"),
            }
            named = false;
        } else {
            flags.width = self.number();
            self.fits &= !(named && flags.width.is_some());
        }
        if self.rest.len() > 1 && self.accept('.') {
            self.fits &= !named;
            named = self.index(values.len());
            if self.accept('*') {
                let precision = self.number_of(values).filter(|it| !it.0);
                flags.precision = precision.map(|it| it.1);
                if flags.precision.is_none() {
                    self.out.push_str("%!(BADPREC)");
                }
                named = false;
            } else {
                flags.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !named {
            self.index(values.len());
        }
        let mut signs = self.rest.chars();
        let Some(verb) = signs.next() else { return false };
        self.rest = signs.as_str();
        match values.get(self.next) {
            _ if verb == '%' => self.out.push('%'),
            _ if !self.fits => self.told(verb, "BADINDEX"),
            None => self.told(verb, "MISSING"),
            Some(value) => {
                let verb = if verb == 'w' { 'v' } else { verb };
                if verb == 'v' {
                    flags.quoted = std::mem::take(&mut flags.sharp);
                    flags.plus = false;
                }
                print(&mut self.out, value, verb, &flags);
                self.next += 1;
            }
        }
        true
    }

    /// A mistake goes into the text.
    fn told(&mut self, verb: char, problem: &str) {
        let _ = write!(self.out, "%!{verb}({problem})");
    }

    fn flags(&mut self) -> Flags {
        let mut flags = Flags::default();
        while let Some(sign) = self.rest.chars().next() {
            match sign {
                '#' => flags.sharp = true,
                '0' => flags.zero = true,
                '+' => flags.plus = true,
                '-' => flags.minus = true,
                ' ' => flags.space = true,
                _ => break,
            }
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        flags
    }

    fn accept(&mut self, sign: char) -> bool {
        let found = self.rest.strip_prefix(sign);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    /// Digits; what is too large counts as none.
    fn number(&mut self) -> Option<usize> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits.parse().ok().filter(|it| *it <= WIDTH_MAX)
    }

    /// The next value as a width or precision: whether it is less than 0, and how far from it.
    fn number_of(&mut self, values: &[Value<'_>]) -> Option<(bool, usize)> {
        let value = values.get(self.next)?;
        self.next += 1;
        match value {
            Value::Int(it) => {
                let size = usize::try_from(it.unsigned_abs()).ok();
                size.filter(|it| *it <= WIDTH_MAX).map(|size| (*it < 0, size))
            }
            _ => None,
        }
    }

    /// `[2]`: which value comes next. True if it was written well.
    fn index(&mut self, count: usize) -> bool {
        let Some(inside) = self.rest.strip_prefix('[') else { return false };
        self.reordered = true;
        let Some((digits, after)) = inside.split_once(']') else {
            self.fits = false;
            self.rest = inside;
            return false;
        };
        self.rest = after;
        let fine = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
        let number = digits.parse::<usize>().ok().filter(|_| fine);
        if let Some(it) = number.and_then(|it| it.checked_sub(1)).filter(|it| *it < count) {
            self.next = it;
            return true;
        }
        self.fits = false;
        number.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::List;

    #[track_caller]
    fn check(format: &str, values: Vec<Value<'static>>, want: &str) {
        assert_eq!(sprintf(format, &values), want, "{format}");
    }

    fn ints(values: &[i64]) -> Vec<Value<'static>> {
        values.iter().copied().map(Value::Int).collect()
    }

    fn doubles(values: &[f64]) -> Vec<Value<'static>> {
        values.iter().copied().map(Value::Double).collect()
    }

    fn texts(values: &[&'static str]) -> Vec<Value<'static>> {
        values.iter().copied().map(Value::from).collect()
    }

    #[test]
    fn whole_numbers_are_written_as_in_go() {
        check("%5d|%-5d|%05d|%+d|% d", ints(&[1; 5]), "    1|1    |00001|+1| 1");
        check(
            "%x|%X|%#x|%#X|%o|%O|%#o|%b|%#b",
            ints(&[255, 255, 255, 255, 8, 8, 8, 5, 5]),
            "ff|FF|0xff|0XFF|10|0o10|010|101|0b101",
        );
        check(
            "%c|%q|%U|%#U|%6c|%-3c|",
            ints(&[65, 65, 65, 9731, 65, 66]),
            "A|'A'|U+0041|U+2603 '\u{2603}'|     A|B  |",
        );
        check("%c|%q|%q", ints(&[-1, 128_512, 39]), "\u{fffd}|'\u{1f600}'|'\\''");
        check(
            "%.3d|%8.3d|%08.3d|%.0d|%+.3d",
            ints(&[7, 7, 7, 0, 5]),
            "007|     007|     007||+005",
        );
        check(
            "%-05d|%+05d|% 05d|%06d|%x",
            ints(&[7, 7, 7, -42, -255]),
            "7    |+0007| 0007|-00042|-ff",
        );
        check("%s %f %z", ints(&[1, 1, 1]), "%!s(int64=1) %!f(int64=1) %!z(int64=1)");
    }

    #[test]
    fn floating_point_numbers_are_written_as_in_go() {
        check(
            "%5.2f|%-8.1f|%08.3f|%+.1f|%.0f",
            doubles(&[3.1389, 2.5, -2.5, 1.0, 2.5]),
            " 3.14|2.5     |-002.500|+1.0|2",
        );
        check(
            "%e|%E|%g|%.3g|%.1g|%.10g",
            doubles(&[123_456.789, 0.00012, 1e100, 1234.5, 0.00015, 1.5]),
            "1.234568e+05|1.200000E-04|1e+100|1.23e+03|0.0001|1.5",
        );
        check(
            "%v %v %v %v %v %v",
            doubles(&[1.0, 123_456.0, 123_456_789.0, 1e20, 0.000_001, 0.0001]),
            "1 123456 1.23456789e+08 1e+20 1e-06 0.0001",
        );
        check(
            "%x|%X|%.2x|%.0x|%b",
            doubles(&[1.5, -1.5, 1.999, 1.5, 1.5]),
            "0x1.8p+00|-0X1.8P+00|0x1.00p+01|0x1p+01|6755399441055744p-52",
        );
        check(
            "%#.0f %#g %#.3g %#e",
            doubles(&[1.0, 123_456_789.0, 1.0, 1.0]),
            "1. 1.23456789e+08 1.00 1.000000e+00",
        );
        check(
            "%v|%g|%05v|%+v|%5v",
            doubles(&[f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::INFINITY, f64::NAN]),
            "+Inf|-Inf| +Inf|+Inf|  NaN",
        );
        check("%d", doubles(&[1.5]), "%!d(float64=1.5)");
    }

    #[test]
    fn texts_are_written_as_in_go() {
        check(
            "%s|%10s|%-10s|%.2s|%05s|%-05s|%05.1s",
            texts(&["abc", "abc", "abc", "abc", "ab", "ab", "ab"]),
            "abc|       abc|abc       |ab|000ab|ab   |0000a",
        );
        check(
            "%q|%+q|%#q|%5q|%.2q",
            texts(&["a\"b", "\u{e9}\n", "abc", "a", "abc"]),
            "\"a\\\"b\"|\"\\u00e9\\n\"|`abc`|  \"a\"|\"ab\"",
        );
        check(
            "%x|%X|% x|%#x|% #x|%.2x",
            texts(&["abc", "\u{e9}", "abc", "abc", "abc", "abc"]),
            "616263|C3A9|61 62 63|0x616263|0x61 0x62 0x63|6162",
        );
        check("%#v|%d|%5d", texts(&["a", "s", "x"]), "\"a\"|%!d(string=s)|%!d(string=    x)");
        check("%q", texts(&["\u{1}\u{7f}\u{ad}\u{1f600}"]), "\"\\x01\\x7f\\u00ad\u{1f600}\"");
    }

    #[test]
    fn other_values_are_written_as_in_go() {
        let nil = || Value::Nil;
        check(
            "%v|%d|%s|%5v",
            vec![nil(), nil(), nil(), nil()],
            "<nil>|%!d(<nil>)|%!s(<nil>)|<nil>",
        );
        let yes = || Value::Bool(true);
        check(
            "%t|%v|%5t|%-5t|%d",
            vec![yes(), yes(), yes(), yes(), yes()],
            "true|true| true|true |%!d(bool=true)",
        );
        let bytes = || Value::Bytes(b"ab".to_vec().into());
        check(
            "%v %s %x %q %d",
            vec![bytes(), bytes(), bytes(), bytes(), bytes()],
            "[97 98] ab 6162 \"ab\" [97 98]",
        );
        let span = |it| Value::Duration(it);
        check(
            "%v|%s|%d|%10v|%v",
            vec![
                span(5_400_000_000_000),
                span(1_500_000_000),
                span(1_000_000_000),
                span(1_000_000_000),
                span(0),
            ],
            "1h30m0s|1.5s|1000000000|        1s|0s",
        );
        let list = |it: Vec<Value<'static>>| Value::List(List::own(it));
        check(
            "%v|%s|%d|%5v",
            vec![
                list(vec![Value::Int(1), "a".into(), Value::Nil]),
                list(vec![Value::Int(1), Value::Nil]),
                list(ints(&[1, 2])),
                list(ints(&[1, 2])),
            ],
            "[1 a <nil>]|[%!s(int64=1) <nil>]|[1 2]|[    1     2]",
        );
        check("%T %T %T", vec![Value::Int(1), nil(), bytes()], "int64 <nil> []uint8");
    }

    #[test]
    fn mistakes_are_written_into_the_text() {
        check("%d", ints(&[1, 2]), "1%!(EXTRA int64=2)");
        check("%d %d", ints(&[1]), "1 %!d(MISSING)");
        check("%!", ints(&[1]), "%!!(int64=1)");
        check("%", ints(&[1]), "%!(NOVERB)%!(EXTRA int64=1)");
        check("%[1]", ints(&[1]), "%!(NOVERB)");
        check("%[2]d %[1]d", ints(&[1, 2]), "2 1");
        check("%[3]d|%[x]d", ints(&[1, 2]), "%!d(BADINDEX)|%!d(BADINDEX)");
        check("%*d|%-*d", ints(&[5, 1, 5, 1]), "    1|1    ");
        check("%*d", ints(&[2_000_000, 1]), "%!(BADWIDTH)1");
        check("%.*d", ints(&[-1, 1]), "%!(BADPREC)1");
        check("%.[2]*[1]f", vec![Value::Double(3.1389), Value::Int(2)], "3.14");
        check("%v%%%v|%-%", ints(&[1, 2]), "1%2|%");
        check("\u{e9}%d\u{fc}", ints(&[1]), "\u{e9}1\u{fc}");
    }
}
