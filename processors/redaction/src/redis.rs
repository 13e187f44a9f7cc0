//! Commands of Redis without the values among their arguments: `SET user:1 secret` becomes `SET user:1 ?`. In the form of
//! `github.com/DataDog/datadog-agent/pkg/obfuscate`.

const WIPED: &str = "?";

/// Which arguments go, counted from 0.
enum Which {
    None,
    /// All, as one.
    All,
    /// This and what comes after it, as one.
    From(usize),
    /// This one.
    One(usize),
    /// This, and again and again one so many further on.
    Each(usize, usize),
}

/// Commands, one a line. Lines in quotes are part of an argument.
pub(crate) fn wiped(text: &str) -> String {
    let commands = commands(text.trim()).into_iter().filter(|it| !it.is_empty());
    commands.map(command).collect::<Vec<String>>().join("\n")
}

/// The words of each command.
fn commands(text: &str) -> Vec<Vec<&str>> {
    let (mut all, mut words) = (Vec::new(), Vec::new());
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, sign) in text.char_indices() {
        let is_end = !is_quoted && matches!(sign, ' ' | '\t' | '\r' | '\n');
        if sign == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = sign == '\\' && !is_escaped;
        if !is_end {
            continue;
        }
        words.extend(text.get(start..at).filter(|it| !it.is_empty()));
        start = at + 1;
        if sign == '\n' {
            all.push(std::mem::take(&mut words));
        }
    }
    words.extend(text.get(start..).filter(|it| !it.is_empty()));
    all.push(words);
    all
}

fn command(words: Vec<&str>) -> String {
    let mut words = words.into_iter();
    let name = words.next().unwrap_or_default();
    let mut arguments: Vec<&str> = words.collect();
    let (from, step) = match which(&name.to_ascii_uppercase(), &arguments) {
        Which::None => (arguments.len(), 1),
        Which::All => {
            arguments.truncate(1);
            (0, 1)
        }
        Which::From(at) => {
            arguments.truncate(at + 1);
            (at, 1)
        }
        Which::One(at) => (at, arguments.len().max(1)),
        Which::Each(at, step) => (at, step),
    };
    arguments.iter_mut().skip(from).step_by(step).for_each(|it| *it = WIPED);
    [&[name], arguments.as_slice()].concat().join(" ")
}

/// <https://redis.io/docs/latest/commands/>
fn which(name: &str, arguments: &[&str]) -> Which {
    let is =
        |at: usize, word: &str| arguments.get(at).is_some_and(|it| it.eq_ignore_ascii_case(word));
    match name {
        "AUTH" => Which::All,
        // key value
        "APPEND" | "GETSET" | "LPUSHX" | "GEORADIUSBYMEMBER" | "RPUSHX" | "SET" | "SETNX"
        | "SISMEMBER" | "ZRANK" | "ZREVRANK" | "ZSCORE" => Which::One(1),
        // key, something, value
        "HSETNX" | "LREM" | "LSET" | "SETBIT" | "SETEX" | "PSETEX" | "SETRANGE" | "ZINCRBY"
        | "SMOVE" | "RESTORE" => Which::One(2),
        // key BEFORE|AFTER pivot value
        "LINSERT" => Which::One(3),
        // key, and values
        "GEOHASH" | "GEOPOS" | "GEODIST" | "LPUSH" | "RPUSH" | "SREM" | "ZREM" | "SADD" => {
            Which::From(1)
        }
        // key, and again and again longitude latitude member
        "GEOADD" => Which::Each(3, 3),
        // key, and again and again field value
        "HSET" | "HMSET" => Which::Each(2, 2),
        // again and again key value
        "MSET" | "MSETNX" => Which::Each(1, 2),
        // SET parameter value
        "CONFIG" if is(0, "SET") => Which::One(2),
        // key, then others, then SET type offset value
        "BITFIELD" => {
            let set = (1..arguments.len()).find(|it| is(*it, "SET"));
            set.map_or(Which::None, |it| Which::One(it + 3))
        }
        // key, options, and again and again score member
        "ZADD" => {
            let options = ["NX", "XX", "GT", "LT", "CH", "INCR"];
            let is_option = |at: usize| options.iter().any(|it| is(at, it));
            let scores = (1..arguments.len()).find(|it| !is_option(*it));
            scores.map_or(Which::None, |it| Which::Each(it + 1, 2))
        }
        _ => Which::None,
    }
}

#[cfg(test)]
mod tests {
    use super::wiped;

    #[test]
    fn values_go_and_keys_stay() {
        for (text, want) in [
            ("AUTH james my-secret-password", "AUTH ?"),
            ("AUTH", "AUTH"),
            ("SET key value EX 5", "SET key ? EX 5"),
            ("set user:1 \"two words \\\" more\" NX", "set user:1 ? NX"),
            ("GET key", "GET key"),
            (
                "BITFIELD key GET type offset SET type offset value INCRBY type",
                "BITFIELD key GET type offset SET type offset ? INCRBY type",
            ),
            ("BITFIELD key SET type offset", "BITFIELD key SET type offset"),
            ("CONFIG SET parameter value", "CONFIG SET parameter ?"),
            ("CONFIG foo bar baz", "CONFIG foo bar baz"),
            ("GEOADD key long lat member long lat member", "GEOADD key long lat ? long lat ?"),
            ("GEOADD key", "GEOADD key"),
            (
                "GEOHASH key member member\nGEOPOS key\n GEODIST key a b",
                "GEOHASH key ?\nGEOPOS key\nGEODIST key ?",
            ),
            ("HSET key field1 value field2 value", "HSET key field1 ? field2 ?"),
            ("HMSET key field", "HMSET key field"),
            ("LINSERT key BEFORE pivot value", "LINSERT key BEFORE pivot ?"),
            ("SMOVE source destination member", "SMOVE source destination ?"),
            ("MSET\nMSET key value key value", "MSET\nMSET key ? key ?"),
            (
                "ZADD key NX CH INCR score member score member",
                "ZADD key NX CH INCR score ? score ?",
            ),
            ("ZADD key XX INCR score", "ZADD key XX INCR score"),
            ("\nCONFIG command\nSET k v\n\n", "CONFIG command\nSET k ?"),
            ("SET k \"a\nb\"\nGET k", "SET k ?\nGET k"),
            ("", ""),
        ] {
            assert_eq!(wiped(text), want, "{text}");
        }
    }
}
