//! `recombine`: joins consecutive records of one source into one. `container` joins its parts with it, too.

use config::{Choice, Choices, Described, Problems, Stage};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Built, Cx, Failure, Flow, Flush, Operator, State, Transformer};
use crate::entry::{Entry, Origin};
use crate::field::{Field, Root};
use crate::frozen;
use crate::keys::{ByteSize, Place, condition};
use crate::value::Value;
use expr::Program;

/// Most bytes that an operator holds back, of all sources together; beyond that the oldest records go on as they are.
/// What is held back is not in flight yet, so nothing else bounds it.
pub(crate) const HELD_BYTES_MAX: usize = 16 << 20;
/// So many bytes are released at a time when their period is over: the reader sends them before it asks for more.
const FLUSH_BYTES: usize = 1 << 20;

/// How records are joined.
#[derive(Debug)]
pub(super) struct Rules {
    /// Where the text is.
    pub(super) combine_field: Field,
    /// What comes between two parts.
    pub(super) combine_with: String,
    /// The last record supplies the other fields, not the first.
    pub(super) newest: bool,
    /// Records in one; 0 is no limit.
    pub(super) max_batch_size: usize,
    /// Records in one before any has matched; 0 is no limit.
    pub(super) max_unmatched_batch_size: usize,
    /// Bytes after which a record is complete; 0 is no limit.
    pub(super) max_log_size: u64,
    /// Sources with unfinished records; one more, and all are released.
    pub(super) max_sources: usize,
    /// Longest time that a record waits.
    pub(super) force_flush_period: Duration,
}

/// The unfinished records of one worker, by source.
#[derive(Debug, Default)]
pub(crate) struct Held {
    batches: HashMap<String, Batch>,
    /// Of all batches together.
    bytes: usize,
    /// Orders batches by age.
    made: u64,
    /// For the key of the source that is looked up.
    key: String,
    /// Frozen buffers to use again.
    spare: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Batch {
    base: Vec<u8>,
    text: String,
    parts: usize,
    matched: bool,
    since: Instant,
    /// The first line of each file in it.
    origins: Vec<Origin>,
    made: u64,
}

/// Whether a record ends or begins one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Begins the next.
    First,
    /// Completes this one.
    Last,
    /// Neither.
    Middle,
}

impl Held {
    /// True when nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// First lines that wait.
    pub(crate) fn origins(&self) -> impl Iterator<Item = Origin> {
        self.batches.values().flat_map(|it| it.origins.iter().copied())
    }

    /// Sets the source that the following calls mean: by name, or by file where it has none.
    pub(super) fn select(&mut self, name: Option<&str>, part: &str, entry: &Entry<'_>) {
        self.key.clear();
        if let Some(name) = name.filter(|it| !it.is_empty()) {
            self.key.push_str(name);
        } else {
            use std::fmt::Write as _;
            let file = entry.origins.first().map_or(0, |it| it.file);
            let _ = write!(self.key, "\0file {file}");
        }
        self.key.push('\0');
        self.key.push_str(part);
    }
}

impl Rules {
    /// Adds a record to the selected source. What is complete goes to `released`.
    pub(super) fn add<'a>(
        &'a self,
        entry: &mut Entry<'a>,
        part: Part,
        cx: &mut Cx<'a, '_>,
    ) -> Result<Flow, Failure> {
        let Some(Value::Str(text)) = self.combine_field.get(entry, cx.arena) else {
            // Upstream swallows it; we pass it on.
            return Err(Failure::Fixed("entry does not contain the combine_field"));
        };
        let Cx { state: State::Recombine(held), released, arena, files, now, .. } = cx else {
            return Err(Failure::Fixed("recombine runs without its state"));
        };
        if part == Part::First {
            let key = std::mem::take(&mut held.key);
            self.release(held, &key, released, arena, files);
            held.key = key;
        }
        let matched = part != Part::Middle;
        match held.batches.get_mut(&held.key) {
            // Complete on its own.
            None if part == Part::Last => return Ok(Flow::Next),
            None => {
                if held.batches.len() >= self.max_sources {
                    self.release_oldest_first(held, |_| true, usize::MAX, released, arena, files);
                }
                let mut base = held.spare.pop().unwrap_or_default();
                self.freeze(entry, arena, &mut base);
                held.made += 1;
                let batch = Batch {
                    base,
                    text: text.to_owned(),
                    parts: 1,
                    matched,
                    since: *now,
                    origins: entry.origins.to_vec(),
                    made: held.made,
                };
                held.bytes += batch.bytes();
                held.batches.insert(held.key.clone(), batch);
            }
            Some(batch) => {
                let before = batch.bytes();
                batch.parts += 1;
                batch.matched |= matched;
                if self.newest {
                    self.freeze(entry, arena, &mut batch.base);
                }
                if !batch.text.is_empty() {
                    batch.text.push_str(&self.combine_with);
                }
                batch.text.push_str(text);
                batch.note(entry.origins);
                held.bytes = held.bytes - before + batch.bytes();
            }
        }
        let full = held.batches.get(&held.key).is_some_and(|it| self.is_full(it));
        if part == Part::Last || full {
            let key = std::mem::take(&mut held.key);
            self.release(held, &key, released, arena, files);
            held.key = key;
        }
        let surplus = held.bytes.saturating_sub(HELD_BYTES_MAX);
        if surplus > 0 {
            self.release_oldest_first(held, |_| true, surplus, released, arena, files);
        }
        Ok(Flow::Stop)
    }

    /// The record without its text, which is kept apart.
    fn freeze(&self, entry: &mut Entry<'_>, arena: &bumpalo::Bump, base: &mut Vec<u8>) {
        if self.combine_field == Field::root(Root::Body) {
            entry.body = Value::Empty;
        }
        frozen::freeze(entry, arena, base);
    }

    fn is_full(&self, batch: &Batch) -> bool {
        let reached = |parts: usize, max: usize| max > 0 && parts >= max;
        self.max_log_size > 0 && batch.text.len() as u64 > self.max_log_size
            || reached(batch.parts, self.max_batch_size)
            || !batch.matched && reached(batch.parts, self.max_unmatched_batch_size)
    }

    fn release<'a>(
        &'a self,
        held: &mut Held,
        key: &str,
        released: &mut Vec<Entry<'a>>,
        arena: &'a bumpalo::Bump,
        files: &'a crate::files::Files,
    ) {
        let Some(batch) = held.batches.remove(key) else { return };
        held.bytes -= batch.bytes();
        let origins = arena.alloc_slice_copy(&batch.origins);
        if let Some(mut entry) = frozen::thaw(&batch.base, origins, arena, files) {
            let text = arena.alloc_str(&batch.text);
            // The field was read when the record came, so it can be set.
            let _ = self.combine_field.set(&mut entry, Value::Str(text), arena);
            released.push(entry);
        }
        if held.spare.len() < 16 {
            held.spare.push(batch.base);
        }
    }

    /// Releases what is chosen, until it makes so many bytes.
    fn release_oldest_first<'a>(
        &'a self,
        held: &mut Held,
        which: impl Fn(&Batch) -> bool,
        bytes: usize,
        released: &mut Vec<Entry<'a>>,
        arena: &'a bumpalo::Bump,
        files: &'a crate::files::Files,
    ) {
        let chosen = held.batches.iter().filter(|(_, it)| which(it));
        let mut chosen: Vec<(u64, String)> =
            chosen.map(|(key, it)| (it.made, key.clone())).collect();
        chosen.sort_unstable();
        let enough = held.bytes.saturating_sub(bytes);
        for (_, key) in chosen {
            if held.bytes <= enough {
                break;
            }
            self.release(held, &key, released, arena, files);
        }
    }

    /// For [`Operator::flush`].
    pub(super) fn flush<'a>(&'a self, cx: &mut Cx<'a, '_>, which: Flush) -> Option<Instant> {
        let Cx { state: State::Recombine(held), released, arena, files, .. } = cx else {
            return None;
        };
        if held.is_empty() {
            return None;
        }
        let due = |batch: &Batch| match which {
            Flush::All => true,
            Flush::File(file) => batch.origins.iter().any(|it| it.file == file),
            Flush::Due(now) => now.duration_since(batch.since) >= self.force_flush_period,
        };
        let bytes = if let Flush::Due(_) = which { FLUSH_BYTES } else { usize::MAX };
        self.release_oldest_first(held, due, bytes, released, arena, files);
        held.batches.values().map(|it| it.since + self.force_flush_period).min()
    }
}

impl Batch {
    /// What it takes in memory, but for what is small.
    fn bytes(&self) -> usize {
        self.base.capacity() + self.text.capacity()
    }

    /// Remembers where a part came from, once per file.
    fn note(&mut self, origins: &[Origin]) {
        for origin in origins {
            match self.origins.iter_mut().find(|it| it.file == origin.file) {
                Some(known) => known.start = known.start.min(origin.start),
                None => self.origins.push(*origin),
            }
        }
    }
}

#[derive(Debug)]
struct Recombine {
    rules: Rules,
    expression: Program,
    /// The expression tells the first record, not the last.
    first: bool,
    source: Field,
}

/// The keys of `recombine`.
#[derive(Debug, Clone, Serialize, Deserialize, Described)]
pub(crate) struct Config {
    /// An expression that is true for the first of the records that belong together. Required unless there is `is_last_entry`.
    is_first_entry: String,
    /// An expression that is true for the last of the records that belong together. Required unless there is
    /// `is_first_entry`.
    is_last_entry: String,
    /// Most records in one; 0 is no limit. Default 1000.
    max_batch_size: i64,
    /// Most records in one as long as none has matched; 0 is no limit. Default 100.
    max_unmatched_batch_size: i64,
    /// Where the texts are that become one. Required.
    combine_field: Place,
    /// What is put between two texts. Default: a line break.
    combine_with: String,
    /// Only records with the same value here are combined. Default `attributes["log.file.path"]`; without it, records of the
    /// same file.
    source_identifier: Place,
    /// Which record supplies all other fields: `oldest` or `newest`. Default `oldest`.
    overwrite_with: Choice<Overwrite>,
    /// How long a record waits for others at most. Default 5s.
    force_flush_period: config::Duration,
    /// Most sources with unfinished records; beyond that, all of them are released. Default 1000.
    max_sources: i64,
    /// A record is complete when it has more bytes than this; 0 is no limit. Default 0.
    max_log_size: ByteSize,
}

/// Which record supplies the other fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Overwrite {
    #[default]
    Oldest,
    Newest,
}

impl Choices for Overwrite {
    const NAMES: &'static [(&'static str, Self)] =
        &[("oldest", Overwrite::Oldest), ("newest", Overwrite::Newest), ("", Overwrite::Oldest)];
    const SHOWN: usize = 2;
    const STAGE: Stage = Stage::Create;

    fn unknown(word: &str) -> String {
        format!("invalid value '{word}' for parameter 'overwrite_with'")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            is_first_entry: String::new(),
            is_last_entry: String::new(),
            max_batch_size: 1000,
            max_unmatched_batch_size: 100,
            combine_field: Place::default(),
            combine_with: "\n".to_owned(),
            source_identifier: "attributes[\"log.file.path\"]".into(),
            overwrite_with: Choice::default(),
            force_flush_period: config::Duration::from_secs(5),
            max_sources: 1000,
            max_log_size: ByteSize(0),
        }
    }
}

impl Transformer for Config {
    const WITHIN: &'static str = "failed to build transformer config: ";

    fn plan(&self, found: &mut Problems) -> Option<Built> {
        let is_first = !self.is_first_entry.is_empty();
        let expression = self.expression(found);
        let missing = "missing required argument 'combine_field'";
        let combine_field = self.combine_field.required("combine_field", missing, found);
        let source = self.source_identifier.field("source_identifier", found);
        if let Some(fault) = self.overwrite_with.refused("overwrite_with") {
            found.add(fault);
        }
        let size = |it: i64| usize::try_from(it).unwrap_or(0);
        let rules = Rules {
            combine_field: combine_field?,
            combine_with: self.combine_with.clone(),
            newest: self.overwrite_with == Overwrite::Newest,
            max_batch_size: size(self.max_batch_size),
            max_unmatched_batch_size: size(self.max_unmatched_batch_size),
            max_log_size: self.max_log_size.bytes(),
            max_sources: size(self.max_sources),
            force_flush_period: self.force_flush_period.std(),
        };
        let (expression, source) = (expression?, source?);
        Some(Built::transformer(Recombine { rules, expression, first: is_first, source }))
    }
}

impl Config {
    fn expression(&self, found: &mut Problems) -> Option<Program> {
        let (key, text) = match (self.is_first_entry.as_str(), self.is_last_entry.as_str()) {
            ("", "") => {
                let text = "one of is_first_entry and is_last_entry must be set";
                found.late("", text).require("is_first_entry", "body matches \"^[^\\\\s]\"");
                return None;
            }
            (text, "") => ("is_first_entry", text),
            ("", text) => ("is_last_entry", text),
            _ => {
                let text = "only one of is_first_entry and is_last_entry can be set";
                found.late("", text).remove("is_last_entry");
                return None;
            }
        };
        condition(key, text, found, |why| format!("failed to compile {key}: {why}"))
    }
}

impl Operator for Recombine {
    fn state(&self) -> State {
        State::Recombine(Held::default())
    }

    fn process<'a>(&'a self, entry: &mut Entry<'a>, cx: &mut Cx<'a, '_>) -> Result<Flow, Failure> {
        let matches = self.expression.holds(entry, cx.arena)?;
        let part = match (matches, self.first) {
            (true, true) => Part::First,
            (true, false) => Part::Last,
            (false, _) => Part::Middle,
        };
        let name = self.source.get(entry, cx.arena);
        let name = match &name {
            Some(Value::Str(name)) => Some(*name),
            _ => None,
        };
        if let State::Recombine(held) = cx.state {
            held.select(name, "", entry);
        }
        self.rules.add(entry, part, cx)
    }

    fn flush<'a>(&'a self, cx: &mut Cx<'a, '_>, which: Flush) -> Option<Instant> {
        self.rules.flush(cx, which)
    }
}
