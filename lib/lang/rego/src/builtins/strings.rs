//! Builtins over texts that the engine lacks or answers otherwise.

use ottl::Operand;
use regorus::Value;

use super::args::{Answer, Failure, Table, array, failed, integer, object, string, wrong};
use super::print::plain;

pub const TABLE: Table = &[
    ("strings.count", |args| {
        let (text, part) = (string(args, 0)?, string(args, 1)?);
        // Go: an empty part stands between all characters.
        let count =
            if part.is_empty() { text.chars().count() + 1 } else { text.matches(part).count() };
        Ok(Value::from(count))
    }),
    ("replace", replace),
    ("strings.split_n", split_n),
    ("strings.replace_n", replace_n),
    ("strings.render_template", render_template),
    ("sprintf", sprintf),
    ("array.flatten", flatten),
    ("json.is_valid", |args| {
        let valid =
            string(args, 0).is_ok_and(|it| serde_json::from_str::<serde_json::Value>(it).is_ok());
        Ok(Value::from(valid))
    }),
    ("yaml.is_valid", |args| {
        Ok(Value::from(string(args, 0).is_ok_and(|it| Value::from_yaml_str(it).is_ok())))
    }),
    ("time.parse_duration_ns", parse_duration),
];

fn split_n(args: &[Value]) -> Answer {
    let (text, delimiter, count) = (string(args, 0)?, string(args, 1)?, integer(args, 2)?);
    let parts: Vec<String> = if delimiter.is_empty() {
        text.chars().map(String::from).collect()
    } else {
        text.split(delimiter).map(str::to_owned).collect()
    };
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let skipped = if count < 0 { parts.len().saturating_sub(wanted) } else { 0 };
    let parts = parts.into_iter().skip(skipped).take(wanted);
    Ok(Value::from(parts.map(Value::from).collect::<Vec<_>>()))
}

/// Go's `strings.Replacer`: one pass over the text; of the patterns that fit at a place the first in order.
/// Longest text that a replacement makes, in bytes: what records say must not fill the memory.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

fn replace(args: &[Value]) -> Answer {
    let (text, old, new) = (string(args, 0)?, string(args, 1)?, string(args, 2)?);
    let length = text.matches(old).count().saturating_mul(new.len()).saturating_add(text.len());
    if length > TEXT_BYTES_MAX {
        return failed(format!("replace: more than {TEXT_BYTES_MAX} bytes"));
    }
    Ok(Value::from(text.replace(old, new)))
}

fn replace_n(args: &[Value]) -> Answer {
    let mut pairs = Vec::new();
    for (key, value) in object(args, 0)?.iter_sorted() {
        let Value::String(key) = key else {
            return Err(Failure::Type("operand 1 non-string key found in pattern object".into()));
        };
        let Value::String(value) = value else {
            return Err(Failure::Type("operand 1 non-string value found in pattern object".into()));
        };
        pairs.push((key.to_string(), value.to_string()));
    }
    let text = string(args, 1)?;
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        // An empty pattern fits at each place, also at the end.
        if let Some((_, value)) = pairs.iter().find(|(key, _)| key.is_empty()) {
            replaced.push_str(value);
        }
        let found = pairs.iter().find(|(key, _)| !key.is_empty() && rest.starts_with(key.as_str()));
        let length = match (found, rest.chars().next()) {
            (Some((key, value)), _) => {
                replaced.push_str(value);
                key.len()
            }
            (None, Some(first)) => {
                replaced.push(first);
                first.len_utf8()
            }
            (None, None) => break,
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(Value::from(replaced))
}

fn sprintf(args: &[Value]) -> Answer {
    let format = string(args, 0)?;
    let items = array(args, 1)?;
    let texts: Vec<String> = items.iter().map(plain).collect();
    let operand = |(value, text): (&Value, &'_ String)| match value {
        // Whether it has a fraction decides the type, not whether the fraction is zero.
        Value::Number(_) if !text.contains(['.', 'e', 'E']) => text.parse().ok().map(Operand::Int),
        Value::Number(number) => number.as_f64().map(Operand::Double),
        _ => None,
    };
    let pairs = items.iter().zip(&texts);
    let operands = pairs.map(|it| operand(it).unwrap_or(Operand::Text(it.1)));
    Ok(Value::from(ottl::sprintf_of(format, &operands.collect::<Vec<_>>())))
}

fn flatten(args: &[Value]) -> Answer {
    let mut flat = Vec::new();
    for item in array(args, 0)? {
        match item {
            Value::Array(inner) => flat.extend(inner.iter().cloned()),
            other => flat.push(other.clone()),
        }
    }
    Ok(Value::from(flat))
}

/// Go's `time.ParseDuration` with `d`, `w` and `y`.
fn parse_duration(args: &[Value]) -> Answer {
    let text = string(args, 0)?;
    let bad = || Failure::Failed(format!("time: invalid duration {text:?}"));
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Value::from(0));
    }
    if rest.is_empty() {
        return Err(bad());
    }
    let mut whole = 0_i128;
    let mut part = 0.0;
    while !rest.is_empty() {
        let length = rest.find(|it: char| !it.is_ascii_digit() && it != '.').ok_or_else(bad)?;
        let (number, behind) = rest.split_at(length);
        let length =
            behind.find(|it: char| it.is_ascii_digit() || it == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(length);
        let nanos: i128 = match unit {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "w" => 604_800_000_000_000,
            "y" => 31_536_000_000_000_000,
            _ => return failed(format!("time: unknown unit {unit:?} in duration {text:?}")),
        };
        let (digits, fraction) = number.split_once('.').unwrap_or((number, ""));
        if digits.is_empty() && fraction.is_empty() {
            return Err(bad());
        }
        let digits = if digits.is_empty() { Ok(0) } else { digits.parse::<i64>() };
        whole += i128::from(digits.map_err(|_| bad())?) * nanos;
        if !fraction.is_empty() {
            part += format!("0.{fraction}").parse::<f64>().map_err(|_| bad())? * nanos as f64;
        }
        rest = behind;
    }
    let total = whole + i128::from(golang::number::whole(part));
    let total = if sign < 0.0 { -total } else { total };
    i64::try_from(total).map(Value::from).map_err(|_| bad())
}

/// Go's `text/template` as far as policies use it: fields, `range`, `if`, `else`, and their values as `%v`.
fn render_template(args: &[Value]) -> Answer {
    let template = string(args, 0)?;
    let Some(values) = args.get(1).filter(|it| matches!(it, Value::Object(_))) else {
        return wrong(args, 1, "object");
    };
    super::gotemplate::render(template, values).map(Value::from).map_err(Failure::Failed)
}
