//! Names.

/// `MemoryPressure` as `memory_pressure`, `PIDPressure` as `pid_pressure`, `hugepages-2Mi` as `hugepages_2_mi`: a name in small
/// letters with a line between words. As `strcase.ToSnake` of Go.
pub(crate) fn snake(name: &str) -> String {
    let signs: Vec<char> = name.trim().chars().collect();
    let mut out = String::with_capacity(name.len() + 2);
    for (at, sign) in signs.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|it| signs.get(it));
        let after = signs.get(at + 1);
        if matches!(sign, ' ' | '_' | '-' | '.') {
            out.push('_');
            continue;
        }
        // The last capital of a row begins the next word: `PIDPressure`.
        let ends_row = before.is_some_and(char::is_ascii_uppercase)
            && sign.is_ascii_uppercase()
            && after.is_some_and(char::is_ascii_lowercase);
        if ends_row {
            out.push('_');
        }
        out.push(sign.to_ascii_lowercase());
        let ends_word = after.is_some_and(|after| {
            let letter_to_number = sign.is_ascii_alphabetic() && after.is_ascii_digit();
            let number_to_letter = sign.is_ascii_digit() && after.is_ascii_alphabetic();
            let small_to_large = sign.is_ascii_lowercase() && after.is_ascii_uppercase();
            letter_to_number || number_to_letter || small_to_large
        });
        if ends_word {
            out.push('_');
        }
    }
    out
}

/// The id of a container without its runtime: `containerd://abc` is `abc`.
pub(crate) fn without_scheme(id: &str) -> &str {
    match id.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() && scheme.bytes().all(is_word) => rest,
        _ => id,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_conditions_and_resources_become_small_letters_with_lines() {
        for (name, want) in [
            ("Ready", "ready"),
            ("MemoryPressure", "memory_pressure"),
            ("PIDPressure", "pid_pressure"),
            ("NetworkUnavailable", "network_unavailable"),
            ("ephemeral-storage", "ephemeral_storage"),
            ("hugepages-2Mi", "hugepages_2_mi"),
            ("NoSuch", "no_such"),
            ("", ""),
        ] {
            assert_eq!(snake(name), want);
        }
    }

    #[test]
    fn the_runtime_in_front_of_a_containers_id_goes() {
        assert_eq!(without_scheme("containerd://abc"), "abc");
        assert_eq!(without_scheme("cri-o://abc"), "abc");
        assert_eq!(without_scheme("abc"), "abc");
        assert_eq!(without_scheme("://abc"), "://abc");
    }
}
