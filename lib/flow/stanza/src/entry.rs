//! One record on its way through the operators.

use std::sync::Arc;

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use crate::value::{Pair, Pairs, Value};

/// Attributes that a record has room for before its map grows.
const ATTRIBUTES_EXPECTED: usize = 16;

/// Where a record came from: the line that decides how far its file is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Position in the worker's list of files.
    pub(crate) file: u32,
    /// Offset of the line's first byte.
    pub(crate) start: u64,
}

/// One record.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Nanoseconds since 1970, if known.
    pub(crate) timestamp: Option<i64>,
    /// When it was read.
    pub(crate) observed: u64,
    pub(crate) body: Value<'a>,
    pub(crate) attributes: Pairs<'a>,
    pub(crate) resource: Resource<'a>,
    /// 0 to 24.
    pub(crate) severity: u8,
    /// As written, or the short name.
    pub(crate) severity_text: &'a str,
    /// Any length; cut or padded when written.
    pub(crate) trace_id: &'a [u8],
    /// Any length; cut or padded when written.
    pub(crate) span_id: &'a [u8],
    /// Any length; the first byte is written.
    pub(crate) trace_flags: &'a [u8],
    /// Name of the instrumentation scope.
    pub(crate) scope: &'a str,
    /// The lines in it.
    pub(crate) origins: &'a [Origin],
}

impl<'a> Entry<'a> {
    /// An empty record.
    pub(crate) fn new(arena: &'a Bump, resource: Resource<'a>) -> Self {
        Self {
            timestamp: None,
            observed: 0,
            body: Value::Empty,
            attributes: ArenaVec::with_capacity_in(ATTRIBUTES_EXPECTED, arena),
            resource,
            severity: 0,
            severity_text: "",
            trace_id: &[],
            span_id: &[],
            trace_flags: &[],
            scope: "",
            origins: &[],
        }
    }

    /// The same once more, for a second output.
    pub(crate) fn fork(&self, arena: &'a Bump) -> Self {
        let mut attributes = ArenaVec::with_capacity_in(self.attributes.len() + 1, arena);
        attributes.extend_from_slice_copy(&self.attributes);
        Self { attributes, resource: self.resource.fork(arena), ..*self }
    }
}

impl<'a> expr::Record<'a> for Entry<'a> {
    fn body(&self) -> Value<'a> {
        self.body
    }

    fn attributes(&self) -> &[Pair<'a>] {
        &self.attributes
    }

    fn resource(&self, arena: &'a Bump) -> &'a [Pair<'a>] {
        self.resource.slice(arena)
    }

    fn resource_attribute(&self, key: &str) -> Option<Value<'a>> {
        self.resource.get(key)
    }

    fn timestamp(&self) -> Option<i64> {
        self.timestamp
    }
}

/// A resource that many records have in common.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    /// Tells resources of one worker apart.
    pub(crate) id: u32,
    /// Key and value, in order.
    pub(crate) pairs: Arc<[(String, String)]>,
}

/// The resource of one record: shared with others until it is changed.
#[derive(Debug)]
pub(crate) struct Resource<'a> {
    shared: Option<&'a Shared>,
    own: Pairs<'a>,
}

impl<'a> Resource<'a> {
    /// As other records have it.
    pub(crate) fn shared(shared: &'a Shared, arena: &'a Bump) -> Self {
        Self { shared: Some(shared), own: ArenaVec::new_in(arena) }
    }

    /// This record's own.
    pub(crate) fn new(own: Pairs<'a>) -> Self {
        Self { shared: None, own }
    }

    /// What it shares with other records.
    pub(crate) fn as_shared(&self) -> Option<&'a Shared> {
        self.shared
    }

    /// What it does not share.
    pub(crate) fn as_own(&self) -> &[Pair<'a>] {
        &self.own
    }

    /// The entry of the map.
    pub(crate) fn get(&self, key: &str) -> Option<Value<'a>> {
        match self.shared {
            Some(it) => it.pairs.iter().find(|(k, _)| k == key).map(|(_, v)| Value::Str(v)),
            None => crate::value::find(&self.own, key),
        }
    }

    /// The map, made this record's own.
    pub(crate) fn own(&mut self, arena: &'a Bump) -> &mut Pairs<'a> {
        if let Some(it) = self.shared.take() {
            self.own = ArenaVec::with_capacity_in(it.pairs.len() + 4, arena);
            self.own.extend(it.pairs.iter().map(|(k, v)| (k.as_str(), Value::Str(v))));
        }
        &mut self.own
    }

    /// The map as a value.
    pub(crate) fn slice(&self, arena: &'a Bump) -> &'a [Pair<'a>] {
        match self.shared {
            Some(it) => {
                let pairs = it.pairs.iter().map(|(k, v)| (k.as_str(), Value::Str(v)));
                arena.alloc_slice_fill_iter(pairs)
            }
            None => arena.alloc_slice_copy(&self.own),
        }
    }

    fn fork(&self, arena: &'a Bump) -> Self {
        let mut own = ArenaVec::with_capacity_in(self.own.len(), arena);
        own.extend_from_slice_copy(&self.own);
        Self { shared: self.shared, own }
    }
}
