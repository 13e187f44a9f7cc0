//! `numbers.range*`, which one call of the engine would make as long as it is asked for: no clock looks into a builtin.

use regorus::Value;

use super::args::{Answer, Table, failed, integer};

/// Most numbers of a range.
const NUMBERS_MAX: u128 = 1_000_000;

pub const TABLE: Table = &[
    ("numbers.range", |args| range("numbers.range", integer(args, 0)?, integer(args, 1)?, 1)),
    ("numbers.range_step", |args| {
        let step = integer(args, 2)?;
        if step <= 0 {
            return failed("numbers.range_step: step must be a positive number above zero");
        }
        range("numbers.range_step", integer(args, 0)?, integer(args, 1)?, step)
    }),
];

/// From one number to the other, both with it, upwards or downwards.
fn range(name: &str, from: i64, to: i64, step: i64) -> Answer {
    let width = i128::from(to) - i128::from(from);
    let count = width.unsigned_abs() / u128::from(step.unsigned_abs()) + 1;
    if count > NUMBERS_MAX {
        return failed(format!("{name}: {count} numbers, at most {NUMBERS_MAX}"));
    }
    let step = if width < 0 { -i128::from(step) } else { i128::from(step) };
    let numbers = std::iter::successors(Some(i128::from(from)), |it| Some(it + step));
    let numbers = numbers.take(usize::try_from(count).unwrap_or_default());
    Ok(numbers.filter_map(|it| i64::try_from(it).ok()).map(Value::from).collect::<Vec<_>>().into())
}
