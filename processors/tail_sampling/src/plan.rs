//! The section, compiled. What upstream says only when it starts is said with the place of it here.

use std::collections::HashSet;
use std::sync::Arc;

use component::Problems;
use component::config::Caution;
use golang::number::whole;
use ottl::{Conditions, Context, Error, Prefixes};

use crate::check::{Attribute, Check, Composite, Latency, Ottl, Part, Test, threshold};
use crate::config::{self, Config, SPAN_INGEST, Shared};
use crate::rate::{Bucket, PerSecond};

/// What all instances of a section share.
#[derive(Debug)]
pub struct Plan {
    pub(crate) config: Config,
    /// Those that drop come first.
    pub(crate) rules: Vec<Rule>,
}

/// A policy of the section.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) name: Arc<str>,
    /// What it keeps is dropped.
    pub(crate) drops: bool,
    /// As it is before the first trace.
    pub(crate) check: Check,
}

/// Types that stand in other policies, too.
const SIMPLE: &[&str] = &[
    "always_sample",
    "latency",
    "numeric_attribute",
    "probabilistic",
    "status_code",
    "string_attribute",
    "rate_limiting",
    "bytes_limiting",
    "span_count",
    "trace_state",
    "boolean_attribute",
    "ottl_condition",
    "trace_flags",
];
/// Types of which only some may stand in others.
const GROUPS: [&str; 4] = ["and", "not", "drop", "composite"];
/// Longest member of a trace state, key and value.
const MEMBER_BYTES_MAX: usize = 256;

/// Why a policy cannot be compiled.
struct Wrong {
    /// Below the policy, with `::` between the steps.
    place: String,
    text: String,
    remedy: Remedy,
}

enum Remedy {
    None,
    OneOf(Vec<&'static str>),
    /// Bytes of the text, and what may stand there.
    Part(std::ops::Range<usize>, Vec<String>),
}

impl Wrong {
    fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into(), remedy: Remedy::None }
    }

    fn within(mut self, above: &str) -> Self {
        self.place = format!("{above}::{}", self.place);
        self
    }
}

impl Plan {
    /// What is wrong keeps the component from starting, so it is made all the same.
    pub(crate) fn new(config: Config, found: &mut Problems) -> Self {
        let (mut rules, mut names) = (Vec::new(), HashSet::new());
        for (at, policy) in config.policies.iter().enumerate() {
            let (name, place) = (policy.shared.name.as_str(), format!("policies::{at}"));
            if name.is_empty() {
                let text = "policy name cannot be empty";
                found.at_start("", text).require(&format!("{place}::name"), format!("policy-{at}"));
            } else if !names.insert(name) {
                let text = format!("duplicate policy name {name:?}");
                found.at_start("", text).about(&format!("{place}::name"));
            }
            match compile(policy) {
                Ok(check) if config.at_ingest() && check.is_stateful() => {
                    let text = format!(
                        "sampling_strategy {SPAN_INGEST:?} requires all policies to be stateless, but policy {name:?} is stateful"
                    );
                    found.at_start("", text).about(&format!("{place}::type"));
                }
                Ok(check) => {
                    let drops = policy.shared.type_name == "drop";
                    rules.push(Rule { name: name.into(), drops, check });
                }
                Err(wrong) => say(found, name, &place, wrong),
            }
            warn(policy, &place, found);
        }
        // As upstream: a trace that is dropped need not be asked about further.
        rules.sort_by_key(|it| !it.drops);
        Self { config, rules }
    }
}

fn say(found: &mut Problems, name: &str, place: &str, wrong: Wrong) {
    let text = format!("failed to create policy evaluator for {name:?}: {}", wrong.text);
    let (fault, place) = (found.at_start("", text), format!("{place}::{}", wrong.place));
    match wrong.remedy {
        Remedy::None => fault.about(&place),
        Remedy::OneOf(values) => fault.one_of(&place, &values),
        Remedy::Part(span, values) => fault.part(&place, span, values),
    };
}

/// Upstream does not look at `policy_order`.
fn warn(policy: &config::Policy, place: &str, found: &mut Problems) {
    let composite = &policy.composite;
    let listed = composite.composite_sub_policy.iter().map(|it| &it.shared.name);
    if policy.shared.type_name == "composite"
        && !composite.policy_order.is_empty()
        && !composite.policy_order.iter().eq(listed)
    {
        let why =
            "policy_order has no effect: policies are asked in the order of composite_sub_policy";
        found.warn(Caution::NoEffect, "", why).remove(&format!("{place}::composite::policy_order"));
    }
}

fn compile(policy: &config::Policy) -> Result<Check, Wrong> {
    match policy.shared.type_name.as_str() {
        "composite" => composite(&policy.composite).map_err(|it| it.within("composite")),
        "and" => all(&policy.and.and_sub_policy, "and::and_sub_policy"),
        "not" => {
            let inner = simple(&policy.not.not_sub_policy);
            let inner = inner.map_err(|it| it.within("not::not_sub_policy"))?;
            Ok(Check::Not(Box::new(inner)))
        }
        "drop" => all(&policy.drop.drop_sub_policy, "drop::drop_sub_policy"),
        _ => simple_or(&policy.shared, &GROUPS),
    }
}

fn all(policies: &[Shared], place: &str) -> Result<Check, Wrong> {
    let each = policies.iter().enumerate();
    let each =
        each.map(|(at, it)| simple(it).map_err(|wrong| wrong.within(&format!("{place}::{at}"))));
    Ok(Check::And(each.collect::<Result<_, _>>()?))
}

fn composite(config: &config::Composite) -> Result<Check, Wrong> {
    let spans_max = config.max_total_spans_per_second;
    let policies = &config.composite_sub_policy;
    let part = |(at, policy): (usize, &config::CompositeSubPolicy)| {
        let check = match policy.shared.type_name.as_str() {
            "and" => all(&policy.and.and_sub_policy, "and::and_sub_policy"),
            _ => simple_or(&policy.shared, &GROUPS[..1]),
        };
        let check = check.map_err(|it| it.within(&format!("composite_sub_policy::{at}")))?;
        let name = &policy.shared.name;
        let allocated = config.rate_allocation.iter().rfind(|it| it.policy == *name);
        let spans_max = allocated.map_or(0, |it| share(it.percent, spans_max, policies.len()));
        Ok(Part { name: name.as_str().into(), check, spans_max, kept: 0 })
    };
    let parts = policies.iter().enumerate().map(part).collect::<Result<_, _>>()?;
    Ok(Check::Composite(Composite { spans_max, second: 0, parts }))
}

/// Spans in a second, rounded as upstream does it.
fn share(percent: i64, total: i64, parts: usize) -> i64 {
    let total = total as f64;
    whole(if percent > 0 { percent as f64 / 100.0 * total } else { total / parts as f64 })
}

fn simple(policy: &Shared) -> Result<Check, Wrong> {
    simple_or(policy, &[])
}

/// A policy that needs no others, in a place where `more` may stand as well.
fn simple_or(policy: &Shared, more: &[&'static str]) -> Result<Check, Wrong> {
    Ok(match policy.type_name.as_str() {
        "always_sample" => Check::Always,
        "latency" => Check::Latency(Latency {
            over_ms: policy.latency.threshold_ms,
            upto_ms: policy.latency.upper_threshold_ms,
        }),
        "numeric_attribute" => number(&policy.numeric_attribute)?,
        "probabilistic" => {
            let config::Probabilistic { hash_salt, sampling_percentage } = &policy.probabilistic;
            let salt = if hash_salt.is_empty() { "default-hash-seed" } else { hash_salt };
            let threshold = threshold(*sampling_percentage);
            Check::Probabilistic { salt: salt.to_owned(), threshold }
        }
        "status_code" => status(&policy.status_code)?,
        "string_attribute" => text(&policy.string_attribute)?,
        "rate_limiting" => match &policy.rate_limiting {
            it if it.burst_capacity > 0 => {
                Check::SpanBucket(Bucket::new(it.spans_per_second, it.burst_capacity))
            }
            it => Check::SpansPerSecond(PerSecond::new(it.spans_per_second)),
        },
        "bytes_limiting" => {
            let config::BytesLimiting { bytes_per_second, burst_capacity } = policy.bytes_limiting;
            let twice = bytes_per_second.saturating_mul(2);
            let burst = if burst_capacity > 0 { burst_capacity } else { twice };
            Check::ByteBucket(Bucket::new(bytes_per_second, burst))
        }
        "span_count" => {
            let count = |it: i32| u64::try_from(it).unwrap_or(0);
            let config::SpanCount { min_spans, max_spans } = policy.span_count;
            let max = if max_spans == 0 { u64::MAX } else { count(max_spans) };
            Check::SpanCount(count(min_spans)..=max)
        }
        "trace_state" => {
            let config::TraceState { key, values } = &policy.trace_state;
            let fits = |it: &&String| !it.is_empty() && key.len() + it.len() < MEMBER_BYTES_MAX;
            let values = values.iter().filter(fits).cloned().collect();
            Check::TraceState { key: key.clone(), values }
        }
        "boolean_attribute" => {
            let config::BooleanAttribute { key, value, invert_match } = &policy.boolean_attribute;
            attribute(key, Test::Bool(*value), *invert_match)
        }
        "ottl_condition" => ottl_condition(&policy.ottl_condition)?,
        "trace_flags" => Check::TraceFlags,
        unknown => {
            let text = format!("unknown sampling policy type {unknown}");
            let known = SIMPLE.iter().chain(more).copied().collect();
            return Err(Wrong { place: "type".to_owned(), text, remedy: Remedy::OneOf(known) });
        }
    })
}

fn attribute(key: &str, test: Test, invert: bool) -> Check {
    Check::Attribute(Attribute { key: key.to_owned(), test, invert })
}

/// Without any limit upstream dies with the first trace.
fn number(config: &config::NumericAttribute) -> Result<Check, Wrong> {
    let config::NumericAttribute { key, min_value, max_value, invert_match } = config;
    if *min_value == 0 && *max_value == 0 {
        let text = "at least one of min_value or max_value must be set, and not to 0";
        return Err(Wrong::new("numeric_attribute::min_value", text));
    }
    let limit = |it: i64, none| if it == 0 { none } else { it };
    let range = limit(*min_value, i64::MIN)..=limit(*max_value, i64::MAX);
    Ok(attribute(key, Test::Number(range), *invert_match))
}

fn status(config: &config::StatusCode) -> Result<Check, Wrong> {
    const CODES: [&str; 3] = ["UNSET", "OK", "ERROR"];
    if config.status_codes.is_empty() {
        let text = "expected at least one status code to filter on";
        return Err(Wrong::new("status_code::status_codes", text));
    }
    let code = |(at, word): (usize, &String)| {
        let code = CODES.iter().position(|it| it == word).and_then(|it| i32::try_from(it).ok());
        code.ok_or_else(|| Wrong {
            place: format!("status_code::status_codes::{at}"),
            text: format!("unknown status code {word:?}, supported: OK, ERROR, UNSET"),
            remedy: Remedy::OneOf(CODES.to_vec()),
        })
    };
    let codes = config.status_codes.iter().enumerate().map(code);
    Ok(Check::StatusCode(codes.collect::<Result<_, _>>()?))
}

fn text(config: &config::StringAttribute) -> Result<Check, Wrong> {
    let config::StringAttribute { key, values, enabled_regex_matching, invert_match, .. } = config;
    let test = if *enabled_regex_matching {
        let pattern = |(at, text): (usize, &String)| {
            golang::regexp::compile(text).map_err(|mistake| Wrong {
                place: format!("string_attribute::values::{at}"),
                text: format!("invalid regex `{text}`: {mistake}"),
                remedy: mistake.at.map_or(Remedy::None, |it| Remedy::Part(it, Vec::new())),
            })
        };
        Test::Pattern(values.iter().enumerate().map(pattern).collect::<Result<_, _>>()?)
    } else {
        Test::Text(values.iter().filter(|it| !it.is_empty()).cloned().collect())
    };
    Ok(attribute(key, test, *invert_match))
}

fn ottl_condition(config: &config::OttlCondition) -> Result<Check, Wrong> {
    if config.span.is_empty() && config.spanevent.is_empty() {
        let text = "expected at least one OTTL condition to filter on";
        return Err(Wrong::new("ottl_condition::span", text));
    }
    let list = |texts: &[String], context: Context| {
        if texts.is_empty() {
            return Ok(None);
        }
        let mode = config.error_mode.mode();
        let wrong = |errors: Vec<(usize, Error)>| {
            let place = |at| format!("ottl_condition::{}::{at}", context.name());
            match errors.into_iter().next() {
                Some((at, Error { message, span, candidates })) => Wrong {
                    place: place(at),
                    text: message,
                    remedy: Remedy::Part(span, candidates),
                },
                None => Wrong::new(place(0), "it cannot be read"),
            }
        };
        Conditions::new(texts, context, Prefixes::Optional, mode).map(Some).map_err(wrong)
    };
    let span = list(&config.span, Context::Span)?;
    let event = list(&config.spanevent, Context::SpanEvent)?;
    Ok(Check::Ottl(Arc::new(Ottl { span, event })))
}
