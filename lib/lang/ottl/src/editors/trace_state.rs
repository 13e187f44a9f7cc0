//! The trace state of W3C: `vendor=value,other=value`.

/// Most members, after the recommendation.
const MEMBERS_MAX: usize = 32;
const LENGTH_MAX: usize = 256;

/// The state with a member in front, and without what the member was; nothing if any of it is not as
/// <https://www.w3.org/TR/trace-context/#tracestate-header> has it.
pub(super) fn inserted(state: &str, key: &str, value: &str) -> Option<String> {
    if !is_key(key) || !is_value(value) {
        return None;
    }
    let mut out = format!("{key}={value}");
    let mut members = 1;
    for member in state.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let (name, of_name) = member.split_once('=')?;
        if !is_key(name) || !is_value(of_name) {
            return None;
        }
        if name != key && members < MEMBERS_MAX {
            members += 1;
            out.push(',');
            out.push_str(member);
        }
    }
    Some(out)
}

fn is_key(key: &str) -> bool {
    let fits = |it: u8| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    let first = key.bytes().next();
    key.len() <= LENGTH_MAX
        && first
            .is_some_and(|it| it.is_ascii_lowercase() || (it.is_ascii_digit() && key.contains('@')))
        && key.bytes().all(fits)
}

fn is_value(value: &str) -> bool {
    let fits = |it: u8| matches!(it, b' '..=b'~') && !matches!(it, b',' | b'=');
    (1..=LENGTH_MAX).contains(&value.len()) && value.bytes().all(fits) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_put_in_front_and_replaces_what_it_was() {
        for (state, key, value, want) in [
            ("a=1,b=2", "b", "3", Some("b=3,a=1")),
            ("", "a", "1", Some("a=1")),
            ("a=1", "c", "x y", Some("c=x y,a=1")),
            ("a=1", "0@v", "1", Some("0@v=1,a=1")),
            ("a=1", "A", "1", None),
            ("a=1", "b", "1,2", None),
            ("broken", "b", "1", None),
        ] {
            assert_eq!(inserted(state, key, value).as_deref(), want, "{state} {key}");
        }
        let full: Vec<String> = (0..32).map(|it| format!("k{it}=v")).collect();
        let new = inserted(&full.join(","), "new", "v").unwrap();
        assert_eq!((new.split(',').count(), new.ends_with("k30=v")), (32, true));
    }
}
