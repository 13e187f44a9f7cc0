//! `host:port` as Go's package `net` reads it.

use std::fmt::Display;
use std::io;

/// Splits `host:port`, `[host]:port`, `[host%zone]:port`. `net.SplitHostPort`, Go 1.25.
///
/// # Errors
/// `address localhost: missing port in address` and its kin.
pub fn split_host_port(address: &str) -> Result<(&str, &str), String> {
    let fail = |why: &str| match address {
        "" => Err(why.to_owned()),
        _ => Err(format!("address {address}: {why}")),
    };
    let Some((before, port)) = address.rsplit_once(':') else {
        return fail("missing port in address");
    };
    let host = if let Some(inside) = address.strip_prefix('[') {
        let Some((host, after)) = inside.split_once(']') else {
            return fail("missing ']' in address");
        };
        match after.strip_prefix(':') {
            None if after.is_empty() => return fail("missing port in address"),
            None => return fail("missing port in address"),
            Some(rest) if rest.contains(':') => return fail("too many colons in address"),
            Some(_) => host,
        }
    } else if before.contains(':') {
        return fail("too many colons in address");
    } else {
        before
    };
    if host.contains('[') || port.contains('[') {
        return fail("unexpected '[' in address");
    }
    if host.contains(']') || port.contains(']') {
        return fail("unexpected ']' in address");
    }
    Ok((host, port))
}

/// The reverse: an IPv6 host gets brackets. `net.JoinHostPort`.
pub fn join_host_port(host: &str, port: impl Display) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// `endpoint` as it was probably meant: with a port, or with a port that exists; `None` where that
/// is not what it lacks.
pub fn with_port(endpoint: &str, default: &str) -> Option<String> {
    let rest = endpoint.split_once("://").map_or(endpoint, |it| it.1);
    match split_host_port(rest) {
        Ok((_, port)) if !port.is_empty() && parse_port(port).is_ok() => None,
        Ok((host, _)) => Some(join_host_port(host, default)),
        Err(_) => {
            let host = rest.trim_end_matches([':', '/']).trim_matches(['[', ']']);
            let plain = host.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.:".contains(&it));
            let ipv6 = host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_err();
            (plain && !ipv6 && !host.is_empty()).then(|| join_host_port(host, default))
        }
    }
}

/// True when a host is this machine.
pub fn is_local(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host.is_empty() || host == "localhost" || address.is_ok_and(|it| it.is_loopback())
}

/// The number of a port. `net.parsePort` and the services file that everybody has.
pub(crate) fn parse_port(port: &str) -> Result<u16, String> {
    match port {
        "" => Ok(0),
        "http" => Ok(80),
        "https" => Ok(443),
        _ if port.bytes().all(|it| it.is_ascii_digit()) => {
            port.parse().map_err(|_| format!("address {port}: invalid port"))
        }
        _ => Err(format!("lookup tcp/{port}: unknown port")),
    }
}

/// An operating system's error as Go prints it: `address already in use`.
pub fn go_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, want: Result<(&str, &str), &str>) {
        assert_eq!(split_host_port(address), want.map_err(str::to_owned));
    }

    #[test]
    fn a_port_is_added_where_it_lacks_and_replaced_where_there_is_none_like_it() {
        for (endpoint, want) in [
            ("localhost", Some("localhost:4317")),
            ("backend:", Some("backend:4317")),
            ("backend:99999", Some("backend:4317")),
            ("http://backend/", Some("backend:4317")),
            ("::1", Some("[::1]:4317")),
            ("a:b:c", None),
            ("backend:4317", None),
            ("", None),
        ] {
            assert_eq!(with_port(endpoint, "4317").as_deref(), want, "{endpoint}");
        }
    }

    #[test]
    fn host_and_port_are_told_apart() {
        check("localhost:4317", Ok(("localhost", "4317")));
        check(":4317", Ok(("", "4317")));
        check("[::1]:4317", Ok(("::1", "4317")));
        check("[fe80::1%eth0]:1", Ok(("fe80::1%eth0", "1")));
        check("localhost:", Ok(("localhost", "")));
    }

    #[test]
    fn bad_addresses_are_refused_in_gos_words() {
        check("localhost", Err("address localhost: missing port in address"));
        check("", Err("missing port in address"));
        check("::1:4317", Err("address ::1:4317: too many colons in address"));
        check("[::1", Err("address [::1: missing ']' in address"));
        check("[::1]", Err("address [::1]: missing port in address"));
        check("[::1]:1:2", Err("address [::1]:1:2: too many colons in address"));
        check("a]:1", Err("address a]:1: unexpected ']' in address"));
    }

    #[test]
    fn ports_are_numbers_or_well_known_names() {
        assert_eq!(parse_port("4317"), Ok(4317));
        assert_eq!(parse_port("https"), Ok(443));
        assert_eq!(parse_port("70000"), Err("address 70000: invalid port".into()));
        assert_eq!(parse_port("grpc"), Err("lookup tcp/grpc: unknown port".into()));
    }

    #[test]
    fn a_joined_address_can_be_split_again() {
        assert_eq!(join_host_port("::1", "80"), "[::1]:80");
        assert_eq!(join_host_port("a", "80"), "a:80");
    }
}
