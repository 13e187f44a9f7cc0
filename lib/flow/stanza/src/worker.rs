//! One thread's state: takes lines, gives records.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bumpalo::Bump;
use config::Choices as _;
use pdata::Logs;

use crate::entry::{Entry, Origin, Resource};
use crate::failure::Failure;
use crate::files::{File, FileKey, FileMeta, Files};
use crate::graph::{Body, Graph, Node};
use crate::kept_bytes;
use crate::keys::OnError;
use crate::ops::{Cx, Flow, Flush, State};
use crate::output::Output;
use crate::value::{Value, put};
use golang::utf8;

/// An operator's failures are logged at most this often; the rest is counted.
const COMPLAINT_PERIOD: Duration = Duration::from_secs(1);

/// What is logged of most failures.
const FAILED: &str = "Failed to process entry";

/// Bytes of the arena that are kept from one line to the next.
const ARENA_BYTES_KEPT: usize = 256 * 1024;

/// What can be sent.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order in which they left the operators; may be none although files made progress.
    pub logs: Logs,
    /// Per file with news: below this offset every line was sent earlier, was dropped on purpose, or is in
    /// `logs`. A line that is held back (recombine, partial lines) keeps the offset at its start.
    pub safe: Vec<(FileKey, u64)>,
}

/// One thread's state.
#[derive(Debug)]
pub struct Worker {
    graph: Arc<Graph>,
    /// Where lines enter.
    first: Arc<[usize]>,
    arena: Bump,
    files: Files,
    states: Vec<State>,
    complaints: Vec<Complaint>,
    output: Output,
    /// Files of which something was held back when the last batch was taken.
    held: Vec<u32>,
    /// Offsets of files that were forgotten since the last batch.
    gone: Vec<(FileKey, u64)>,
    clock: Option<Clock>,
}

/// The time at the start of a chunk.
#[derive(Debug, Clone, Copy)]
struct Clock {
    now: Instant,
    unix: u64,
}

/// How often an operator failed since it was logged.
#[derive(Debug, Default, Clone, Copy)]
struct Complaint {
    last: Option<Instant>,
    unsaid: u64,
}

impl Worker {
    pub(crate) fn new(graph: Arc<Graph>, first: Arc<[usize]>) -> Self {
        let states = graph.nodes.iter().map(|it| it.operator.state()).collect();
        let complaints = vec![Complaint::default(); graph.nodes.len() + 1];
        let files = Files::new(Arc::clone(&graph.resource_base));
        let (arena, output) = (Bump::new(), Output::default());
        let (held, gone, clock) = (Vec::new(), Vec::new(), None);
        Self { graph, first, arena, files, states, complaints, output, held, gone, clock }
    }

    /// Feeds one line without its terminator. `span` is its byte range in the file, terminator
    /// included. `number` adds `log.file.record_number`. A new `Arc` for the same key replaces
    /// what was known about that file. The clock is read once between two calls of
    /// [`take`](Self::take).
    pub fn line(
        &mut self,
        file: &Arc<FileMeta>,
        bytes: &[u8],
        span: Range<u64>,
        number: Option<u64>,
    ) {
        let at = self.files.enter(file);
        let clock = self.tick();
        self.clear_arena();
        let (mut run, arena, graph) = self.run(clock);
        let Some(from) = run.files.get(at) else { return };
        let mut entry = Entry::new(arena, Resource::shared(run.files.base(), arena));
        entry.observed = clock.unix;
        entry.body = match graph.body {
            Body::Text => Value::Str(utf8::decoded(bytes, arena)),
            Body::RawText => Value::Str(kept_bytes::keep(bytes, arena)),
            Body::Bytes => Value::Bytes(arena.alloc_slice_copy(bytes)),
        };
        entry.origins = arena.alloc_slice_copy(&[Origin { file: at, start: span.start }]);
        run.describe(&mut entry, from, span.start, number);
        run.fan_out(run.first, entry);
        self.files.saw(at, span.end);
    }

    /// Says that a part of a file holds no line for the operators (blank lines, a header): what
    /// is before `end` need not be read again.
    pub fn skip(&mut self, file: &Arc<FileMeta>, end: u64) {
        let at = self.files.enter(file);
        self.files.saw(at, end);
    }

    /// Encoded size of what [`take`](Self::take) would give.
    pub fn bytes(&self) -> usize {
        self.output.bytes()
    }

    /// Records that [`take`](Self::take) would give.
    pub fn items(&self) -> usize {
        self.output.items()
    }

    /// True when something of the file is held back: more lines of it may complete a record.
    pub fn holds(&self, file: FileKey) -> bool {
        let Some(at) = self.files.position(file) else { return false };
        self.states.iter().any(|it| match it {
            State::Recombine(held) => held.origins().any(|it| it.file == at),
            _ => false,
        })
    }

    /// What can be sent now.
    pub fn take(&mut self) -> Batch {
        self.clock = None;
        let mut safe = std::mem::take(&mut self.gone);
        let held = self.states.iter().filter_map(|it| match it {
            State::Recombine(held) => Some(held.origins()),
            _ => None,
        });
        let mut held: Vec<Origin> = held.flatten().collect();
        held.sort_unstable_by_key(|it| (it.file, it.start));
        held.dedup_by_key(|it| it.file);
        // No other file has news: with 10,000 files a few write at a time.
        let mut news = self.files.take_changed();
        news.append(&mut self.held);
        self.held.extend(held.iter().map(|it| it.file));
        news.extend(&self.held);
        news.sort_unstable();
        news.dedup();
        for at in news {
            let Some(file) = self.files.get_mut(at) else { continue };
            let first = held.binary_search_by_key(&at, |it| it.file).ok();
            let first = first.and_then(|it| held.get(it)).map_or(u64::MAX, |it| it.start);
            let offset = file.seen().min(first);
            if file.reported != Some(offset) {
                file.reported = Some(offset);
                safe.push((file.meta().key, offset));
            }
        }
        Batch { logs: self.output.finish(), safe }
    }

    /// Releases records that were held back for longer than their `force_flush_period`; the answer
    /// is when to call again.
    pub fn flush_idle(&mut self, now: Instant) -> Option<Instant> {
        self.clock = None;
        self.flush(Flush::Due(now))
    }

    /// Releases everything that is held back.
    pub fn flush_all(&mut self) {
        self.flush(Flush::All);
    }

    /// The file is gone and has been read to its end: releases what is held back of it and forgets it.
    pub fn forget(&mut self, file: FileKey) {
        let Some(at) = self.files.position(file) else { return };
        self.flush(Flush::File(at));
        if let Some(gone) = self.files.remove(file) {
            self.gone.push((file, gone.seen()));
        }
    }

    fn flush(&mut self, which: Flush) -> Option<Instant> {
        let idle = |it: &State| match it {
            State::Recombine(held) => held.is_empty(),
            _ => true,
        };
        if self.states.iter().all(idle) {
            return None;
        }
        let clock = self.tick();
        self.clear_arena();
        let (mut run, ..) = self.run(clock);
        // What one operator releases another may hold back: as many rounds as there are operators.
        let mut next = None;
        for _ in 0..run.graph.nodes.len() {
            let (released, due) = run.flush(which);
            next = due;
            if !released {
                break;
            }
        }
        next
    }

    /// One very long line must not cost memory for ever.
    fn clear_arena(&mut self) {
        if self.arena.allocated_bytes() > ARENA_BYTES_KEPT {
            self.arena = Bump::new();
        } else {
            self.arena.reset();
        }
    }

    fn tick(&mut self) -> Clock {
        *self.clock.get_or_insert_with(|| Clock {
            now: tokio::time::Instant::now().into_std(),
            unix: clock::unix_nanos(),
        })
    }

    fn run(&mut self, clock: Clock) -> (Run<'_, '_>, &Bump, &Graph) {
        let Self { graph, first, arena, files, states, complaints, output, .. } = self;
        (Run { graph, first, arena, files, states, complaints, output, clock }, arena, graph)
    }
}

/// What a record meets on its way.
struct Run<'a, 'w> {
    graph: &'a Graph,
    first: &'a [usize],
    arena: &'a Bump,
    files: &'a Files,
    states: &'w mut [State],
    complaints: &'w mut [Complaint],
    output: &'w mut Output,
    clock: Clock,
}

impl<'a> Run<'a, '_> {
    /// Adds what the receiver adds.
    fn describe(
        &mut self,
        entry: &mut Entry<'a>,
        file: &'a File,
        offset: u64,
        number: Option<u64>,
    ) {
        let graph = self.graph;
        for (key, template) in &graph.attributes {
            match template.render(entry, self.arena) {
                Ok(text) => put(&mut entry.attributes, key, Value::Str(text)),
                Err(text) => {
                    let failure = Failure::Text(text).at("add attributes to entry");
                    self.complain(None, Some(FAILED), &failure);
                }
            }
        }
        // Expressions of the resource see the attributes.
        if !graph.resource_is_fixed {
            for (key, template) in &graph.resource {
                match template.render(entry, self.arena) {
                    Ok(text) => put(entry.resource.own(self.arena), key, Value::Str(text)),
                    Err(text) => {
                        let failure = Failure::Text(text).at("add resource keys to entry");
                        self.complain(None, Some(FAILED), &failure);
                    }
                }
            }
        }
        let meta = file.meta();
        if entry.attributes.is_empty() {
            let pairs = meta.attributes.iter().map(|(k, v)| (k.as_str(), Value::Str(v)));
            entry.attributes.extend(pairs);
        } else {
            meta.attributes.iter().for_each(|(k, v)| put(&mut entry.attributes, k, Value::Str(v)));
        }
        if let Some(number) = number {
            let number = Value::Int(number.cast_signed());
            put(&mut entry.attributes, "log.file.record_number", number);
        }
        if meta.record_offset {
            let offset = Value::Int(offset.cast_signed());
            put(&mut entry.attributes, "log.file.record_offset", offset);
        }
    }

    /// Sends a record through the operators from `at` on.
    fn from(&mut self, mut at: usize, mut entry: Entry<'a>) {
        let graph = self.graph;
        loop {
            let Some(node) = graph.nodes.get(at) else { return self.end(entry) };
            let mut released = Vec::new();
            let flow = self.step(at, node, &mut entry, &mut released);
            self.release(&node.outputs, released);
            let outputs = match flow {
                Flow::Next => &node.outputs,
                Flow::To(route) => match node.routes.get(route) {
                    Some(outputs) => outputs,
                    None => return,
                },
                Flow::Stop => return,
            };
            let Some((last, others)) = outputs.split_last() else { return };
            for other in others {
                self.from(*other, entry.fork(self.arena));
            }
            at = *last;
        }
    }

    /// The record has passed all operators.
    fn end(&mut self, mut entry: Entry<'a>) {
        if self.graph.body == Body::RawText {
            kept_bytes::give_up(&mut entry, self.arena);
        }
        self.output.write(&entry);
    }

    /// Records that were held back go on.
    fn release(&mut self, outputs: &'a [usize], released: Vec<Entry<'a>>) {
        for mut entry in released {
            if self.graph.body == Body::RawText {
                kept_bytes::join(&mut entry, self.arena);
            }
            self.fan_out(outputs, entry);
        }
    }

    fn fan_out(&mut self, outputs: &'a [usize], entry: Entry<'a>) {
        let Some((last, others)) = outputs.split_last() else { return };
        for other in others {
            self.from(*other, entry.fork(self.arena));
        }
        self.from(*last, entry);
    }

    /// One operator, with `if` before it and `on_error` after it.
    fn step(
        &mut self,
        at: usize,
        node: &'a Node,
        entry: &mut Entry<'a>,
        released: &mut Vec<Entry<'a>>,
    ) -> Flow {
        if let Some(condition) = &node.condition {
            match condition.holds(entry, self.arena) {
                Ok(true) => {}
                Ok(false) => return Flow::Next,
                Err(text) => return self.failed(at, node, &Failure::Text(text)),
            }
        }
        let Some(state) = self.states.get_mut(at) else { return Flow::Next };
        let (arena, files, now) = (self.arena, self.files, self.clock.now);
        let raw_text = self.graph.body == Body::RawText;
        let mut cx = Cx { arena, files, state, released, warning: None, now, raw_text };
        let result = node.operator.process(entry, &mut cx);
        if let Some(warning) = cx.warning.take() {
            let (message, failure) = warning.parts();
            self.complain(Some(at), Some(message), failure);
        }
        match result {
            Ok(flow) => flow,
            Err(failure) => self.failed(at, node, &failure),
        }
    }

    fn failed(&mut self, at: usize, node: &Node, failure: &Failure) -> Flow {
        let loud = matches!(node.on_error, OnError::Send | OnError::Drop);
        self.complain(Some(at), loud.then_some(FAILED), failure);
        match node.on_error {
            OnError::Send | OnError::SendQuiet => Flow::Next,
            OnError::Drop | OnError::DropQuiet => Flow::Stop,
        }
    }

    /// Logs a failure, but not each of many; for the quiet modes of `on_error` without a message.
    fn complain(&mut self, at: Option<usize>, message: Option<&'static str>, failure: &Failure) {
        let node = at.and_then(|at| self.graph.nodes.get(at));
        let Some(complaint) = self.complaints.get_mut(at.unwrap_or(self.graph.nodes.len())) else {
            return;
        };
        let (id, kind) = node.map_or(("file_input", "file_input"), |it| (&it.id, it.kind));
        let action = node.map_or("send", |it| it.on_error.word());
        let Some(message) = message else {
            tracing::debug!(operator_id = id, operator_type = kind, action, error = %failure, "{FAILED}");
            return;
        };
        let now = self.clock.now;
        if complaint.last.is_some_and(|it| now.duration_since(it) < COMPLAINT_PERIOD) {
            complaint.unsaid += 1;
            return;
        }
        let not_logged_before = std::mem::take(&mut complaint.unsaid);
        complaint.last = Some(now);
        tracing::error!(
            operator_id = id,
            operator_type = kind,
            action,
            error = %failure,
            file = self.files.current_name(),
            not_logged_before,
            "{message}"
        );
    }

    /// Asks every operator for what it held back. True if there was something, and when more is due.
    fn flush(&mut self, which: Flush) -> (bool, Option<Instant>) {
        let (mut any, mut next) = (false, None::<Instant>);
        let graph = self.graph;
        for (at, node) in graph.nodes.iter().enumerate() {
            let Some(state) = self.states.get_mut(at) else { continue };
            let mut released = Vec::new();
            let (arena, files, now) = (self.arena, self.files, self.clock.now);
            let raw_text = graph.body == Body::RawText;
            let released_here = &mut released;
            let mut cx =
                Cx { arena, files, state, released: released_here, warning: None, now, raw_text };
            let due = node.operator.flush(&mut cx, which);
            next = [next, due].into_iter().flatten().min();
            any |= !released.is_empty();
            self.release(&node.outputs, released);
        }
        (any, next)
    }
}
