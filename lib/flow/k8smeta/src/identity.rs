//! By what a pod is found: up to four values, hashed to 128 bits. A key costs no allocation, neither in the table nor to
//! look one up; that two of 20,000 pods are mistaken for each other is less likely than a broken memory cell.

use xxhash_rust::xxh3::Xxh3;

/// What identifies a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u128);

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The address of the sender.
    Connection,
    /// An attribute of the resource.
    Attribute(String),
    /// A word that is none of them. It has no value, and never finds a pod if it comes first.
    Unknown,
}

/// Values that identify a pod together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// In this order.
    pub sources: Vec<Source>,
}

impl Association {
    /// It can find a pod.
    pub(crate) fn is_useful(&self) -> bool {
        !matches!(self.sources.first(), None | Some(Source::Unknown))
    }

    /// The key of these values; `value` says what a source has. `None` if one has nothing.
    pub fn key<'a>(&self, value: impl Fn(&Source) -> Option<&'a str>) -> Option<Key> {
        let mut hasher = Xxh3::new();
        for source in &self.sources {
            match source {
                Source::Unknown => hasher.update(&[0]),
                source => add(&mut hasher, source, value(source).filter(|it| !it.is_empty())?),
            }
        }
        Some(Key(hasher.digest128()))
    }

    /// The sources in few words, for metrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for source in &self.sources {
            if !text.is_empty() {
                text.push('+');
            }
            match source {
                Source::Connection => text.push_str("connection"),
                Source::Attribute(name) => {
                    text.push_str("resource_attribute/");
                    text.push_str(name);
                }
                Source::Unknown => break,
            }
        }
        text
    }
}

impl Key {
    /// Of the address of a sender.
    pub fn connection(address: &str) -> Self {
        Self::one(&Source::Connection, address)
    }

    /// Of one source.
    pub fn one(source: &Source, value: &str) -> Self {
        let mut hasher = Xxh3::new();
        add(&mut hasher, source, value);
        Self(hasher.digest128())
    }
}

/// Lengths stand before texts, so that no two lists of texts look the same.
fn add(hasher: &mut Xxh3, source: &Source, value: &str) {
    let name = match source {
        Source::Attribute(name) => name.as_str(),
        Source::Connection | Source::Unknown => "",
    };
    hasher.update(&[if *source == Source::Connection { 1 } else { 2 }]);
    hasher.update(&name.len().to_le_bytes());
    hasher.update(name.as_bytes());
    hasher.update(&value.len().to_le_bytes());
    hasher.update(value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str) -> Source {
        Source::Attribute(name.into())
    }

    #[test]
    fn order_names_and_lengths_tell_keys_apart() {
        let two = Association { sources: vec![attribute("a"), attribute("b")] };
        let key = |a: &'static str, b: &'static str| {
            two.key(|it| Some(if *it == attribute("a") { a } else { b }))
        };
        assert_eq!(key("x", "y"), key("x", "y"));
        assert_ne!(key("x", "y"), key("y", "x"));
        assert_ne!(key("xy", "z"), key("x", "yz"));
        assert_eq!(key("x", ""), None);
        assert_ne!(Key::connection("x"), Key::one(&attribute(""), "x"));
        assert_eq!(two.text(), "resource_attribute/a+resource_attribute/b");
    }

    #[test]
    fn a_word_that_is_no_source_finds_nothing_in_the_first_place() {
        let first = Association { sources: vec![Source::Unknown, attribute("a")] };
        let second = Association { sources: vec![attribute("a"), Source::Unknown] };
        assert!(!first.is_useful() && second.is_useful());
        assert!(!Association { sources: vec![] }.is_useful());
        assert!(second.key(|_| Some("x")).is_some());
    }
}
