//! One mistake in a configuration, from where it is found to where it is shown.
//!
//! A fault knows its place as steps from the section down. Whoever passes it on adds the steps above
//! ([`Fault::within`]), so a library need not know where its part of a section stands. What a program decides by
//! (the stage, what is wanted, the remedy) is in fields; the text is only ever shown.

use std::fmt;
use std::ops::Range;

/// One step down into a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The entry of a map.
    Key(String),
    /// The item of a list.
    At(usize),
}

impl From<&str> for Step {
    /// A number is an item of a list.
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Step::Key(text.to_owned()), Step::At)
    }
}

impl From<usize> for Step {
    fn from(at: usize) -> Self {
        Step::At(at)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Key(key) => f.write_str(key),
            Step::At(at) => at.fmt(f),
        }
    }
}

/// The steps of a path with `::` between them, as the Collector writes it.
fn steps(path: &str) -> impl Iterator<Item = Step> {
    path.split("::").filter(|it| !it.is_empty()).map(Step::from)
}

/// A place as the Collector's texts write it: `a.b[0]`.
fn dotted(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |path, step| match step {
        Step::At(at) => format!("{path}[{at}]"),
        Step::Key(key) if path.is_empty() => key.clone(),
        Step::Key(key) => format!("{path}.{key}"),
    })
}

/// When the Collector notices a mistake. It decides the text around that of the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// While it reads the sections.
    Read,
    /// While it validates the whole configuration.
    Check,
    /// While it creates the component.
    Create,
    /// While it starts the component. Here it is known before.
    Start,
}

impl Stage {
    /// In order, as they travel through serde.
    pub(crate) const ALL: [Self; 4] = [Self::Read, Self::Check, Self::Create, Self::Start];
}

/// A type that a value can have in YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`.
    Bool,
    /// A number of any kind.
    Number,
    /// A text.
    Text,
    /// A time span.
    Duration,
    /// A list.
    List,
    /// A map.
    Map,
}

/// What should stand at the place of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A value of another type.
    Type(Type),
    /// A value of another type, and what the text calls that type.
    Named(Type, String),
    /// A text in the syntax of time spans.
    Duration,
    /// One of these values.
    OneOf(Vec<String>),
    /// Anything: nothing is there.
    Present,
    /// An endpoint of another form.
    Endpoint,
    /// Another key; these are known there. The second list says where the key is known: below which owners.
    Key(Vec<String>, Vec<Vec<Step>>),
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Write this value, in YAML.
    Set(String),
    /// Write one of these values.
    OneOf(Vec<String>),
    /// Remove the key.
    Remove,
    /// Look at these bytes of the text; one of these was probably meant.
    Part(Range<usize>, Vec<String>),
    /// The item of a list belongs to the one before it: its dash goes.
    Join,
    /// The key is a value of this key: `regex_parser:` for `type: regex_parser`.
    ValueOf(String),
    /// Do what this sentence says: there is no edit for it.
    Say(String),
}

/// A part of a section that the Collector reads on its own. It writes a sentence above the first mistake in there,
/// and names what is wrong by its path from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// How many of the steps lead to the part.
    depth: usize,
    /// The sentence, if this is the first mistake in the part.
    intro: Option<String>,
    /// A part in it that is read on its own as well.
    inner: Option<Box<Envelope>>,
}

/// A place in a text of mapstructure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What is said around it, once for all faults that it is around.
    pub(crate) envelope: String,
    /// The place, or for an unknown key its section.
    pub(crate) name: String,
    /// What an unknown key does not name: `scraper`; empty for keys as usual.
    pub(crate) parts: &'static str,
}

impl Named {
    /// What is said of unknown keys there.
    fn unknown(&self, keys: &str) -> String {
        match self.parts {
            "" => format!("'{}' has invalid keys: {keys}", self.name),
            parts => format!("'{}' invalid {parts} key: {keys}", self.name),
        }
    }
}

/// One mistake in a configuration, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// From the section down to the key or value that the user has to look at.
    pub place: Vec<Step>,
    /// How many of these steps the Collector's text names. It often speaks of a whole entry, where it is known
    /// here which of its keys is to blame.
    pub named: usize,
    /// In the Collector's words, without the place; empty for an unknown key.
    pub text: String,
    /// When the Collector says it.
    pub stage: Stage,
    /// What to do at the place.
    pub remedy: Option<Remedy>,
    /// What should stand there.
    pub wanted: Option<Wanted>,
    /// What the Collector's text calls its place while it reads, where that is known.
    pub as_named: Option<Box<Named>>,
    /// The only pipelines that it concerns, by the name of their signal; `None` for all.
    pub signal: Option<&'static str>,
    /// The outermost part that is read on its own.
    pub envelope: Option<Box<Envelope>>,
    /// How its text stands among those of other faults.
    pub saying: Saying,
}

/// How the text of a fault stands among those of others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Saying {
    /// After its place, below what the Collector says of the section.
    #[default]
    Usual,
    /// The Collector's `Unmarshal` of the section says it before it reads a key: the text names no place, and nothing else is
    /// said of the section.
    Alone,
    /// It is a line of the text before it.
    Continued,
}

impl Fault {
    /// A fault of the section as a whole.
    pub fn new(stage: Stage, text: impl Into<String>) -> Self {
        Self {
            place: Vec::new(),
            named: 0,
            text: text.into(),
            stage,
            remedy: None,
            wanted: None,
            as_named: None,
            signal: None,
            envelope: None,
            saying: Saying::Usual,
        }
    }

    /// Noticed while the section is read.
    pub fn read(text: impl Into<String>) -> Self {
        Self::new(Stage::Read, text)
    }

    /// What an `Unmarshal` says before it reads a key; `path` is what to look at.
    pub fn alone(path: &str, text: impl Into<String>) -> Self {
        let mut fault = Self { saying: Saying::Alone, ..Self::read(text) };
        fault.about(path);
        fault
    }

    /// What somebody else says of it, who names only so many of the steps.
    #[must_use]
    pub fn reworded(self, named: usize, saying: Saying, text: String) -> Self {
        Self { named, saying, text, as_named: None, ..self }
    }

    /// A broken rule.
    pub fn check(text: impl Into<String>) -> Self {
        Self::new(Stage::Check, text)
    }

    /// What upstream says only when it creates the component.
    pub fn create(text: impl Into<String>) -> Self {
        Self::new(Stage::Create, text)
    }

    /// A value of the wrong type.
    pub(crate) fn type_of(wanted: Type, text: impl Into<String>) -> Self {
        Self { wanted: Some(Wanted::Type(wanted)), ..Self::read(text) }
    }

    /// No list where one has to be.
    pub(crate) fn no_list(wanted: Type, kind: &str) -> Self {
        Self::type_of(wanted, format!("source data must be an array or slice, got {kind}"))
    }

    /// A list where a section has to be. serde takes one for a struct, at least for a struct that is flattened.
    pub(crate) fn no_struct() -> Self {
        Self::type_of(Type::Map, "expected a map or struct, got \"slice\"")
    }

    /// A key that is not known.
    pub(crate) fn unknown_key(key: &str, known: &[&str]) -> Self {
        let known = known.iter().map(|it| (*it).to_owned()).collect();
        let fault = Self { wanted: Some(Wanted::Key(known, Vec::new())), ..Self::read("") };
        fault.within_key(key)
    }

    /// The same fault as seen from outside: of what `path` leads to, with `::` between the steps.
    #[must_use]
    pub fn within(self, path: &str) -> Self {
        self.moved(&steps(path).collect::<Vec<_>>())
    }

    /// The same fault as seen from outside one key, whatever is in its name.
    #[must_use]
    pub fn within_key(self, key: &str) -> Self {
        self.moved(&[Step::Key(key.to_owned())])
    }

    /// The same fault as seen from outside a list.
    #[must_use]
    pub fn within_item(self, at: usize) -> Self {
        self.moved(&[Step::At(at)])
    }

    fn moved(mut self, above: &[Step]) -> Self {
        self.place.splice(..0, above.iter().cloned());
        if let Some(Wanted::Key(_, owners)) = &mut self.wanted {
            owners.iter_mut().for_each(|it| drop(it.splice(..0, above.iter().cloned())));
        }
        let steps = above.len();
        self.named += steps;
        let mut next = self.envelope.as_deref_mut();
        while let Some(envelope) = next {
            envelope.depth += steps;
            next = envelope.inner.as_deref_mut();
        }
        self
    }

    /// The mistakes of a part that the Collector reads on its own, so many steps down: `intro` stands above the first.
    pub(crate) fn enclose(faults: &mut [Fault], depth: usize, intro: &str) {
        for (at, fault) in faults.iter_mut().enumerate() {
            let intro = (at == 0).then(|| intro.to_owned());
            let inner = fault.envelope.take();
            fault.envelope = Some(Box::new(Envelope { depth, intro, inner }));
        }
    }

    /// What the Collector's text names.
    pub fn named_place(&self) -> &[Step] {
        self.place.get(..self.named).unwrap_or(&self.place)
    }

    /// True when a key is at fault, false when its value is.
    pub fn is_at_key(&self) -> bool {
        matches!(self.wanted, Some(Wanted::Key(..)))
    }

    /// The Collector's text below its envelope for what cannot be read: `'a.b[0]' expected type ...`.
    pub fn read_text(&self) -> String {
        if self.saying == Saying::Continued {
            return self.text.clone();
        }
        let named = self.named();
        if let Some((_, key)) = self.key_at_fault() {
            return named.unknown(&key.to_string());
        }
        if self.envelope.is_none() {
            return format!("'{}' {}", named.name, self.text);
        }
        let (mut text, mut from) = (String::new(), 0);
        let part = |from, to| self.named_place().get(from..to).unwrap_or_default();
        let mut next = self.envelope.as_deref();
        while let Some(envelope) = next {
            if let Some(intro) = &envelope.intro {
                text = format!("{text}'{}' {intro}\n\n", dotted(part(from, envelope.depth)));
            }
            (from, next) = (envelope.depth, envelope.inner.as_deref());
        }
        format!("{text}'{}' {}", dotted(part(from, self.named_place().len())), self.text)
    }

    /// The same of several faults, with what is around them: all unknown keys of one section are in the text of
    /// the first, sorted, and the texts of the others are empty.
    pub fn read_texts(faults: &[Fault]) -> Vec<String> {
        let mut around = String::new();
        let mut texts = Vec::with_capacity(faults.len());
        for (at, fault) in faults.iter().enumerate() {
            let Named { envelope, name, parts } = fault.named();
            let text = match fault.key_at_fault() {
                None => fault.read_text(),
                Some((section, _)) => {
                    let same = |it: &&Fault| it.key_at_fault().is_some_and(|it| it.0 == section);
                    if faults[..at].iter().any(|it| same(&it)) {
                        texts.push(String::new());
                        continue;
                    }
                    let all = faults.iter().filter(same).filter_map(Fault::key_at_fault);
                    let mut keys: Vec<String> = all.map(|it| it.1.to_string()).collect();
                    keys.sort_unstable();
                    Named { envelope: String::new(), name, parts }.unknown(&keys.join(", "))
                }
            };
            let new = envelope.strip_prefix(around.as_str()).unwrap_or(&envelope);
            texts.push(format!("{new}{text}"));
            around = envelope;
        }
        texts
    }

    /// What the Collector's text calls the place.
    fn named(&self) -> Named {
        self.as_named.as_deref().cloned().unwrap_or_else(|| Named {
            envelope: String::new(),
            name: dotted(self.key_at_fault().map_or(self.named_place(), |it| it.0)),
            parts: "",
        })
    }

    /// The section and the key that it does not know, if that is the fault.
    fn key_at_fault(&self) -> Option<(&[Step], &Step)> {
        let (key, section) = self.named_place().split_last()?;
        (self.is_at_key() && self.text.is_empty()).then_some((section, key))
    }

    /// The Collector's text for a broken rule, below the id of the component: `a::b: rule`.
    pub fn rule_text(&self) -> String {
        let path: String = self.named_place().iter().map(|it| format!("{it}::")).collect();
        match path.strip_suffix("::") {
            Some(path) => format!("{path}: {}", self.text),
            None => self.text.clone(),
        }
    }

    /// True for the same mistake, wherever it is.
    pub(crate) fn is_like(&self, other: &Fault) -> bool {
        (&self.text, self.stage, &self.wanted) == (&other.text, other.stage, &other.wanted)
    }

    /// It concerns only the pipelines of this signal.
    pub fn only_for(&mut self, signal: &'static str) -> &mut Self {
        self.signal = Some(signal);
        self
    }

    /// The key to look at, below what the text names.
    pub fn about(&mut self, path: &str) -> &mut Self {
        self.place.truncate(self.named);
        self.place.extend(steps(path));
        self
    }

    /// `path` should have this value, in YAML.
    pub fn set(&mut self, path: &str, value: impl Into<String>) -> &mut Self {
        self.remedy = Some(Remedy::Set(value.into()));
        self.about(path)
    }

    /// `path` is required; it could have this value, in YAML.
    pub fn require(&mut self, path: &str, value: impl Into<String>) -> &mut Self {
        self.wanted = Some(Wanted::Present);
        self.set(path, value)
    }

    /// The endpoint at `path` should have another form: this one.
    pub fn form(&mut self, path: &str, value: impl Into<String>) -> &mut Self {
        self.wanted = Some(Wanted::Endpoint);
        self.set(path, value)
    }

    /// `path` should have one of these values.
    pub fn one_of(&mut self, path: &str, values: &[&str]) -> &mut Self {
        self.remedy = Some(Remedy::OneOf(values.iter().map(|it| (*it).to_owned()).collect()));
        self.about(path)
    }

    /// These bytes of the text at `path` are wrong; one of `values` was probably meant.
    pub fn part(&mut self, path: &str, span: Range<usize>, values: Vec<String>) -> &mut Self {
        self.remedy = Some(Remedy::Part(span, values));
        self.about(path)
    }

    /// What to do about `path`, in a sentence.
    pub fn say(&mut self, path: &str, sentence: impl Into<String>) -> &mut Self {
        self.remedy = Some(Remedy::Say(sentence.into()));
        self.about(path)
    }

    /// `path` should go.
    pub fn remove(&mut self, path: &str) -> &mut Self {
        self.remedy = Some(Remedy::Remove);
        self.about(path)
    }
}

impl From<String> for Fault {
    /// What a library says of a part of a section is mostly noticed when the component is created.
    fn from(text: String) -> Self {
        Self::create(text)
    }
}

impl From<&str> for Fault {
    fn from(text: &str) -> Self {
        Self::create(text)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.read_text())
    }
}

impl std::error::Error for Fault {}
