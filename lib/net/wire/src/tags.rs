//! Tags of spans and processes: what other protocols have as attributes. Other than in OTLP a key may come twice.

use std::borrow::Cow;
use std::collections::HashMap;

use pdata::{AttributesWriter, Value};

/// Up to so many tags a list is searched; more get an index.
const TAGS_SEARCHED_MAX: usize = 16;

/// The value of a tag.
#[derive(Debug, Clone, PartialEq)]
pub enum TagValue<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl TagValue<'_> {
    fn value(&self) -> Value<'_> {
        match self {
            TagValue::Text(it) => Value::Str(it),
            TagValue::Bool(it) => Value::Bool(*it),
            TagValue::Int(it) => Value::Int(*it),
            TagValue::Double(it) => Value::Double(*it),
            TagValue::Bytes(it) => Value::Bytes(it),
        }
    }

    /// The text; empty when it is none. `pcommon.Value.Str`.
    pub fn text(&self) -> &str {
        if let TagValue::Text(it) = self { it } else { "" }
    }
}

/// Text of a client. What is not UTF-8 becomes U+FFFD: OTLP has no other text.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Tags by key, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tags<'a> {
    list: Vec<(Cow<'a, str>, TagValue<'a>)>,
}

impl<'a> Tags<'a> {
    /// One key once: a later value takes the place of an earlier one.
    pub fn new(list: Vec<(Cow<'a, str>, TagValue<'a>)>) -> Self {
        let mut tags = Self { list: Vec::with_capacity(list.len()) };
        if list.len() <= TAGS_SEARCHED_MAX {
            list.into_iter().for_each(|(key, value)| tags.put(key, value));
            return tags;
        }
        let mut places: HashMap<Cow<'a, str>, usize> = HashMap::with_capacity(list.len());
        for (key, value) in list {
            let next = tags.list.len();
            let at = *places.entry(key.clone()).or_insert(next);
            match tags.list.get_mut(at) {
                Some(old) => old.1 = value,
                None => tags.list.push((key, value)),
            }
        }
        tags
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&TagValue<'a>> {
        self.list.iter().find(|it| it.0 == key).map(|it| &it.1)
    }

    /// Removes a key.
    pub fn take(&mut self, key: &str) -> Option<TagValue<'a>> {
        let at = self.list.iter().position(|it| it.0 == key)?;
        Some(self.list.remove(at).1)
    }

    /// Sets the value of a key, in its place or at the end.
    pub fn put(&mut self, key: Cow<'a, str>, value: TagValue<'a>) {
        match self.list.iter_mut().find(|it| it.0 == key) {
            Some(old) => old.1 = value,
            None => self.list.push((key, value)),
        }
    }

    /// With other values.
    #[must_use]
    pub fn map(mut self, mut change: impl FnMut(TagValue<'a>) -> TagValue<'a>) -> Self {
        for (_, value) in &mut self.list {
            *value = change(std::mem::replace(value, TagValue::Bool(false)));
        }
        self
    }

    /// Writes them as attributes.
    pub fn write(&self, out: &mut AttributesWriter<'_>) {
        self.list.iter().for_each(|(key, value)| out.put(key, value.value()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_value_takes_the_place_of_an_earlier_one_however_many_there_are() {
        for count in [3, 100] {
            let pair = |at: i64| (Cow::from(format!("k{}", at % 3)), TagValue::Int(at));
            let mut tags = Tags::new((0..count).map(pair).collect());
            assert_eq!(tags.take("k0"), Some(TagValue::Int((count - 1) / 3 * 3)));
            assert_eq!(tags.list.len(), 2);
            assert_eq!(tags.list[0].0, "k1");
        }
    }
}
