//! Windows: what policies remember of the stream, by key. All pipelines of one id share them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use component::{Problems, Signal};
use lru::Lru;
use ottl::{Conditions, ErrorMode, Prefixes, Request};
use pdata::Place;
use rego::Value;
use rego::compiled::Val;
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_128};

use crate::cells::{Cells, Kind, Measure, Sample};
use crate::config::{Clock, WindowConfig};
use crate::fields::read;
use crate::path::{Path, Spot};
use crate::project::{Around, event_time, value_at};

/// Parts of a window that are locked on their own.
const SHARDS: usize = 16;
/// Most steps of a window: the memory of a key.
const STEPS_MAX: u128 = 10_000;
/// Most keys of a window.
const KEYS_MAX: usize = 10_000_000;

/// A window.
pub(crate) struct Window {
    pub(crate) name: String,
    /// Where policies read it, below `data`.
    pub(crate) data: Vec<String>,
    /// Which records count.
    pub(crate) when: When,
    pub(crate) signal: Signal,
    keys: Vec<Spot>,
    /// What of a record is counted, if not the record.
    of: Option<Spot>,
    measure: Measure,
    clock: Clock,
    shards: Vec<Mutex<Lru<Cells>>>,
}

/// Which records count.
#[derive(Debug)]
pub(crate) enum When {
    Always,
    /// The rule at this place among the queries.
    Rule(String),
    Condition(Conditions),
}

/// What a record is to a window.
#[derive(Debug, Clone)]
pub(crate) struct Mine {
    pub(crate) key: u128,
    pub(crate) time: u64,
}

/// What adding a record came to.
#[derive(Debug)]
pub(crate) struct Added {
    /// The value of the window with this record.
    pub(crate) value: Value,
    pub(crate) is_late: bool,
    pub(crate) evicted: bool,
}

impl Window {
    /// Reads a section; says in `found` what is wrong with it.
    pub(crate) fn new(name: &str, config: &WindowConfig, found: &mut Problems) -> Option<Self> {
        let at = |key: &str| format!("windows::{name}::{key}");
        let Ok(signal) = config.over.parse::<Signal>() else {
            found.at(at("over"), "must be logs, traces or metrics");
            return None;
        };
        let mut spot = |text: &str, key: &str| match Path::parse(text) {
            Err(why) => {
                found.at(at(key), why);
                None
            }
            Ok(path) => path.spot(signal).or_else(|| {
                found.at(at(key), format!("{signal} have no {path}"));
                None
            }),
        };
        let texts = texts(&config.key);
        let keys: Vec<Spot> = texts.iter().map_while(|it| spot(it, "key")).collect();
        let good_keys = !texts.is_empty() && keys.len() == texts.len();
        let (word, path) = config.count.split_once(' ').unwrap_or((&config.count, ""));
        let path = path.trim().trim_matches('\'').trim();
        let of = if path.is_empty() { None } else { spot(path, "count") };
        if texts.is_empty() {
            found.at(
                at("key"),
                "must be a path, such as attributes[\"enduser.id\"], or a list of them",
            );
        }
        let kind = kind(word, !path.is_empty());
        if kind.is_none() {
            let rule = "must be records, rate, or one of distinct, sum, max, first, last with a path, such as distinct \
                        attributes[\"client.address\"]";
            found.at(at("count"), rule);
        }
        let data = config.data.strip_prefix("data.").unwrap_or(&config.data);
        let data: Vec<String> = data.split('.').map(str::to_owned).collect();
        let is_name = |it: &String| {
            !it.is_empty() && it.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let good_data = data.iter().all(is_name);
        if !good_data {
            found.at(at("data"), "must say where policies read it: names with dots between");
        }
        let steps = steps(config, &at, found);
        let when = when(config, signal, &at, found);
        if !(1..=KEYS_MAX).contains(&config.keys_max) {
            found.at(at("keys_max"), format!("must be between 1 and {KEYS_MAX}"));
        }
        if !good_keys || !good_data || (of.is_none() && !path.is_empty()) {
            return None;
        }
        let step = nanos(config.step.std());
        let lateness = nanos(config.lateness.std());
        let measure = Measure { kind: kind?, steps: steps?, step, lateness };
        let shards = (0..SHARDS).map(|_| Mutex::new(Lru::new(config.keys_max.div_ceil(SHARDS))));
        Some(Self {
            name: name.to_owned(),
            data,
            when: when?,
            signal,
            keys,
            of,
            measure,
            clock: *config.clock,
            shards: shards.collect(),
        })
    }

    /// The key of a record and its time in this window; `None` if it has no key.
    pub(crate) fn mine(&self, place: &Place<'_>, around: &Around<'_>, now: u64) -> Option<Mine> {
        let mut hash = Xxh3::new();
        for it in &self.keys {
            let value = read(it.leaf, &it.keys, place, around);
            if value.is_undefined() {
                return None;
            }
            encode(&value, |bytes| hash.update(bytes));
        }
        let time = match (self.clock, event_time(place)) {
            (Clock::Arrival, _) | (_, 0) => now,
            // Who sends a time in the future would empty the window for all that come after.
            (Clock::Event, time) => time.min(now.saturating_add(self.measure.lateness)),
        };
        Some(Mine { key: hash.digest128(), time })
    }

    /// Counts a record; `None` if what is counted is not there.
    pub(crate) fn add(&self, mine: &Mine, place: &Place<'_>, around: &Around<'_>) -> Option<Added> {
        let sample = self.sample(place, around)?;
        let mut shard = self.shard(mine.key);
        let (cells, evicted) = shard.touch(mine.key, || Cells::new(&self.measure))?;
        let is_late = !cells.add(&self.measure, mine.time, &sample);
        Some(Added { value: cells.value(&self.measure, mine.time), is_late, evicted })
    }

    fn sample(&self, place: &Place<'_>, around: &Around<'_>) -> Option<Sample> {
        let Some(of) = &self.of else { return Some(Sample::One) };
        let value = value_at(of.leaf, &of.keys, place, around);
        if value == Value::Undefined {
            return None;
        }
        Some(match self.measure.kind {
            Kind::Records | Kind::Rate => Sample::One,
            Kind::Distinct => Sample::Hash(hash_64(&value)),
            Kind::Sum | Kind::Max => Sample::Number(value.as_f64().ok()?),
            Kind::First | Kind::Last => Sample::Value(value),
        })
    }

    /// The value of a key at a time.
    pub(crate) fn value(&self, key: u128, time: u64) -> Value {
        let shard = self.shard(key);
        shard.get(key).map_or(Value::Undefined, |it| it.value(&self.measure, time))
    }

    /// The key that a policy asks for: a value, or a list of values if there are several keys.
    pub(crate) fn key_of(&self, asked: &Value) -> u128 {
        match asked.as_array() {
            Ok(list) if self.keys.len() > 1 => hash(&list.iter().cloned().collect::<Vec<_>>()),
            _ => hash(std::slice::from_ref(asked)),
        }
    }

    /// How many keys it knows.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|it| lock(it).len()).sum()
    }

    /// The state of a key, as it is stored.
    pub(crate) fn stored(&self, key: u128) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.shard(key).get(key)?.write(&self.measure, &mut bytes);
        Some(bytes)
    }

    /// Takes over what was stored, unless there is something newer.
    pub(crate) fn restore(&self, key: u128, bytes: &[u8]) {
        let Some(cells) = Cells::read(&self.measure, bytes) else { return };
        let mut shard = self.shard(key);
        if shard.get(key).is_none() {
            shard.touch(key, || cells);
        }
    }

    fn shard(&self, key: u128) -> MutexGuard<'_, Lru<Cells>> {
        let at = (key % SHARDS as u128) as usize;
        // There are always `SHARDS` of them.
        #[expect(clippy::indexing_slicing, reason = "the index is below the number of shards")]
        lock(&self.shards[at])
    }
}

impl When {
    /// Whether a condition holds for a record; rules are asked elsewhere.
    pub(crate) fn holds(&self, place: &Place<'_>) -> bool {
        match self {
            Self::Always => true,
            Self::Rule(_) => false,
            Self::Condition(it) => it.any(place, &Request::default()).unwrap_or(false),
        }
    }
}

pub(crate) fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A hash that is the same after a restart.
pub(crate) fn hash(values: &[Value]) -> u128 {
    xxh3_128(&encoded(values))
}

fn hash_64(value: &Value) -> u64 {
    xxh3_64(&encoded(std::slice::from_ref(value)))
}

fn encoded(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        encode(&Val::Ref(value), |it| bytes.extend_from_slice(it));
    }
    bytes
}

/// The bytes of a value that are hashed, one after the other.
fn encode(value: &Val<'_>, mut out: impl FnMut(&[u8])) {
    let json;
    let (kind, text) = match (value.text(), value.value()) {
        (Some(text), _) => (b's', text),
        (None, other) => {
            json = other.and_then(|it| it.to_json_str().ok()).unwrap_or_default();
            (b'j', json.as_str())
        }
    };
    out(&[kind]);
    out(&(text.len() as u64).to_le_bytes());
    out(text.as_bytes());
}

fn texts(key: &config::Value) -> Vec<String> {
    match key.plain() {
        config::Value::List(items) => {
            items.iter().map(|it| it.as_str().unwrap_or_default().to_owned()).collect()
        }
        _ => key.as_str().map(str::to_owned).into_iter().collect(),
    }
}

fn kind(word: &str, has_path: bool) -> Option<Kind> {
    Some(match (word, has_path) {
        ("records", false) => Kind::Records,
        ("rate", false) => Kind::Rate,
        ("distinct", true) => Kind::Distinct,
        ("sum", true) => Kind::Sum,
        ("max", true) => Kind::Max,
        ("first", true) => Kind::First,
        ("last", true) => Kind::Last,
        _ => return None,
    })
}

fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn steps(config: &WindowConfig, at: &impl Fn(&str) -> String, found: &mut Problems) -> Option<u32> {
    let (length, step) = (config.length.std().as_nanos(), config.step.std().as_nanos());
    if step == 0 || length < step {
        found.at(at("length"), "must be at least as long as step, and step greater than 0");
        return None;
    }
    let steps = length.div_ceil(step);
    if steps > STEPS_MAX {
        found.at(at("step"), format!("length has {steps} steps, at most {STEPS_MAX}"));
        return None;
    }
    u32::try_from(steps).ok()
}

fn when(
    config: &WindowConfig,
    signal: Signal,
    at: &impl Fn(&str) -> String,
    found: &mut Problems,
) -> Option<When> {
    let text = config.when.trim();
    if text.is_empty() {
        return Some(When::Always);
    }
    if text.starts_with("data.") {
        return Some(When::Rule(text.to_owned()));
    }
    let context = match signal {
        Signal::Logs => ottl::Context::Log,
        Signal::Traces => ottl::Context::Span,
        Signal::Metrics => ottl::Context::DataPoint,
    };
    let conditions = [text.to_owned()];
    match Conditions::new(&conditions, context, Prefixes::Optional, ErrorMode::Silent) {
        Ok(it) => Some(When::Condition(it)),
        Err(wrong) => {
            for (_, error) in wrong {
                found.at("", error.message).part(&at("when"), error.span, error.candidates);
            }
            None
        }
    }
}
