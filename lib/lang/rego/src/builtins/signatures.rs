//! Which builtins OPA has, and what they take: `signatures.txt` is made from the `capabilities.json` of OPA 1.22.2.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Of one builtin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Its name, such as `io.jwt.decode`.
    pub name: &'static str,
    /// Types of the arguments: alternatives with `|` between them, `any` for all.
    pub args: Vec<&'static str>,
    /// Type of the result, or `void`.
    pub result: &'static str,
    /// Takes any number of arguments.
    pub is_variadic: bool,
    /// Has several results for one call.
    pub is_relation: bool,
    /// An operator, written between its arguments.
    pub is_infix: bool,
}

/// The builtin of this name.
pub fn of(name: &str) -> Option<&'static Signature> {
    all().get(name)
}

/// All builtins, by name.
pub fn all() -> &'static BTreeMap<&'static str, Signature> {
    static ALL: OnceLock<BTreeMap<&'static str, Signature>> = OnceLock::new();
    ALL.get_or_init(|| {
        let lines = include_str!("signatures.txt").lines();
        lines.filter_map(parse).map(|it| (it.name, it)).collect()
    })
}

fn parse(line: &'static str) -> Option<Signature> {
    let (name, rest) = line.split_once('(')?;
    let (args, rest) = rest.split_once(") ")?;
    let mut words = rest.split(' ');
    let result = words.next()?;
    let marks: Vec<&str> = words.collect();
    let args = if args.is_empty() { Vec::new() } else { args.split(", ").collect() };
    Some(Signature {
        name,
        args,
        result,
        is_variadic: marks.contains(&"variadic"),
        is_relation: marks.contains(&"relation"),
        is_infix: marks.contains(&"infix"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_read() {
        assert_eq!(all().len(), include_str!("signatures.txt").lines().count());
        let split = of("split").map(|it| (it.args.clone(), it.result));
        assert_eq!(split, Some((vec!["string", "string"], "array")));
    }
}
