//! `net.cidr_*` but those of the engine: blocks of addresses, as OPA's `topdown/cidr.go`.

use std::net::IpAddr;

use regorus::Value;

use super::args::{Answer, Failure, Table, failed, items, set_of, string};

pub const TABLE: Table = &[
    ("net.cidr_intersects", |args| {
        let (left, right) = (Block::parse(string(args, 0)?)?, Block::parse(string(args, 1)?)?);
        Ok(Value::from(left.has(right.first) || right.has(left.first)))
    }),
    ("net.cidr_overlap", |args| Ok(Value::from(contains(string(args, 0)?, string(args, 1)?)?))),
    ("net.cidr_contains_matches", contains_matches),
    ("net.cidr_merge", merge),
];

/// A block of addresses: IPv4 addresses are numbers below 2^32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Block {
    is_v6: bool,
    first: u128,
    last: u128,
}

impl Block {
    fn parse(text: &str) -> Result<Self, Failure> {
        let bad = || Failure::Failed(format!("invalid CIDR address: {text}"));
        let (address, length) = text.split_once('/').ok_or_else(bad)?;
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let is_number = !length.is_empty() && length.bytes().all(|it| it.is_ascii_digit());
        let length: u32 =
            if is_number { length.parse().map_err(|_| bad())? } else { return Err(bad()) };
        Self::of(address, length).ok_or_else(bad)
    }

    fn of(address: IpAddr, length: u32) -> Option<Self> {
        let (is_v6, number, bits) = match address {
            IpAddr::V4(it) => (false, u128::from(u32::from(it)), 32),
            IpAddr::V6(it) => (true, u128::from(it), 128),
        };
        let host = bits - Some(length).filter(|it| *it <= bits)?;
        let mask = if host == 128 { u128::MAX } else { (1 << host) - 1 };
        Some(Self { is_v6, first: number & !mask, last: number | mask })
    }

    fn has(&self, address: u128) -> bool {
        (self.first..=self.last).contains(&address)
    }

    /// The blocks that make up the range, largest first at each place.
    fn write(&self, texts: &mut Vec<Value>) {
        let bits = if self.is_v6 { 128 } else { 32 };
        let mut first = self.first;
        loop {
            let aligned = if first == 0 { bits } else { first.trailing_zeros().min(bits) };
            let fits = |host: u32| {
                let mask = if host == 128 { u128::MAX } else { (1 << host) - 1 };
                first.checked_add(mask).is_some_and(|it| it <= self.last)
            };
            let host = (0..=aligned).rev().find(|it| fits(*it)).unwrap_or(0);
            let address = if self.is_v6 {
                IpAddr::from(first.to_be_bytes())
            } else {
                IpAddr::from(u32::try_from(first).unwrap_or(u32::MAX).to_be_bytes())
            };
            texts.push(Value::from(format!("{address}/{}", bits - host)));
            let size = if host == 128 { return } else { 1_u128 << host };
            match first.checked_add(size) {
                Some(next) if next <= self.last => first = next,
                _ => return,
            }
        }
    }
}

fn contains(block: &str, other: &str) -> Result<bool, Failure> {
    let block = Block::parse(block)?;
    if let Ok(address) = other.parse::<IpAddr>() {
        let address = address.to_canonical();
        let number = match address {
            IpAddr::V4(it) => u128::from(u32::from(it)),
            IpAddr::V6(it) => u128::from(it),
        };
        return Ok(block.is_v6 == address.is_ipv6() && block.has(number));
    }
    let Ok(inner) = Block::parse(other) else {
        return failed(format!(
            "not a valid textual representation of an IP address or CIDR: {other}"
        ));
    };
    Ok(block.is_v6 == inner.is_v6 && block.has(inner.first) && block.has(inner.last))
}

/// The blocks of an operand, each with the value that names it in the result.
fn candidates(operand: usize, value: &Value) -> Result<Vec<(String, Value)>, Failure> {
    let bad = || {
        let what = "element must be string or non-empty array";
        Failure::Failed(format!("operand {operand}: {what}"))
    };
    let text = |it: &Value| {
        let first = match it {
            Value::Array(items) => items.first(),
            other => Some(other),
        };
        first.and_then(|it| it.as_string().ok()).map(ToString::to_string).ok_or_else(bad)
    };
    match value {
        Value::String(it) => Ok(vec![(it.to_string(), value.clone())]),
        Value::Array(items) => {
            items.iter().enumerate().map(|(at, it)| Ok((text(it)?, Value::from(at)))).collect()
        }
        Value::Set(items) => items.iter_sorted().map(|it| Ok((text(it)?, it.clone()))).collect(),
        Value::Object(entries) => {
            entries.iter_sorted().map(|(key, it)| Ok((text(it)?, key.clone()))).collect()
        }
        _ => Ok(Vec::new()),
    }
}

fn contains_matches(args: &[Value]) -> Answer {
    let undefined = Value::Undefined;
    let left = candidates(1, args.first().unwrap_or(&undefined))?;
    let right = candidates(2, args.get(1).unwrap_or(&undefined))?;
    let mut found = Vec::new();
    for (block, left) in &left {
        for (inner, right) in &right {
            if contains(block, inner)? {
                found.push(Value::from(vec![left.clone(), right.clone()]));
            }
        }
    }
    Ok(set_of(found))
}

fn merge(args: &[Value]) -> Answer {
    let Ok(items) = items(args, 0, "one of {array, set}") else {
        return failed("operand must be an array");
    };
    let mut blocks = Vec::new();
    for item in items {
        let Value::String(text) = item else { return failed("element must be string") };
        blocks.push(match text.parse::<IpAddr>() {
            // Go's `IP.DefaultMask`: the class of the address says how long its network is.
            Ok(IpAddr::V4(it)) => {
                let length = match it.octets()[0] {
                    0..=127 => 8,
                    128..=191 => 16,
                    192..=223 => 24,
                    _ => 32,
                };
                let network = u32::from(it);
                let mask = u32::MAX.checked_shr(length).unwrap_or(0);
                let (first, last) = (network, network | mask);
                Block { is_v6: false, first: first.into(), last: last.into() }
            }
            Ok(IpAddr::V6(_)) => return failed("IPv6 invalid: needs prefix length"),
            Err(_) => Block::parse(text)?,
        });
    }
    blocks.sort_by_key(|it| (it.is_v6, it.first, it.last));
    let mut merged: Vec<Block> = Vec::new();
    for block in blocks {
        match merged.last_mut() {
            Some(last)
                if last.is_v6 == block.is_v6 && block.first <= last.last.saturating_add(1) =>
            {
                last.last = last.last.max(block.last);
            }
            _ => merged.push(block),
        }
    }
    let mut texts = Vec::new();
    merged.iter().for_each(|it| it.write(&mut texts));
    Ok(set_of(texts))
}
