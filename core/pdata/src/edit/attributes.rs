//! Changes attributes. Reads see earlier changes. Keys may repeat in what a sender sent: `get`, `set`
//! and `update` mean the first, as `pcommon.Map` does in Go; `remove` removes them all, because a
//! secret that is removed must be gone.

use smallvec::SmallVec;

use super::level::{Level, Place};
use crate::build::ValueWriter;
use crate::owned_value::AttributeBuf;
use crate::value::Value;
use crate::view::{AttributesRef, ValueRef, text};

/// The attributes of a resource, scope, record, span, event, link, point or exemplar.
pub struct AttributesEdit<'e> {
    level: &'e mut Level,
    /// The message.
    src: &'e [u8],
    /// Number of the attribute field.
    number: u32,
}

impl<'e> AttributesEdit<'e> {
    #[inline]
    pub(super) fn new(level: &'e mut Level, src: &'e [u8], number: u32) -> Self {
        Self { level, src, number }
    }

    #[inline]
    fn find(&mut self, key: &str) -> Option<usize> {
        self.level.find(self.src, self.number, key.as_bytes())
    }

    /// Like `find`, and lists all, so that the index stays good when another key is looked for.
    #[inline]
    fn find_listed(&mut self, key: &str) -> Option<usize> {
        self.level.load(self.src, self.number);
        self.level.listed(self.src, key.as_bytes())
    }

    /// The attributes of the message, unless they are listed with the new ones.
    fn source(&self) -> AttributesRef<'_> {
        if self.level.is_loaded() {
            return AttributesRef::default();
        }
        AttributesRef::new(self.src, self.number)
    }

    /// The body of the `AnyValue` message of the first attribute with this key.
    pub fn get_encoded(&self, key: &str) -> Option<&[u8]> {
        self.level.value_of(self.src, self.number, key.as_bytes())
    }

    /// The value of the first attribute with this key.
    pub fn get(&self, key: &str) -> Option<ValueRef<'_>> {
        self.get_encoded(key).map(ValueRef::decode)
    }

    /// True if the key is there.
    pub fn contains(&self, key: &str) -> bool {
        self.get_encoded(key).is_some()
    }

    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ValueRef<'_>)> {
        self.iter_encoded().map(|(key, value)| (text(key), ValueRef::decode(value)))
    }

    /// Keys and `AnyValue` bodies, byte for byte.
    pub fn iter_encoded(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let listed = self.level.entries.iter().filter(|entry| entry.place != Place::Gone);
        self.source().iter_encoded().chain(
            listed
                .map(|entry| (self.level.key(self.src, entry), self.level.value(self.src, entry))),
        )
    }

    /// How many attributes.
    pub fn len(&self) -> usize {
        self.iter_encoded().count()
    }

    /// True without attributes.
    pub fn is_empty(&self) -> bool {
        self.iter_encoded().next().is_none()
    }

    /// Sets an attribute, whether it is there or not.
    #[inline]
    pub fn set<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        let index = self.find(key);
        self.level.put(index, self.number, key.as_bytes(), &value.into());
    }

    /// Sets an attribute that was encoded before.
    #[inline]
    pub fn set_buf(&mut self, attribute: &AttributeBuf) {
        let index = self.level.find(self.src, self.number, attribute.key());
        self.level.put_buf(index, self.number, attribute);
    }

    /// Sets an attribute to what `write` streams.
    pub fn set_with(&mut self, key: &str, write: impl FnOnce(&mut ValueWriter<'_>)) {
        let index = self.find(key);
        self.level.put_with(index, self.number, key.as_bytes(), |out| {
            write(&mut ValueWriter::new(out));
        });
    }

    /// Sets an attribute that is not there: true if it was not.
    pub fn insert<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) -> bool {
        if self.find(key).is_some() {
            return false;
        }
        self.level.put(None, self.number, key.as_bytes(), &value.into());
        true
    }

    /// Sets an attribute that is there: true if it was.
    pub fn update<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) -> bool {
        let index = self.find(key);
        if index.is_some() {
            self.level.put(index, self.number, key.as_bytes(), &value.into());
        }
        index.is_some()
    }

    /// Sets the first attribute with this key to what `change` makes of its value, if it makes something. The
    /// key is looked for once.
    #[inline]
    pub fn change<'v>(
        &mut self,
        key: &str,
        change: impl FnOnce(ValueRef<'_>) -> Option<Value<'v>>,
    ) {
        let Some(index) = self.find(key) else { return };
        let Some(entry) = self.level.entries.get(index) else { return };
        let old = ValueRef::decode(self.level.value(self.src, entry));
        if let Some(new) = change(old) {
            self.level.put(Some(index), self.number, key.as_bytes(), &new);
        }
    }

    /// Sets `to` to the value of `from`, byte for byte: true if `from` is there.
    pub fn copy(&mut self, from: &str, to: &str) -> bool {
        let Some(source) = self.find_listed(from) else { return false };
        let index = self.find(to);
        if index != Some(source) {
            self.level.put_copy(index, self.number, to.as_bytes(), self.src, source);
        }
        true
    }

    /// Gives `from` the key `to`, in its place, replacing what `to` was: true if `from` is there.
    pub fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(source) = self.find_listed(from) else { return false };
        if from != to {
            self.remove(to);
            self.level.put_copy(Some(source), self.number, to.as_bytes(), self.src, source);
        }
        true
    }

    /// Removes all attributes with this key: true if there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        let Some(first) = self.find(key) else { return false };
        let mut next = Some(first);
        while let Some(index) = next {
            self.level.remove(index);
            next = self.level.listed_from(index + 1, self.src, key.as_bytes());
        }
        true
    }

    /// Removes the attributes for which `keep` says false.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, ValueRef<'_>) -> bool) {
        self.level.load(self.src, self.number);
        for index in 0..self.level.entries.len() {
            let Some(entry) = self.level.entries.get(index) else { break };
            let key = text(self.level.key(self.src, entry));
            let value = ValueRef::decode(self.level.value(self.src, entry));
            if entry.place != Place::Gone && !keep(key, value) {
                self.level.remove(index);
            }
        }
    }

    /// Changes values one by one: `change` writes the new value and says true, or says false.
    pub fn for_each(
        &mut self,
        mut change: impl FnMut(&str, ValueRef<'_>, &mut ValueWriter<'_>) -> bool,
    ) {
        self.level.load(self.src, self.number);
        let mut key_copy: SmallVec<[u8; 64]> = SmallVec::new();
        let mut written = std::mem::take(&mut self.level.rendered);
        for index in 0..self.level.entries.len() {
            let Some(entry) = self.level.entries.get(index) else { break };
            if entry.place == Place::Gone {
                continue;
            }
            let key = self.level.key(self.src, entry);
            let value = ValueRef::decode(self.level.value(self.src, entry));
            written.buf.clear();
            if change(text(key), value, &mut ValueWriter::new(&mut written)) {
                key_copy.clear();
                key_copy.extend_from_slice(key);
                let value = Value::Encoded(&written.buf);
                self.level.put(Some(index), self.number, &key_copy, &value);
            }
        }
        self.level.rendered = written;
    }

    /// Removes all attributes.
    pub fn clear(&mut self) {
        self.level.load(self.src, self.number);
        for index in 0..self.level.entries.len() {
            self.level.remove(index);
        }
    }
}
