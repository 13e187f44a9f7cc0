//! Labels: a name and a value each, sorted by name. An empty value is no label.

use std::borrow::Cow;

use xxhash_rust::xxh3::Xxh3;

/// The name of a metric, among its labels.
pub(crate) const NAME: &str = "__name__";

/// Names and values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Labels<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Labels<'a> {
    pub(crate) fn get(&self, name: &str) -> &str {
        match self.0.binary_search_by(|it| (*it.0).cmp(name)) {
            Ok(at) => self.0.get(at).map_or("", |it| &it.1),
            Err(_) => "",
        }
    }

    /// Sets a label; an empty value removes it.
    pub(crate) fn set(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        match self.0.binary_search_by(|it| it.0.cmp(&name)) {
            Ok(at) if value.is_empty() => drop(self.0.remove(at)),
            Ok(at) => {
                if let Some(known) = self.0.get_mut(at) {
                    known.1 = value;
                }
            }
            Err(_) if value.is_empty() => {}
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|it| keep(&it.0));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// From a list in any order. `Err` is a name that stands there twice.
    pub(crate) fn from_list(mut list: Vec<(Cow<'a, str>, Cow<'a, str>)>) -> Result<Self, String> {
        list.retain(|it| !it.1.is_empty());
        list.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(twice) = list.windows(2).find(|it| matches!(it, [a, b] if a.0 == b.0)) {
            return Err(twice.first().map(|it| it.0.to_string()).unwrap_or_default());
        }
        Ok(Self(list))
    }

    pub(crate) fn into_owned(self) -> Labels<'static> {
        let own = |it: Cow<'_, str>| Cow::Owned(it.into_owned());
        Labels(self.0.into_iter().map(|(name, value)| (own(name), own(value))).collect())
    }

    /// The same for the same labels that `counts` says to look at.
    pub(crate) fn hash_of(&self, counts: impl Fn(&str) -> bool) -> u64 {
        let mut hash = Xxh3::new();
        for (name, value) in self.iter().filter(|it| counts(it.0)) {
            // No text has this byte in it.
            hash.update(name.as_bytes());
            hash.update(&[0xff]);
            hash.update(value.as_bytes());
            hash.update(&[0xff]);
        }
        hash.digest()
    }

    /// `{a="b"}`, for the log.
    pub(crate) fn shown(&self) -> String {
        let all: Vec<String> = self.iter().map(|(name, it)| format!("{name}={it:?}")).collect();
        format!("{{{}}}", all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_empty_ones_are_none() {
        let list =
            vec![("b".into(), "1".into()), ("a".into(), "2".into()), ("c".into(), "".into())];
        let mut labels = Labels::from_list(list).unwrap();
        assert_eq!(labels.shown(), r#"{a="2", b="1"}"#);
        labels.set("aa".into(), "3".into());
        labels.set("b".into(), "".into());
        assert_eq!(labels.shown(), r#"{a="2", aa="3"}"#);
        assert_eq!((labels.get("aa"), labels.get("b")), ("3", ""));
        let twice = vec![("b".into(), "1".into()), ("b".into(), "2".into())];
        assert_eq!(Labels::from_list(twice), Err("b".to_owned()));
    }
}
