//! Events put together to requests.

use std::collections::BTreeMap;

use documents::Dropped;

/// What the events of a request have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// A token of their own.
    pub(crate) token: Option<String>,
    /// They are profiles.
    pub(crate) is_profiling: bool,
}

/// One request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) key: Key,
    pub(crate) body: Vec<u8>,
    /// Log records, data points or spans that it is made of.
    pub(crate) items: usize,
}

/// Limits in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Of a request; `None` is unlimited.
    pub(crate) request: Option<usize>,
    /// Of an event.
    pub(crate) event: usize,
}

/// The requests of one batch.
pub(crate) struct Requests {
    limits: Limits,
    full: Vec<Request>,
    open: BTreeMap<Key, Request>,
    pub(crate) dropped: Dropped,
}

impl Requests {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, full: Vec::new(), open: BTreeMap::new(), dropped: Dropped::default() }
    }

    /// An event that is larger than a request may be is alone in one: compressed it may fit.
    pub(crate) fn add(&mut self, key: &Key, event: &[u8], items: usize) {
        if event.len() > self.limits.event {
            return self.dropped.add("event_size", items);
        }
        if !self.open.contains_key(key) {
            self.open.insert(key.clone(), Request { key: key.clone(), ..Request::default() });
        }
        let Some(request) = self.open.get_mut(key) else { return };
        let fits = |it: usize| self.limits.request.is_none_or(|max| it <= max);
        if !request.body.is_empty() && !fits(request.body.len() + event.len()) {
            let empty = Request { key: key.clone(), ..Request::default() };
            self.full.push(std::mem::replace(request, empty));
        }
        request.body.extend_from_slice(event);
        request.items += items;
    }

    /// All of them.
    pub(crate) fn finish(self) -> (Vec<Request>, Dropped) {
        let mut all = self.full;
        all.extend(self.open.into_values());
        (all, self.dropped)
    }
}
