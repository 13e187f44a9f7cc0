//! Which items are meant by `include` and `exclude`, shared by the processors `attributes`, `filter` and `span`.
//! A property of the resource or scope is looked at once for all items below it: a [`Selection`] is narrowed
//! on the way down to an [`NarrowedMatcher`].

mod config;

use ::config::{Fault, Step, Value};
use attraction::constant;
use golang::go_regex;
use pdata::{
    AttributesRef, Depth, LogRecord, Place, ResourceRef, ScopeRef, Signal, Span, ValueBuf, ValueRef,
};
use regex::{Regex, RegexSet};

pub use self::config::{Attribute, Library, MatchProperties, RegexpConfig, SeverityNumber};

/// Names of span kinds, by number.
const SPAN_KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

/// `include` and `exclude`. The default means every item.
#[derive(Debug, Default)]
pub struct Selection {
    include: Option<Matcher>,
    exclude: Option<Matcher>,
}

/// What is left to decide for the items below a resource or scope.
#[derive(Debug, Clone, Copy)]
pub struct NarrowedMatcher<'s> {
    include: Option<&'s Matcher>,
    exclude: Option<&'s Matcher>,
}

impl Selection {
    /// Checks and prepares a configuration for `signal`.
    ///
    /// # Errors
    /// The first thing that is wrong, in the Collector's words, which name no place; the place is known here.
    pub fn new(
        include: Option<&MatchProperties>,
        exclude: Option<&MatchProperties>,
        signal: Signal,
    ) -> Result<Self, Fault> {
        let matcher = |properties: Option<&MatchProperties>, key: &str| {
            let made = properties.map(|it| Matcher::new(it, signal)).transpose();
            made.map_err(|fault| below(key, fault))
        };
        Ok(Self { include: matcher(include, "include")?, exclude: matcher(exclude, "exclude")? })
    }

    /// True if every item is meant.
    pub fn is_all(&self) -> bool {
        self.include.is_none() && self.exclude.is_none()
    }

    /// For one edit.
    pub fn walk(&self) -> Walk<'_> {
        Walk { selection: self, of_resource: None, of_scope: None }
    }

    /// What can be meant below this resource; nothing if no item is.
    pub fn of_resource(&self, resource: ResourceRef<'_>) -> Option<NarrowedMatcher<'_>> {
        let all =
            NarrowedMatcher { include: self.include.as_ref(), exclude: self.exclude.as_ref() };
        all.narrow(|it| it.resource(resource))
    }
}

/// Which places of an edit are meant, in the order in which it visits them.
#[derive(Debug)]
pub struct Walk<'s> {
    selection: &'s Selection,
    of_resource: Option<NarrowedMatcher<'s>>,
    of_scope: Option<NarrowedMatcher<'s>>,
}

impl Walk<'_> {
    /// Whether something below the place is meant, or the item itself.
    pub fn means(&mut self, place: &Place<'_>) -> bool {
        match place.depth() {
            _ if self.selection.is_all() => true,
            Depth::Resource => {
                self.of_resource = self.selection.of_resource(place.resource());
                self.of_resource.is_some()
            }
            Depth::Scope => {
                self.of_scope = self.of_resource.and_then(|it| it.of_scope(place.scope()));
                self.of_scope.is_some()
            }
            Depth::Item => self.of_scope.is_some_and(|it| it.item(place)),
            Depth::Child | Depth::Exemplar => true,
        }
    }
}

impl<'s> NarrowedMatcher<'s> {
    fn narrow(self, matches: impl Fn(&Matcher) -> bool) -> Option<Self> {
        if self.include.is_some_and(|it| !matches(it)) {
            return None;
        }
        Some(Self { exclude: self.exclude.filter(|it| matches(it)), ..self })
    }

    /// What can be meant below this scope.
    pub fn of_scope(self, scope: ScopeRef<'_>) -> Option<Self> {
        self.narrow(|it| it.libraries.iter().all(|it| it.matches(scope)))
    }

    fn decide(self, matches: impl Fn(&'s Matcher) -> bool) -> bool {
        self.include.is_none_or(&matches) && !self.exclude.is_some_and(&matches)
    }

    /// Whether a log record, span or metric is meant.
    pub fn item(self, place: &Place<'_>) -> bool {
        match place.signal() {
            Signal::Logs => place.log().is_some_and(|it| self.decide(|matcher| matcher.record(it))),
            Signal::Traces => {
                place.span().is_some_and(|it| self.decide(|matcher| matcher.span(it)))
            }
            Signal::Metrics => place.metric().is_some_and(|it| {
                self.decide(|matcher| {
                    matcher.names.as_ref().is_none_or(|names| names.matches(it.name()))
                })
            }),
        }
    }
}

/// One of `include` and `exclude`. All that is there must match.
#[derive(Debug)]
struct Matcher {
    services: Option<Texts>,
    resources: Vec<AttributeMatcher>,
    libraries: Vec<LibraryMatcher>,
    attributes: Vec<AttributeMatcher>,
    /// Of spans or metrics.
    names: Option<Texts>,
    kinds: Option<Texts>,
    bodies: Option<Texts>,
    severity_texts: Option<Texts>,
    severity_number: Option<SeverityNumber>,
}

/// A fault below a key that the Collector's text does not name. What is said of `match_type` is said of that key.
fn below(key: &str, mut fault: Fault) -> Fault {
    let inner: Vec<String> = fault.place.iter().map(ToString::to_string).collect();
    let lists = !["include", "exclude"].contains(&key);
    let path = match inner.first() {
        Some(first) if first == MATCH_TYPE && lists => first.clone(),
        _ => [&[key.to_owned()], &inner[..]].concat().join("::"),
    };
    fault.about(&path);
    fault
}

/// The key that says how texts are compared.
const MATCH_TYPE: &str = "match_type";

impl Matcher {
    fn new(config: &MatchProperties, signal: Signal) -> Result<Self, Fault> {
        match signal {
            Signal::Traces => check_for_spans(config)?,
            Signal::Logs => check_for_logs(config)?,
            Signal::Metrics => check_for_metrics(config)?,
        }
        let context = |key: &str, what: &str, fault: Fault| {
            let text = match what {
                "" => fault.text.clone(),
                what => format!("error creating {what} filters: {}", fault.text),
            };
            below(key, Fault { text, ..fault })
        };
        let texts = |list: &[String], what: &str, key: &str| -> Result<Option<Texts>, Fault> {
            if list.is_empty() {
                return Ok(None);
            }
            let made = Texts::new(list, &config.match_type);
            made.map(Some).map_err(|it| context(key, what, it))
        };
        let library = |(at, it): (usize, &Library)| {
            let part = |list: &[String], what: &str, key: &str| {
                let made = texts(list, what, key);
                // Each is a list of one, whose position is no place.
                made.map_err(|fault| match fault.place.first() {
                    Some(Step::Key(first)) if first == MATCH_TYPE => fault,
                    _ => below(
                        &format!("libraries::{at}::{key}"),
                        Fault { place: Vec::new(), ..fault },
                    ),
                })
            };
            Ok::<_, Fault>(LibraryMatcher {
                name: part(std::slice::from_ref(&it.name), "library name", "name")?,
                version: part(it.version.as_slice(), "library version", "version")?,
            })
        };
        let attributes = |list: &[Attribute], what: &str, key: &str| {
            let matchers = list.iter().enumerate().map(|(at, it)| {
                AttributeMatcher::new(it, &config.match_type)
                    .map_err(|fault| context(&format!("{key}::{at}"), what, fault))
            });
            matchers.collect::<Result<Vec<_>, _>>()
        };
        let names = match signal {
            Signal::Metrics => texts(&config.metric_names, "", "metric_names")?,
            _ => texts(&config.span_names, "span name", "span_names")?,
        };
        Ok(Self {
            libraries: config
                .libraries
                .iter()
                .enumerate()
                .map(library)
                .collect::<Result<_, _>>()?,
            attributes: attributes(&config.attributes, "attribute", "attributes")?,
            resources: attributes(&config.resources, "resource", "resources")?,
            services: texts(&config.services, "service name", "services")?,
            names,
            kinds: texts(&config.span_kinds, "span kind", "span_kinds")?,
            bodies: texts(&config.log_bodies, "log record body", "log_bodies")?,
            severity_texts: texts(
                &config.log_severity_texts,
                "log record severity text",
                "log_severity_texts",
            )?,
            severity_number: config.log_severity_number.clone(),
        })
    }

    fn resource(&self, resource: ResourceRef<'_>) -> bool {
        let service = self.services.as_ref().is_none_or(|services| {
            match resource.attributes().get("service.name") {
                Some(ValueRef::Str(name)) => services.matches(name),
                Some(other) => services.matches(&other.to_string()),
                None => services.matches("<nil-service-name>"),
            }
        });
        service && all_match(&self.resources, resource.attributes())
    }

    fn record(&self, record: LogRecord<'_>) -> bool {
        let body = self.bodies.as_ref().is_none_or(|bodies| match record.body() {
            Some(ValueRef::Str(body)) => bodies.matches(body),
            body => bodies.matches(&body.unwrap_or_default().to_string()),
        });
        body && self.severity_texts.as_ref().is_none_or(|it| it.matches(record.severity_text()))
            && self.severity_number.as_ref().is_none_or(|it| match record.severity_number() {
                0 => it.match_undefined,
                number => it.min <= number,
            })
            && all_match(&self.attributes, record.attributes())
    }

    fn span(&self, span: Span<'_>) -> bool {
        self.names.as_ref().is_none_or(|names| names.matches(span.name()))
            && self.kinds.as_ref().is_none_or(|kinds| {
                let kind = usize::try_from(span.kind()).ok().and_then(|it| SPAN_KINDS.get(it));
                kinds.matches(kind.copied().unwrap_or_default())
            })
            && all_match(&self.attributes, span.attributes())
    }
}

fn check_for_spans(it: &MatchProperties) -> Result<(), String> {
    let strays = [
        ("log_bodies", it.log_bodies.is_empty()),
        ("log_severity_texts", it.log_severity_texts.is_empty()),
        ("log_severity_number", it.log_severity_number.is_none()),
        ("metric_names", it.metric_names.is_empty()),
    ];
    if let Some((key, _)) = strays.iter().find(|(_, absent)| !absent) {
        return Err(format!("{key} should not be specified for trace spans"));
    }
    let texts = [&it.services, &it.span_names, &it.span_kinds];
    if texts.iter().all(|list| list.is_empty())
        && it.attributes.is_empty()
        && it.libraries.is_empty()
        && it.resources.is_empty()
    {
        return Err("at least one of \"attributes\", \"libraries\",  or \"resources\" field must \
                    be specified"
            .to_owned());
    }
    let mut standard: Vec<&str> = SPAN_KINDS.into_iter().skip(1).collect();
    if it.match_type == "strict" && it.span_kinds.iter().any(|it| !standard.contains(&it.as_str()))
    {
        standard.sort_unstable();
        return Err(format!(
            "span_kinds string must match one of the standard span kinds when \
             match_type=strict: [{}]",
            standard.join(" ")
        ));
    }
    Ok(())
}

fn check_for_logs(it: &MatchProperties) -> Result<(), String> {
    let strays = [&it.span_names, &it.services, &it.span_kinds, &it.metric_names];
    if strays.iter().any(|list| !list.is_empty()) {
        return Err("services, span_names, span_kinds and metric_names are not valid for log \
                    records"
            .to_owned());
    }
    if it.attributes.is_empty()
        && it.libraries.is_empty()
        && it.resources.is_empty()
        && it.log_bodies.is_empty()
        && it.log_severity_texts.is_empty()
        && it.log_severity_number.is_none()
    {
        return Err("at least one of \"attributes\", \"libraries\", \"span_kinds\", \
                    \"resources\", \"log_bodies\", \"log_severity_texts\" or \
                    \"log_severity_number\" field must be specified"
            .to_owned());
    }
    Ok(())
}

fn check_for_metrics(it: &MatchProperties) -> Result<(), String> {
    let strays =
        [&it.log_bodies, &it.log_severity_texts, &it.span_names, &it.services, &it.span_kinds];
    if strays.iter().any(|list| !list.is_empty())
        || !it.attributes.is_empty()
        || !it.libraries.is_empty()
        || it.log_severity_number.is_some()
    {
        return Err("\"span_names\", \"span_kinds\", \"log_bodies\", \"log_severity_texts\", \
                    \"log_severity_number\", \"services\", \"attributes\" and \"libraries\" are \
                    not valid for metrics"
            .to_owned());
    }
    if it.metric_names.is_empty() && it.resources.is_empty() {
        return Err(
            "at least one of \"metric_names\" or \"resources\" field must be specified".to_owned()
        );
    }
    Ok(())
}

/// Texts of which one must match.
#[derive(Debug)]
enum Texts {
    Strict(Vec<String>),
    Regexp(RegexSet),
}

impl Texts {
    fn new(list: &[String], match_type: &str) -> Result<Self, Fault> {
        match match_type {
            "strict" => Ok(Self::Strict(list.to_vec())),
            "regexp" => {
                // Each on its own first, so that a mistake is Go's.
                let ours = |(at, it): (usize, &String)| {
                    let made = go_regex(it, |it| Regex::new(it).map(|it| it.as_str().to_owned()));
                    made.map_err(|text| below(&at.to_string(), Fault::from(text)))
                };
                let list = list.iter().enumerate().map(ours).collect::<Result<Vec<_>, _>>()?;
                let set = RegexSet::new(list);
                set.map(Self::Regexp)
                    .map_err(|error| Fault::from(format!("error parsing regexp: {error}")))
            }
            other => Err(unrecognized(other)),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Strict(list) => list.iter().any(|it| it == text),
            Self::Regexp(set) => set.is_match(text),
        }
    }
}

fn unrecognized(match_type: &str) -> Fault {
    let text = format!("unrecognized match_type: '{match_type}', valid types are: [regexp strict]");
    let mut fault = Fault::from(text);
    fault.one_of(MATCH_TYPE, &["regexp", "strict"]);
    fault
}

/// An instrumentation scope that must match.
#[derive(Debug)]
struct LibraryMatcher {
    name: Option<Texts>,
    version: Option<Texts>,
}

impl LibraryMatcher {
    fn matches(&self, scope: ScopeRef<'_>) -> bool {
        self.name.as_ref().is_none_or(|it| it.matches(scope.name()))
            && self.version.as_ref().is_none_or(|it| it.matches(scope.version()))
    }
}

/// An attribute that must match.
#[derive(Debug)]
struct AttributeMatcher {
    key: String,
    value: ValueMatcher,
}

#[derive(Debug)]
enum ValueMatcher {
    Any,
    Is(ValueBuf),
    Matches(Texts),
}

fn all_match(list: &[AttributeMatcher], attributes: AttributesRef<'_>) -> bool {
    list.iter().all(|it| attributes.get(&it.key).is_some_and(|value| it.value.matches(value)))
}

impl AttributeMatcher {
    fn new(config: &Attribute, match_type: &str) -> Result<Self, Fault> {
        if config.key.is_empty() {
            return Err("can't have empty key in the list of attributes".into());
        }
        let constant = constant(&config.value);
        let value = match (match_type, constant.as_ref()) {
            _ if config.value == Value::Null => ValueMatcher::Any,
            ("strict", _) => ValueMatcher::Is(constant),
            ("regexp", ValueRef::Str(pattern)) => {
                let made = Texts::new(&[pattern.to_owned()], match_type);
                ValueMatcher::Matches(
                    made.map_err(|it| Fault { place: Vec::new(), ..it })
                        .map_err(|it| below("value", it))?,
                )
            }
            ("regexp", other) => {
                let text = format!(
                    "match_type=regexp for {:?} only supports Str, but found {}",
                    config.key,
                    other.type_name()
                );
                return Err(below("value", Fault::from(text)));
            }
            (other, _) => return Err(unrecognized(other)),
        };
        Ok(Self { key: config.key.clone(), value })
    }
}

impl ValueMatcher {
    fn matches(&self, value: ValueRef<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Is(constant) => match (constant.as_ref(), value) {
                // The order of keys does not matter, so compare what sorts them.
                (wanted @ ValueRef::Map(_), ValueRef::Map(_))
                | (wanted @ ValueRef::Array(_), ValueRef::Array(_)) => {
                    wanted.to_string() == value.to_string()
                }
                (wanted, value) => wanted == value,
            },
            Self::Matches(texts) => match value {
                ValueRef::Str(it) => texts.matches(it),
                ValueRef::Bool(it) => texts.matches(if it { "true" } else { "false" }),
                ValueRef::Int(it) => texts.matches(&it.to_string()),
                ValueRef::Double(it) => texts.matches(&it.to_string()),
                _ => false,
            },
        }
    }
}
