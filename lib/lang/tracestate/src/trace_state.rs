//! The trace state of W3C with the member of OpenTelemetry, `ot=rv:...;th:...`. pkg/sampling, v0.149.

use std::borrow::Cow;

use crate::{Randomness, Threshold};

const LENGTH_MAX: usize = 1024;
const MEMBERS_MAX: usize = 32;
const KEY_MAX: usize = 256;
const VALUE_MAX: usize = 256;
const TENANT_MAX: usize = 241;
const SYSTEM_MAX: usize = 14;

/// What is in a trace state.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TraceState<'s> {
    /// `rv`, and how it is written.
    pub randomness: Option<(Randomness, Cow<'s, str>)>,
    /// `th`, and how it is written.
    pub threshold: Option<(Threshold, Cow<'s, str>)>,
    /// Other fields of OpenTelemetry, and other members.
    fields: Vec<(&'s str, &'s str)>,
    members: Vec<(&'s str, &'s str)>,
}

impl<'s> TraceState<'s> {
    /// `None` if it is not as the recommendation and OpenTelemetry have it.
    pub fn parse(text: &'s str) -> Option<Self> {
        let mut state = Self::default();
        if text.len() > LENGTH_MAX || text.split(',').count() >= MEMBERS_MAX {
            return None;
        }
        for member in text.split(',').map(|it| it.trim_matches([' ', '\t'])) {
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            if !is_key(key) || !is_value(value) {
                return None;
            }
            if key == "ot" {
                state.read(value)?;
            } else {
                state.members.push((key, value));
            }
        }
        Some(state)
    }

    fn read(&mut self, text: &'s str) -> Option<()> {
        for field in text.split(';') {
            let (key, value) = field.split_once(':')?;
            let first = key.bytes().next()?;
            let named = key.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
            let fits = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'_' | b'-');
            if !first.is_ascii_lowercase() || !named || !value.bytes().all(fits) {
                return None;
            }
            match key {
                "rv" => self.randomness = Some((Randomness::parse(value)?, value.into())),
                "th" => self.threshold = Some((Threshold::parse(value)?, value.into())),
                _ => self.fields.push((key, value)),
            }
        }
        Some(())
    }

    /// Writes `rv` anew.
    pub fn set_randomness(&mut self, randomness: Randomness) {
        self.randomness = Some((randomness, randomness.text().into()));
    }

    /// A threshold is only ever raised.
    pub fn raise(&mut self, threshold: Threshold) {
        if self.threshold.as_ref().is_none_or(|it| it.0 <= threshold) {
            let text = threshold.text();
            self.threshold = (!text.is_empty()).then_some((threshold, text.into()));
        }
    }

    /// OpenTelemetry's member is the first one.
    pub fn text(&self) -> String {
        let own = [
            ("rv", self.randomness.as_ref().map(|it| &it.1)),
            ("th", self.threshold.as_ref().map(|it| &it.1)),
        ];
        let own = own.into_iter().filter_map(|(key, value)| Some(format!("{key}:{}", value?)));
        let others = self.fields.iter().map(|(key, value)| format!("{key}:{value}"));
        let fields: Vec<String> = own.chain(others).collect();
        let mut members = Vec::new();
        if !fields.is_empty() {
            members.push(format!("ot={}", fields.join(";")));
        }
        members.extend(self.members.iter().map(|(key, value)| format!("{key}={value}")));
        members.join(",")
    }
}

/// The value of a member in a trace state that is as the recommendation has it: as Go's SDK reads it, which is stricter
/// than [`TraceState::parse`] with members that repeat and with blanks. `go.opentelemetry.io/otel/trace`, v1.43.
pub fn member<'t>(text: &'t str, wanted: &str) -> Option<&'t str> {
    let (mut keys, mut found) = (Vec::new(), None);
    for member in text.split(',').filter(|it| !it.is_empty()) {
        let (key, value) = member.split_once('=')?;
        let (key, value) =
            (key.trim_start_matches([' ', '\t']), value.trim_end_matches([' ', '\t']));
        if !is_key(key) || !is_value(value) || keys.contains(&key) || keys.len() == MEMBERS_MAX {
            return None;
        }
        keys.push(key);
        if key == wanted {
            found = Some(value);
        }
    }
    found
}

fn is_key(key: &str) -> bool {
    let fits = |it: &str| {
        it.bytes().all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/'))
    };
    let letter = |it: &str| it.starts_with(|c: char| c.is_ascii_lowercase());
    if key.len() > KEY_MAX {
        return false;
    }
    match key.split_once('@') {
        None => letter(key) && fits(key),
        Some((tenant, system)) => {
            (letter(tenant) || tenant.starts_with(|c: char| c.is_ascii_digit()))
                && letter(system)
                && fits(tenant)
                && fits(system)
                && tenant.len() <= TENANT_MAX
                && system.len() <= SYSTEM_MAX
        }
    }
}

fn is_value(value: &str) -> bool {
    let fits = |it: u8| matches!(it, b' '..=b'~') && !matches!(it, b',' | b'=');
    (1..=VALUE_MAX).contains(&value.len()) && value.bytes().all(fits) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_in_a_state_that_is_valid_as_a_whole() {
        for (text, want) in [
            ("a=1,b=2", Some("2")),
            ("a=1, b=2 ,", Some("2")),
            ("a=1", None),
            ("", None),
            ("b=2,A=1", None),
            ("b=2,a=1,a=1", None),
            ("b=2, ", None),
            ("b = 2", None),
        ] {
            assert_eq!(member(text, "b"), want, "{text:?}");
        }
        let many = |n| (0..n).map(|it| format!("k{it}=v")).collect::<Vec<_>>().join(",");
        assert_eq!((member(&many(32), "k0"), member(&many(33), "k0")), (Some("v"), None));
    }

    #[test]
    fn a_state_is_written_as_it_was_read() {
        for (text, want) in [
            ("", Some("")),
            ("a=1, b=2", Some("a=1,b=2")),
            ("a=1,ot=th:c;p:x;rv:00000000000001", Some("ot=rv:00000000000001;th:c;p:x,a=1")),
            ("0t@s=1", Some("0t@s=1")),
            ("ot=th:123456789012345", None),
            ("ot=rv:1", None),
            ("ot=th", None),
            ("ot=th:c;", None),
            ("A=1", None),
            ("a", None),
            ("a=1=2", None),
        ] {
            assert_eq!(TraceState::parse(text).map(|it| it.text()).as_deref(), want, "{text}");
        }
    }
}
