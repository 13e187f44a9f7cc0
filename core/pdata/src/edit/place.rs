//! Where an edit is: a message, and all messages around it. It reads and writes them by [`Field`] and keys.

use super::attributes::AttributesEdit;
use super::field::{Kind, Of, Spot};
use super::fields::{self, Numbers};
use super::level::{Level, Range, slice};
use super::path::{self, Key, PathError};
use super::scratch::{
    CACHE, CHILD, DATA, EXEMPLAR, ITEM, LEVELS, RESOURCE, RESOURCE_GROUP, SCOPE, SCOPE_GROUP,
    Scratch,
};
use super::{Depth, Field};
use crate::fields::{any, group, points, span};
use crate::signal::Signal;
use crate::value::Value;
use crate::view::{LogRecord, Metric, PointRef, ResourceRef, ScopeRef, Span, SpanEvent, ValueRef};
use crate::wire::{Messages, Writer, only};

/// Which of `gauge`, `sum` and so on a metric has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MetricField {
    /// Its field in the item; empty if there is none.
    pub(super) range: Range,
    /// Its number as it came, and as it is now.
    pub(super) source: u32,
    pub(super) number: u32,
}

/// A resource, scope, item or child while it is visited.
pub struct Place<'e> {
    pub(super) chunk: &'e [u8],
    pub(super) scratch: &'e mut Scratch,
    /// Bodies of the messages: of resource, scope and item in the chunk, of the data of a metric in the
    /// item, of a child in what it is a child of, of an exemplar in the point; and the messages that hold
    /// resource and scope, in the chunk.
    pub(super) at: [Range; LEVELS],
    pub(super) signal: Signal,
    pub(super) depth: Depth,
    pub(super) index: usize,
    pub(super) data: MetricField,
}

impl Place<'_> {
    /// How deep it is.
    #[inline]
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// What is being edited.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// True at what `Data::items` counts: a log record, a span, a data point.
    #[inline]
    pub fn is_counted(&self) -> bool {
        match self.signal {
            Signal::Metrics => self.depth == Depth::Child,
            _ => self.depth == Depth::Item,
        }
    }

    /// The field that holds the attributes of what it is at; of a metric, its metadata.
    #[inline]
    pub fn own_attributes(&self) -> Field {
        match (self.depth, self.signal) {
            (Depth::Resource, _) => Field::RESOURCE_ATTRIBUTES,
            (Depth::Scope, _) => Field::SCOPE_ATTRIBUTES,
            (Depth::Item, Signal::Traces) => Field::SPAN_ATTRIBUTES,
            (Depth::Item, Signal::Metrics) => Field::METRIC_METADATA,
            (_, Signal::Logs) => Field::LOG_ATTRIBUTES,
            (_, Signal::Traces) => Field::EVENT_ATTRIBUTES,
            (Depth::Child, Signal::Metrics) => Field::POINT_ATTRIBUTES,
            (Depth::Exemplar, Signal::Metrics) => Field::EXEMPLAR_ATTRIBUTES,
        }
    }

    /// Its position among its siblings, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The source of the message whose edits are at level `at`.
    #[inline]
    pub(super) fn src(&self, at: usize) -> &[u8] {
        let item = if self.scratch.replaced {
            self.scratch.item.as_slice()
        } else {
            slice(self.chunk, self.at[ITEM])
        };
        source(self.chunk, item, &self.at, self.signal, at)
    }

    /// The edits and the source of a message.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the index is one of the constants of `scratch`")]
    pub(super) fn split(&mut self, at: usize) -> (&mut Level, &[u8]) {
        let Scratch { levels, item, replaced, .. } = &mut *self.scratch;
        let item = if *replaced { item.as_slice() } else { slice(self.chunk, self.at[ITEM]) };
        (&mut levels[at], source(self.chunk, item, &self.at, self.signal, at))
    }

    /// Level and spot of a field.
    #[inline]
    fn find(&self, field: Field) -> Result<(usize, Spot), PathError> {
        let (level, depth, signal) = match field.of {
            Of::Log => (ITEM, Depth::Item, Some(Signal::Logs)),
            Of::Resource => (RESOURCE, Depth::Resource, None),
            Of::Scope => (SCOPE, Depth::Scope, None),
            Of::Span => (ITEM, Depth::Item, Some(Signal::Traces)),
            Of::Metric => (ITEM, Depth::Item, Some(Signal::Metrics)),
            Of::MetricData => (DATA, Depth::Item, Some(Signal::Metrics)),
            Of::Event => (CHILD, Depth::Child, Some(Signal::Traces)),
            Of::Point => (CHILD, Depth::Child, Some(Signal::Metrics)),
            Of::Exemplar => (EXEMPLAR, Depth::Exemplar, Some(Signal::Metrics)),
            Of::Cache => (CACHE, Depth::Resource, None),
            Of::ResourceGroup => (RESOURCE_GROUP, Depth::Resource, None),
            Of::ScopeGroup => (SCOPE_GROUP, Depth::Scope, None),
        };
        let here = depth <= self.depth && signal.is_none_or(|it| it == self.signal);
        let spot = if here { field.spot(self.data.number) } else { None };
        Ok((level, spot.ok_or(PathError::Absent)?))
    }

    /// The value of a field, or at `keys` in it, with all edits so far. `None` if it is not there.
    ///
    /// # Errors
    /// If the place has no such field, and for keys that do not fit what stands there.
    #[inline]
    pub fn get(&self, field: Field, keys: &[Key<'_>]) -> Result<Option<ValueRef<'_>>, PathError> {
        let (at, spot) = self.find(field)?;
        let (level, src) = (self.scratch.level(at), self.src(at));
        let Some((first, rest)) = keys.split_first() else {
            return Ok(fields::get(level, src, spot));
        };
        let value = match (spot.kind, first) {
            (Kind::Attributes, Key::Text(key)) => level.value_of(src, spot.number, key.as_bytes()),
            (Kind::Attributes, Key::Index(_)) => return Err(PathError::KeyNotText),
            (Kind::Any, _) => {
                let body = fields::body(level, src, spot.number).unwrap_or_default();
                return path::get(body, keys).map(|it| it.map(ValueRef::decode));
            }
            _ => {
                let type_name = fields::get(level, src, spot).unwrap_or_default().type_name();
                return Err(PathError::NotIndexable { type_name });
            }
        };
        let Some(value) = value else { return Ok(None) };
        if rest.is_empty() {
            return Ok(Some(ValueRef::decode(value)));
        }
        path::get(value, rest).map(|it| it.map(ValueRef::decode))
    }

    /// The value of a key in a field: of attributes, or of a body that is a map.
    #[inline]
    pub fn entry(&self, field: Field, key: &str) -> Option<ValueRef<'_>> {
        if !field.is_attributes() {
            return self.get(field, &[key.into()]).ok().flatten();
        }
        self.entry_encoded(field, key).map(ValueRef::decode)
    }

    /// The value of a key of attributes, encoded: what `Value::Encoded` takes.
    #[inline]
    pub fn entry_encoded(&self, field: Field, key: &str) -> Option<&[u8]> {
        let (at, spot) = self.find(field).ok()?;
        if spot.kind != Kind::Attributes {
            return None;
        }
        self.scratch.level(at).value_of(self.src(at), spot.number, key.as_bytes())
    }

    /// A field that is a whole number.
    #[expect(clippy::inline_always, reason = "a filter by one field does little else")]
    #[inline(always)]
    pub fn int(&self, field: Field) -> Option<i64> {
        let (at, spot) = self.find(field).ok()?;
        fields::int(self.scratch.level(at), self.src(at), spot)
    }

    /// The numbers of a list field: bucket counts and bounds.
    pub fn numbers(&self, field: Field) -> Option<Numbers<'_>> {
        let (at, spot) = self.find(field).ok()?;
        fields::numbers(self.scratch.level(at), self.src(at), spot)
    }

    /// Bodies of the messages of a field: events, links, exemplars, quantiles, data points, and the one
    /// message of a status and of buckets.
    pub fn messages(&self, field: Field) -> impl Iterator<Item = &[u8]> {
        let found = self.find(field).ok().filter(|(_, spot)| spot.kind == Kind::Messages);
        let (buf, number) = found.map_or((&[][..], 0), |(at, spot)| {
            (self.scratch.level(at).fields(self.src(at), spot.number), spot.number)
        });
        Messages::new(buf, number)
    }

    /// Replaces the messages of a field.
    ///
    /// # Errors
    /// If the place has no such field.
    pub fn set_messages(&mut self, field: Field, list: &[&[u8]]) -> Result<(), PathError> {
        let (at, spot) = self.find(field)?;
        if spot.kind != Kind::Messages {
            return Err(PathError::WrongType { wanted: "Messages", got: "Messages" });
        }
        self.scratch.dropped.uncounted |= field == Field::METRIC_POINTS;
        self.scratch.level_mut(at).set(1 << spot.number, |out| {
            list.iter().for_each(|it| out.bytes_field(spot.number, it));
        });
        Ok(())
    }

    /// Sets a field, or the value at `keys` in it. Maps that are missing on the way are made; of lists,
    /// an item must be there.
    ///
    /// # Errors
    /// If the place has no such field, if it cannot hold the value, and for keys that do not fit.
    #[inline]
    pub fn set(
        &mut self,
        field: Field,
        keys: &[Key<'_>],
        value: Value<'_>,
    ) -> Result<(), PathError> {
        let (at, spot) = self.find(field)?;
        match (spot.kind, keys) {
            (Kind::Attributes, [Key::Text(key)]) => {
                let (level, src) = self.split(at);
                let index = level.find(src, spot.number, key.as_bytes());
                level.put(index, spot.number, key.as_bytes(), &value);
                Ok(())
            }
            (Kind::Attributes, []) => self.replace_attributes(at, spot, &value),
            (_, []) => {
                let (level, src) = self.split(at);
                fields::set(level, src, spot, &value)
            }
            _ => self
                .change(at, spot, keys, |old, keys, out| {
                    path::set(old, keys, &value, out)?;
                    Ok(true)
                })
                .map(|_| ()),
        }
    }

    /// Removes the value at `keys`, or sets a field to its default: true if something was there.
    ///
    /// # Errors
    /// If the place has no such field, and for keys that do not fit what stands there.
    pub fn remove(&mut self, field: Field, keys: &[Key<'_>]) -> Result<bool, PathError> {
        let (at, spot) = self.find(field)?;
        match (spot.kind, keys) {
            (Kind::Attributes, [Key::Text(key)]) => {
                let (level, src) = self.split(at);
                Ok(AttributesEdit::new(level, src, spot.number).remove(key))
            }
            (Kind::Attributes, []) => {
                let (level, src) = self.split(at);
                let mut attributes = AttributesEdit::new(level, src, spot.number);
                let any = !attributes.is_empty();
                attributes.clear();
                Ok(any)
            }
            (_, []) => {
                let (level, src) = self.split(at);
                let any = level.field(src, spot.outer.max(spot.number)).is_some();
                fields::clear(level, src, spot);
                Ok(any)
            }
            _ => self.change(at, spot, keys, path::remove),
        }
    }

    /// Writes the value with the first of `keys` anew: `change` has the old one, the other keys, and where
    /// to write, and says whether anything changed.
    fn change(
        &mut self,
        at: usize,
        spot: Spot,
        keys: &[Key<'_>],
        change: impl FnOnce(&[u8], &[Key<'_>], &mut Writer) -> Result<bool, PathError>,
    ) -> Result<bool, PathError> {
        let mut written = std::mem::take(&mut self.scratch.level_mut(at).rendered);
        written.buf.clear();
        let (level, src) = self.split(at);
        let (key, old, rest) = match (spot.kind, keys) {
            (Kind::Attributes, [Key::Text(key), rest @ ..]) => {
                (Some(key), level.value_of(src, spot.number, key.as_bytes()), rest)
            }
            (Kind::Attributes, _) => return Err(PathError::KeyNotText),
            (Kind::Any, _) => (None, fields::body(level, src, spot.number), keys),
            _ => {
                let type_name = fields::get(level, src, spot).unwrap_or_default().type_name();
                return Err(PathError::NotIndexable { type_name });
            }
        };
        let changed = change(old.unwrap_or_default(), rest, &mut written);
        if let Ok(true) = changed {
            let value = Value::Encoded(&written.buf);
            match key {
                Some(key) => {
                    let index = level.find(src, spot.number, key.as_bytes());
                    level.put(index, spot.number, key.as_bytes(), &value);
                }
                None => level.set(1 << spot.number, |out| value.write_field(spot.number, out)),
            }
        }
        self.scratch.level_mut(at).rendered = written;
        changed
    }

    fn replace_attributes(
        &mut self,
        at: usize,
        spot: Spot,
        value: &Value<'_>,
    ) -> Result<(), PathError> {
        // The value may be what these attributes were: it is written before they are cleared.
        let mut written = Writer::default();
        let (level, src) = self.split(at);
        match (value, value.shallow()) {
            (Value::Map(entries), _) => entries
                .iter()
                .for_each(|(key, value)| value.write_entry(1, key.as_bytes(), &mut written)),
            (_, Some(ValueRef::Map(map))) => {
                map.messages().for_each(|body| written.bytes_field(1, body));
            }
            _ => return Err(PathError::WrongType { wanted: "Map", got: value.type_name() }),
        }
        AttributesEdit::new(level, src, spot.number).clear();
        for (key, value) in crate::view::AttributesRef::new(&written.buf, 1).iter_encoded() {
            level.put(None, spot.number, key, &Value::Encoded(value));
        }
        Ok(())
    }

    /// Lists the attributes of what it is at, so that each is found at once from then on. Worth it for those
    /// who look for more than one.
    #[inline]
    pub fn list_attributes(&mut self) {
        if let Ok((at, spot)) = self.find(self.own_attributes()) {
            let (level, src) = self.split(at);
            level.load(src, spot.number);
        }
    }

    /// The attributes of a field, to be changed in place.
    #[inline]
    pub fn attributes(&mut self, field: Field) -> Option<AttributesEdit<'_>> {
        let (at, spot) = self.find(field).ok()?;
        if spot.kind != Kind::Attributes {
            return None;
        }
        let (level, src) = self.split(at);
        Some(AttributesEdit::new(level, src, spot.number))
    }

    /// Changes the map at `keys` in a field: attributes, or a map inside of a value.
    ///
    /// # Errors
    /// If there is no map.
    pub fn edit_map<R>(
        &mut self,
        field: Field,
        keys: &[Key<'_>],
        edit: impl FnOnce(&mut AttributesEdit<'_>) -> R,
    ) -> Result<R, PathError> {
        if keys.is_empty()
            && let Some(mut attributes) = self.attributes(field)
        {
            return Ok(edit(&mut attributes));
        }
        let mut inside = std::mem::take(&mut self.scratch.inside);
        let result = self.edit_inside(field, keys, edit, &mut inside);
        self.scratch.inside = inside;
        result
    }

    fn edit_inside<R>(
        &mut self,
        field: Field,
        keys: &[Key<'_>],
        edit: impl FnOnce(&mut AttributesEdit<'_>) -> R,
        (level, entries): &mut (Level, Vec<u8>),
    ) -> Result<R, PathError> {
        level.begin();
        entries.clear();
        let mut out = Writer { buf: std::mem::take(entries) };
        match self.get(field, keys)?.unwrap_or_default() {
            ValueRef::Map(map) => map.messages().for_each(|body| out.bytes_field(1, body)),
            other => {
                return Err(PathError::WrongType { wanted: "Map", got: other.type_name() });
            }
        }
        *entries = out.buf;
        let result = edit(&mut AttributesEdit::new(level, entries, 1));
        if level.is_edited() {
            let mut written = Writer::default();
            let open = written.open(any::MAP, 2);
            level.render(entries, &mut written);
            written.close(open);
            self.set(field, keys, Value::Encoded(&written.buf))?;
        }
        Ok(result)
    }

    /// True if nothing stands below it.
    pub fn is_empty(&self) -> bool {
        let (buf, number) = match self.depth {
            Depth::Resource => (self.src(RESOURCE_GROUP), group::CHILDREN),
            Depth::Scope => (self.src(SCOPE_GROUP), group::CHILDREN),
            Depth::Item if self.signal == Signal::Metrics => (self.src(DATA), points::POINTS),
            Depth::Item if self.signal == Signal::Traces => (self.src(ITEM), span::EVENTS),
            _ => return true,
        };
        only(buf, number).is_none()
    }
}

/// What stands here as it came, whatever was edited since: views for what only reads.
impl Place<'_> {
    /// The resource.
    pub fn resource(&self) -> ResourceRef<'_> {
        ResourceRef::new(self.src(RESOURCE))
    }

    /// The scope; empty at a resource.
    pub fn scope(&self) -> ScopeRef<'_> {
        ScopeRef::new(if self.depth >= Depth::Scope { self.src(SCOPE) } else { &[] })
    }

    /// The log record.
    #[inline]
    pub fn log(&self) -> Option<LogRecord<'_>> {
        self.is_item(Signal::Logs).then(|| LogRecord::new(self.src(ITEM)))
    }

    /// The span.
    pub fn span(&self) -> Option<Span<'_>> {
        self.is_item(Signal::Traces).then(|| Span::new(self.src(ITEM)))
    }

    /// The metric.
    pub fn metric(&self) -> Option<Metric<'_>> {
        self.is_item(Signal::Metrics).then(|| Metric::new(self.src(ITEM)))
    }

    /// The event of a span.
    pub fn event(&self) -> Option<SpanEvent<'_>> {
        let here = self.depth == Depth::Child && self.signal == Signal::Traces;
        here.then(|| SpanEvent::new(self.src(CHILD)))
    }

    /// The data point.
    pub fn point(&self) -> Option<PointRef<'_>> {
        let here = self.depth >= Depth::Child && self.signal == Signal::Metrics;
        if here { PointRef::decode(self.data.number, self.src(CHILD)) } else { None }
    }

    fn is_item(&self, signal: Signal) -> bool {
        self.signal == signal && self.depth >= Depth::Item
    }
}

/// The source of a message; `item` is that of the item.
#[inline]
fn source<'x>(
    chunk: &'x [u8],
    item: &'x [u8],
    ranges: &[Range; LEVELS],
    signal: Signal,
    at: usize,
) -> &'x [u8] {
    match at {
        ITEM => item,
        RESOURCE => slice(chunk, ranges[RESOURCE]),
        SCOPE => slice(chunk, ranges[SCOPE]),
        DATA => slice(item, ranges[DATA]),
        CHILD if signal == Signal::Metrics => slice(slice(item, ranges[DATA]), ranges[CHILD]),
        CHILD => slice(item, ranges[CHILD]),
        EXEMPLAR => slice(slice(slice(item, ranges[DATA]), ranges[CHILD]), ranges[EXEMPLAR]),
        RESOURCE_GROUP => slice(chunk, ranges[RESOURCE_GROUP]),
        SCOPE_GROUP => slice(chunk, ranges[SCOPE_GROUP]),
        _ => &[],
    }
}
