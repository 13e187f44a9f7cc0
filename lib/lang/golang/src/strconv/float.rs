//! Floating point numbers as Go's strconv writes them.

/// The digits of a number and where its point is: `0.d1d2d3 * 10^point`.
struct Digits {
    digits: String,
    point: i32,
}

/// The number with its sign; the verb is one of `e f g x b`. Without a precision so many digits as tell it
/// from its neighbours.
pub fn float(value: f64, verb: char, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "+NaN".to_owned();
    }
    let sign = if value.is_sign_negative() { '-' } else { '+' };
    let magnitude = value.abs();
    if magnitude.is_infinite() {
        return format!("{sign}Inf");
    }
    let text = match verb {
        'e' => exponential(magnitude, precision),
        'f' => match precision {
            Some(places) => format!("{magnitude:.places$}"),
            None => format!("{magnitude}"),
        },
        'x' => hexadecimal(magnitude, precision),
        'b' => binary(magnitude),
        _ => general(magnitude, precision),
    };
    format!("{sign}{text}")
}

/// `1.5e+07`
fn exponential(value: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(places) => format!("{value:.places$e}"),
        None => format!("{value:e}"),
    };
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{digits}{}", written_exponent('e', exponent.parse().unwrap_or(0)))
}

/// A sign and at least two digits.
fn written_exponent(letter: char, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{letter}{sign}{:02}", exponent.unsigned_abs())
}

fn digits(value: f64, precision: Option<usize>) -> Digits {
    if value == 0.0 {
        return Digits { digits: String::new(), point: 0 };
    }
    let text = match precision {
        Some(count) => format!("{value:.places$e}", places = count.max(1) - 1),
        None => format!("{value:e}"),
    };
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut digits = digits.replace('.', "");
    digits.truncate(digits.trim_end_matches('0').len());
    Digits { digits, point: exponent.parse::<i32>().unwrap_or(0) + 1 }
}

/// `%g`: with an exponent if it is below -4 or not below the precision.
fn general(value: f64, precision: Option<usize>) -> String {
    let Digits { digits, point } = digits(value, precision);
    let count = small(digits.len());
    let limit = match precision {
        None => 6,
        Some(it) if small(it.max(1)) > count && count >= point => count,
        Some(it) => small(it.max(1)),
    };
    let exponent = point - 1;
    if exponent < -4 || exponent >= limit {
        let (first, rest) = digits.split_at(digits.len().min(1));
        let dot = if rest.is_empty() { "" } else { "." };
        return format!("{first}{dot}{rest}{}", written_exponent('e', exponent));
    }
    if point <= 0 {
        let zeros = "0".repeat(point.unsigned_abs() as usize);
        return if digits.is_empty() { "0".to_owned() } else { format!("0.{zeros}{digits}") };
    }
    let whole = usize::try_from(point).unwrap_or_default();
    match digits.split_at_checked(whole) {
        Some((before, "")) => before.to_owned(),
        Some((before, after)) => format!("{before}.{after}"),
        None => format!("{digits:0<whole$}"),
    }
}

/// A number of digits: there are a few hundred at most.
fn small(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

const FRACTION_BITS: u32 = 52;

/// The fraction with its hidden bit, and the exponent of two of its lowest bit.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    match (bits >> FRACTION_BITS & 0x7ff) as i32 {
        0 => (fraction, -1074),
        exponent => (fraction | 1 << FRACTION_BITS, exponent - 1075),
    }
}

/// `4503599627370496p-52`
fn binary(value: f64) -> String {
    let (fraction, exponent) = parts(value);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{fraction}p{sign}{}", exponent.unsigned_abs())
}

/// `0x1.8p+00`
fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    let (mut fraction, mut exponent) = parts(value);
    if fraction == 0 {
        exponent = 0;
    } else {
        // One digit before the point, and room for sixty bits behind it.
        let shift = fraction.leading_zeros() - 3;
        fraction <<= shift;
        exponent += 60 - shift.cast_signed();
    }
    if let Some(places) = precision.filter(|it| *it < 15) {
        let extra = fraction << (places * 4) & ((1 << 60) - 1);
        fraction >>= 60 - places * 4;
        if extra | (fraction & 1) > 1 << 59 {
            fraction += 1;
        }
        fraction <<= 60 - places * 4;
        if fraction & 1 << 61 != 0 {
            fraction >>= 1;
            exponent += 1;
        }
    }
    let mut places = format!("{:015x}", fraction & ((1 << 60) - 1));
    match precision {
        Some(count) => {
            places.truncate(count);
            places = format!("{places:0<count$}");
        }
        None => places.truncate(places.trim_end_matches('0').len()),
    }
    let dot = if places.is_empty() { "" } else { "." };
    format!("0x{}{dot}{places}{}", fraction >> 60, written_exponent('p', exponent))
}
