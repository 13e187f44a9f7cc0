//! Amounts as Kubernetes writes them: `500m`, `64Mi`, `1e3`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::null_is_default;

/// Longest text that is read as an amount, in bytes.
const TEXT_BYTES_MAX: usize = 64;
/// Letters behind a number, and by which power of ten they multiply. `resource.Quantity` of Kubernetes.
const DECIMAL: [(&str, i32); 9] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
/// The same for powers of 1024.
const BINARY: [(&str, u32); 6] = [("Ki", 1), ("Mi", 2), ("Gi", 3), ("Ti", 4), ("Pi", 5), ("Ei", 6)];

/// An exact amount: `digits` times ten to the power of `exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    digits: i128,
    exponent: i32,
}

impl Quantity {
    /// `None` for what is no amount, or one that no machine has.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let end = text.find(|it: char| !it.is_ascii_digit() && !"+-.".contains(it));
        let (number, suffix) = text.split_at(end.unwrap_or(text.len()));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction}");
        if !digits.ends_with(|it: char| it.is_ascii_digit()) {
            return None;
        }
        let digits: i128 = digits.parse().ok()?;
        let places = i32::try_from(fraction.len()).ok()?;
        let binary = BINARY.iter().find(|it| it.0 == suffix);
        let factor = binary.map_or(1, |it| 1024_i128.pow(it.1));
        let exponent = match suffix {
            "" => 0,
            _ if binary.is_some() => 0,
            _ => match DECIMAL.iter().find(|it| it.0 == suffix) {
                Some(it) => it.1,
                None => suffix
                    .strip_prefix(['e', 'E'])?
                    .parse()
                    .ok()
                    .filter(|it| (-18..=18).contains(it))?,
            },
        };
        Some(Self { digits: digits.checked_mul(factor)?, exponent: exponent - places })
    }

    /// The nearest floating point number.
    pub fn number(self) -> f64 {
        // The decimal text of an exact amount is read with one rounding, not two.
        format!("{}e{}", self.digits, self.exponent).parse().unwrap_or(0.0)
    }

    /// In whole units, rounded up; as `Value` of Kubernetes.
    pub fn value(self) -> i64 {
        self.scaled(0)
    }

    /// In thousandths, rounded up; as `MilliValue` of Kubernetes.
    pub fn milli_value(self) -> i64 {
        self.scaled(3)
    }

    /// In units of ten to the power of minus `places`, away from zero.
    fn scaled(self, places: i32) -> i64 {
        let exponent = self.exponent + places;
        let power = 10_i128.checked_pow(exponent.unsigned_abs());
        let most = if self.digits < 0 { i64::MIN } else { i64::MAX };
        let exact = match (power, exponent < 0) {
            (Some(power), false) => self.digits.checked_mul(power),
            (Some(power), true) => {
                let rest = i128::from(self.digits % power != 0) * self.digits.signum();
                Some(self.digits / power + rest)
            }
            (None, false) => None,
            (None, true) => Some(self.digits.signum()),
        };
        exact.and_then(|it| i64::try_from(it).ok()).unwrap_or(most)
    }
}

/// Amounts by what they are of. What cannot be read as one is left out: the rest of the object is good.
///
/// # Errors
/// What is no map of texts.
pub fn amounts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Quantity>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(serde_json::Number),
    }
    let written: BTreeMap<String, Written> = null_is_default(deserializer)?;
    let amounts = written.into_iter().filter_map(|(of, amount)| {
        let amount = match amount {
            Written::Text(text) => Quantity::parse(&text),
            Written::Number(number) => Quantity::parse(&number.to_string()),
        };
        Some((of, amount?))
    });
    Ok(amounts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        let check = |text: &str, number: f64, value: i64, milli: i64| {
            let it = Quantity::parse(text).unwrap();
            assert_eq!(
                (it.number(), it.value(), it.milli_value()),
                (number, value, milli),
                "{text}"
            );
        };
        check("500m", 0.5, 1, 500);
        check("2", 2.0, 2, 2000);
        check("1.5", 1.5, 2, 1500);
        check("-1.5", -1.5, -2, -1500);
        check("64Mi", 67_108_864.0, 67_108_864, 67_108_864_000);
        check("1.5Gi", 1_610_612_736.0, 1_610_612_736, 1_610_612_736_000);
        check("16M", 16e6, 16_000_000, 16_000_000_000);
        check("1e3", 1000.0, 1000, 1_000_000);
        check("12E-1", 1.2, 2, 1200);
        check("1E", 1e18, 1_000_000_000_000_000_000, i64::MAX);
        check("100n", 1e-7, 1, 1);
        check("0", 0.0, 0, 0);
        check(".5", 0.5, 1, 500);
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in
            ["", "m", "1x", "1mi", "--1", "1-", "1.2.3", "1e99", "1e", "1 Gi", &"9".repeat(60)]
        {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn one_odd_amount_does_not_spoil_the_others() {
        let read = |text: &str| amounts(&mut serde_json::Deserializer::from_str(text)).unwrap();
        let all = read(r#"{"cpu": "1", "memory": "much", "pods": 3}"#);
        assert_eq!(all.keys().collect::<Vec<_>>(), ["cpu", "pods"]);
        assert!(read("null").is_empty());
    }
}
