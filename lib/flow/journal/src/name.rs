//! The names of journals. Pure.

use std::fmt::Write as _;

use component::{Id, Kind};
use golang::fnv::fnv1a_64;

/// Longest name. File systems take 255 bytes (`NAME_MAX`, limits.h); a journal has files with longer endings beside
/// it while it is compacted or put aside.
const NAME_BYTES_MAX: usize = 247;

/// `receiver_file_log_name`; other characters as `~` and four hexadecimal digits, as upstream. What is too long
/// ends in a hash of the whole instead.
pub(crate) fn file_name(kind: Kind, id: &Id, name: &str) -> String {
    let plain = [kind.name(), id.type_name(), id.name(), name].join("_");
    let mut out = String::with_capacity(plain.len());
    for c in plain.chars() {
        if c.is_ascii_alphanumeric() || "_-".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "~{:04X}", c as u32);
        }
    }
    if out.len() > NAME_BYTES_MAX {
        let end = format!("~~{:016x}", fnv1a_64(&[plain.as_bytes()]));
        out.truncate(NAME_BYTES_MAX - end.len());
        out.push_str(&end);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn name(id: &str) -> String {
        file_name(Kind::Receiver, &id.parse().unwrap(), "x")
    }

    #[test]
    fn names_are_safe_as_upstream() {
        assert_eq!(name("file_log/a/b"), "receiver_file_log_a~002Fb_x");
        assert_eq!(name("file_log/.."), "receiver_file_log_~002E~002E_x");
    }

    #[test]
    fn a_long_id_has_a_short_name_of_its_own() {
        let long = "a".repeat(190);
        assert!(name(&format!("file_log/{long}")).ends_with("a_x"), "a name that fits stays");
        let ids = ["x", "y", "\u{e9}", "/", "."].map(|it| it.repeat(400));
        let ids = ids.iter().flat_map(|it| [format!("file_log/{it}1"), format!("file_log/{it}2")]);
        let ids: Vec<Id> = ids.filter_map(|it| it.parse().ok()).collect();
        let names = ids.iter().map(|it| file_name(Kind::Receiver, it, ""));
        let names: HashSet<String> = names.filter(|it| it.len() == NAME_BYTES_MAX).collect();
        assert!(names.len() == ids.len() && names.len() >= 4, "{names:?}");
    }
}
