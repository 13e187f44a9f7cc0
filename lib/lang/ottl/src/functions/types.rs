//! What a value is.

use std::net::IpAddr;

use golang::go_regex;
use regex::Regex;

use super::kind::items;
use super::{Env, Function, Kind, Slot, State, constant_text, function, takes, text};
use crate::compare;
use crate::tree::Comparison;
use crate::value::Value;

pub(super) const ALL: &[Function] = &[
    function("IsBool", &[takes("target", Kind::Any)], |_, it| Ok(is(it, "bool")))
        .says("Whether it is a boolean.", "IsBool(true)"),
    function("IsDouble", &[takes("target", Kind::Any)], |_, it| Ok(is(it, "float64")))
        .says("Whether it is a floating point number.", "IsDouble(1.5)"),
    function("IsInt", &[takes("target", Kind::Any)], |_, it| Ok(is(it, "int64")))
        .says("Whether it is a whole number.", "IsInt(1)"),
    function("IsString", &[takes("target", Kind::Any)], |_, it| Ok(is(it, "string")))
        .says("Whether it is a text.", "IsString(\"a\")"),
    function("IsMap", &[takes("target", Kind::Any)], |_, it| Ok(is(it, "pcommon.Map")))
        .says("Whether it is a map.", "IsMap({})"),
    function("IsList", &[takes("target", Kind::Any)], |_, it| Ok(is_list(it)))
        .says("Whether it is a list.", "IsList([])"),
    function("IsEmpty", &[takes("target", Kind::Any)], |_, it| Ok(is_empty(it))).says(
        "Whether it is nil, an empty text, list or map, 0, or false.",
        "IsEmpty(\"\") and not IsEmpty([1])",
    ),
    function("IsMatch", &[takes("target", Kind::TextLike), takes("pattern", Kind::Text)], is_match)
        .prepared(pattern)
        .says(
            "Whether a regular expression is found in the text of a value; in nil it is not.",
            "IsMatch(\"aa123bb\", \"\\\\d{3}\")",
        ),
    function(
        "IsInCIDR",
        &[takes("target", Kind::Text), takes("networks", Kind::EachText)],
        in_cidr,
    )
    .prepared(networks)
    .says(
        "Whether an IP address is in one of the networks; what is no address is in none.",
        "IsInCIDR(\"10.1.2.3\", [\"192.168.0.0/16\", \"10.0.0.0/8\"])",
    ),
    function("IsValidLuhn", &[takes("target", Kind::TextLike)], is_valid_luhn).says(
        "Whether the last digit of a number is the check digit of the Luhn formula.",
        "IsValidLuhn(\"17893729974\")",
    ),
    function("HasPrefix", &[takes("target", Kind::Text), takes("prefix", Kind::Text)], |_, it| {
        Ok(Value::Bool(text(it, 0).starts_with(text(it, 1))))
    })
    .says("Whether the text begins so.", "HasPrefix(\"abc\", \"ab\")"),
    function("HasSuffix", &[takes("target", Kind::Text), takes("suffix", Kind::Text)], |_, it| {
        Ok(Value::Bool(text(it, 0).ends_with(text(it, 1))))
    })
    .says("Whether the text ends so.", "HasSuffix(\"abc\", \"bc\")"),
    function("ContainsValue", &[takes("target", Kind::List), takes("item", Kind::Any)], |_, it| {
        let [list, item] = it else { return Ok(Value::Nil) };
        let list = items(list);
        let found = list.iter().any(|it| compare::holds(Comparison::Equal, it, item));
        Ok(Value::Bool(found))
    })
    .says("Whether a value is in a list.", "ContainsValue([1, \"a\"], \"a\")"),
];

fn is<'a>(values: &[Value<'a>], go_type: &str) -> Value<'a> {
    Value::Bool(values.first().is_some_and(|it| it.go_type() == go_type))
}

fn is_list<'a>(values: &[Value<'a>]) -> Value<'a> {
    Value::Bool(match values {
        [Value::List(_)] => true,
        [Value::Opaque(name, _)] => name.ends_with("Slice"),
        _ => false,
    })
}

fn is_empty<'a>(values: &[Value<'a>]) -> Value<'a> {
    Value::Bool(match values.first() {
        None | Some(Value::Nil) => true,
        Some(Value::Bool(it)) => !it,
        Some(Value::Int(it) | Value::Duration(it)) => *it == 0,
        Some(Value::Double(it)) => *it == 0.0,
        Some(Value::Text(it)) => it.is_empty(),
        Some(Value::Bytes(it)) => it.is_empty(),
        Some(Value::Map(it)) => it.len() == 0,
        Some(Value::List(it)) => it.len() == 0,
        Some(it @ Value::Id(..)) => it.id().iter().all(|it| *it == 0),
        // Go's zero time is that of the year 1.
        Some(Value::Time(_)) => false,
        Some(Value::Opaque(_, length)) => *length == Some(0),
    })
}

fn pattern(slots: &[Slot]) -> Result<State, String> {
    compiled("IsMatch", constant_text(slots, 1))
}

/// The regular expression of a constant pattern.
pub(super) fn compiled(function: &str, pattern: Option<&str>) -> Result<State, String> {
    let Some(pattern) = pattern else { return Ok(State::None) };
    go_regex(pattern, Regex::new).map(State::Regex).map_err(|problem| {
        format!(
            "the regex pattern supplied to {function} '{pattern:?}' is not a valid pattern: {problem}"
        )
    })
}

fn is_match<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let [target, pattern] = values else { return Ok(Value::Nil) };
    let fresh;
    let regex = match (env.state, &*pattern) {
        (State::Regex(it), _) => it,
        (_, Value::Text(it)) => {
            fresh = go_regex(it, Regex::new)?;
            &fresh
        }
        _ => return Ok(Value::Nil),
    };
    Ok(Value::Bool(match target {
        Value::Text(it) => regex.is_match(it),
        _ => false,
    }))
}

/// `10.0.0.0/8`
fn network(text: &str) -> Result<(IpAddr, u8), String> {
    let wrong = || format!("invalid CIDR address: {text}");
    let (address, length) = text.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    if !length.bytes().all(|it| it.is_ascii_digit()) {
        return Err(wrong());
    }
    let length: u8 = length.parse().map_err(|_| wrong())?;
    if length > if address.is_ipv4() { 32 } else { 128 } {
        return Err(wrong());
    }
    // IPv4 addresses within those of IPv6 are what they are.
    match (address.to_canonical(), address.is_ipv4()) {
        (inner @ IpAddr::V4(_), false) if length >= 96 => Ok((inner, length - 96)),
        _ => Ok((address, length)),
    }
}

fn networks(slots: &[Slot]) -> Result<State, String> {
    let Some(Slot::Each(list)) = slots.get(1) else { return Ok(State::None) };
    let mut networks = Vec::new();
    for getter in list {
        match getter.constant() {
            Some(Value::Text(it)) => networks.push(network(it)?),
            _ => return Ok(State::None),
        }
    }
    Ok(State::Networks(networks))
}

fn contains((network, length): (IpAddr, u8), address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(it) => u128::from(it.to_bits()) << 96,
        IpAddr::V6(it) => it.to_bits(),
    };
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    network.is_ipv4() == address.is_ipv4() && (bits(network) ^ bits(address)) & mask == 0
}

fn in_cidr<'a>(env: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let [target, list] = values else { return Ok(Value::Nil) };
    let Value::Text(target) = target else { return Ok(Value::Bool(false)) };
    let Ok(address) = target.parse::<IpAddr>() else { return Ok(Value::Bool(false)) };
    if let State::Networks(networks) = env.state {
        return Ok(Value::Bool(networks.iter().any(|it| contains(*it, address.to_canonical()))));
    }
    for it in items(list) {
        if let Value::Text(it) = it
            && contains(network(&it)?, address.to_canonical())
        {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn is_valid_luhn<'a>(_: &Env<'_, 'a>, values: &mut [Value<'a>]) -> Result<Value<'a>, String> {
    let [Value::Text(number)] = values else { return Err("invalid input: <nil>".to_owned()) };
    let mut sum = 0;
    let digits = number.chars().rev().filter(|it| *it != ' ');
    for (at, digit) in digits.enumerate() {
        let Some(digit) = digit.to_digit(10) else {
            let shown = digit.to_string();
            return Err(format!("strconv.Atoi: parsing {shown:?}: invalid syntax"));
        };
        sum += match (at % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        };
    }
    Ok(Value::Bool(sum % 10 == 0 && !number.trim_matches(' ').is_empty()))
}
