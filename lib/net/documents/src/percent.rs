//! Text in a query of a URL.

use std::fmt::Write as _;

/// Everything but letters, digits and `-._~` as `%XX`. RFC 3986, section 2.3.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_means_something_in_a_query_is_hidden() {
        assert_eq!(super::encode("a b&c=1/\u{fc}~"), "a%20b%26c%3D1%2F%C3%BC~");
    }
}
