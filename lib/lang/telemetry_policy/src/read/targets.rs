//! `log`, `metric` and `trace`: what a policy concerns and does.

use confmap::{Data, Entry, Node};
use golang::number::whole_unsigned;
use pdata::Signal;

use super::{PARTS_MAX, Read, Reader, Wrong, fields, snake};
use crate::keep::{Keep, Mode, PRECISION, PRECISION_MAX, Probability};
use crate::model::{Change, Field, Matcher, Operation, Target, Transform};
use crate::number;
use crate::redact::{Pattern, REDACTED};

/// Stages of a transform as the document names them.
const STAGES: &[&str] = &["remove", "redact", "rename", "add"];

impl Reader {
    pub(super) fn target(&mut self, signal: Signal, node: &Node) -> Read<Target> {
        let at = match signal {
            Signal::Logs => "log",
            Signal::Metrics => "metric",
            Signal::Traces => "trace",
        };
        let Data::Map(entries) = &node.data else {
            return Err(self.wrong(
                &node.origin,
                format!("{at} must be a map"),
                "write match: and keep:",
            ));
        };
        let known: &[&str] = match signal {
            Signal::Logs => &["match", "keep", "sample_key", "transform"],
            _ => &["match", "keep"],
        };
        let value = |key: &str| entries.iter().find(|it| snake(&it.key) == key).map(|it| &it.value);
        for entry in entries.iter().filter(|it| !known.contains(&snake(&it.key).as_str())) {
            self.unknown(entry, at, known);
        }
        let keep = self.keep(signal, value("keep"), node);
        let sample_key = match value("sample_key").filter(|_| signal == Signal::Logs) {
            Some(it) => self.log_field(it, "log: sample_key", "").map(Some),
            None => Ok(None),
        };
        let matchers = self.matchers(signal, value("match"), node, at);
        let transform = match value("transform").filter(|_| signal == Signal::Logs) {
            Some(it) => self.transform(it),
            None => Ok(Transform::default()),
        };
        Ok(Target {
            signal,
            matchers: matchers?,
            keep: keep?,
            sample_key: sample_key?,
            transform: transform?,
        })
    }

    fn matchers(
        &mut self,
        signal: Signal,
        list: Option<&Node>,
        target: &Node,
        at: &str,
    ) -> Read<Vec<Matcher>> {
        let empty = |it: &mut Self, place: &Node| {
            let help = "a policy needs at least one matcher";
            Err(it.wrong(&place.origin, format!("{at}: match is empty"), help))
        };
        let Some(list) = list else { return empty(self, target) };
        let items = self.list(list, &format!("{at}: match"))?;
        if items.is_empty() {
            return empty(self, list);
        }
        let read = items.iter().enumerate();
        let read =
            read.map(|(index, it)| self.matcher(it, signal, &format!("{at}: match[{index}]")));
        // All mistakes are looked for, not just the first.
        read.collect::<Vec<_>>().into_iter().collect()
    }

    fn keep(&mut self, signal: Signal, node: Option<&Node>, target: &Node) -> Read<Keep> {
        match (signal, node) {
            (Signal::Logs, None) => Ok(Keep::All),
            (Signal::Logs, Some(node)) => self.keep_logs(node),
            (Signal::Metrics, Some(Node { data: Data::Bool(it), .. })) => {
                Ok(if *it { Keep::All } else { Keep::None })
            }
            (Signal::Metrics, node) => {
                let origin = &node.unwrap_or(target).origin;
                Err(self.wrong(
                    origin,
                    "metric: keep: must be true or false",
                    "false drops what matches",
                ))
            }
            (Signal::Traces, Some(node)) => self.keep_spans(node),
            (Signal::Traces, None) => {
                let help = "write keep: {percentage: 50}";
                Err(self.wrong(&target.origin, "trace: keep: percentage is required", help))
            }
        }
    }

    fn keep_logs(&mut self, node: &Node) -> Read<Keep> {
        let keep = match &node.data {
            Data::Null => Some(Keep::All),
            Data::Bool(it) => Some(if *it { Keep::All } else { Keep::None }),
            Data::String(it) => Keep::parse(it),
            Data::Map(_) => match node.get("percentage").map(|it| &it.data) {
                Some(Data::Int(it)) => Keep::percent(*it as f64),
                Some(Data::Float(it)) => Keep::percent(*it),
                _ => None,
            },
            _ => None,
        };
        keep.ok_or_else(|| {
            let given = match &node.data {
                Data::String(it) => format!("{it:?}"),
                Data::Int(it) => it.to_string(),
                Data::Float(it) => it.to_string(),
                _ => "of this type".to_owned(),
            };
            let help = "write all, none, a share like 10%, or a rate like 100/s, 1/5s, 10/m";
            self.wrong(&node.origin, format!("log: keep: invalid value {given}"), help)
        })
    }

    fn keep_spans(&mut self, node: &Node) -> Read<Keep> {
        let at = "trace: keep";
        let Data::Map(entries) = &node.data else {
            let help = "write keep: {percentage: 50}";
            return Err(self.wrong(&node.origin, format!("{at}: must be a map"), help));
        };
        let (mode, precision) = (Mode::HashSeed, PRECISION);
        let mut of =
            Probability { percentage: f64::NAN, mode, precision, hash_seed: 0, fail_closed: true };
        for entry in entries {
            self.keep_part(entry, at, &mut of)?;
        }
        if of.percentage.is_nan() {
            let text = format!("{at}: percentage is required");
            return Err(self.wrong(&node.origin, text, "write the share that stays, 0 to 100"));
        }
        Ok(match of.percentage {
            it if it >= 100.0 => Keep::All,
            it if it <= 0.0 => Keep::None,
            _ => Keep::Probability(of),
        })
    }

    fn keep_part(&mut self, entry: &Entry, at: &str, of: &mut Probability) -> Read<()> {
        let (key, value) = (snake(&entry.key), &entry.value);
        let number = match value.data {
            Data::Int(it) => Some(it as f64),
            Data::Float(it) => Some(it),
            _ => None,
        };
        match key.as_str() {
            "percentage" => {
                // Protobuf holds a float of 32 bits: other implementations see no more of it.
                let share = number.map(number::single).filter(|it| *it >= 0.0);
                of.percentage = share.ok_or_else(|| {
                    let text = format!("{at}: percentage must be between 0 and 100");
                    self.wrong(&value.origin, text, "100 and more keeps all")
                })?;
            }
            "mode" => {
                let text = self.text(value, &format!("{at}: mode"))?.to_ascii_lowercase();
                of.mode = match text.strip_prefix("sampling_mode_").unwrap_or(&text) {
                    "hash_seed" | "unspecified" => Mode::HashSeed,
                    "proportional" => Mode::Proportional,
                    "equalizing" => Mode::Equalizing,
                    _ => {
                        let help = "there are hash_seed, proportional, equalizing";
                        return Err(self.wrong(
                            &value.origin,
                            format!("{at}: unknown mode {text:?}"),
                            help,
                        ));
                    }
                };
            }
            "sampling_precision" => {
                let fits = number.filter(|it| (1.0..=PRECISION_MAX as f64).contains(it));
                of.precision = fits
                    .and_then(|it| usize::try_from(whole_unsigned(it)).ok())
                    .ok_or_else(|| {
                        let text = format!(
                            "{at}: sampling_precision must be between 1 and {PRECISION_MAX}"
                        );
                        self.wrong(&value.origin, text, "")
                    })?;
            }
            "hash_seed" => {
                let fits = number.filter(|it| (0.0..=f64::from(u32::MAX)).contains(it));
                of.hash_seed = fits
                    .and_then(|it| u32::try_from(whole_unsigned(it)).ok())
                    .ok_or_else(|| {
                        let text = format!("{at}: hash_seed must be between 0 and {}", u32::MAX);
                        self.wrong(&value.origin, text, "")
                    })?;
            }
            "fail_closed" => of.fail_closed = self.boolean(value, &format!("{at}: fail_closed"))?,
            _ => {
                let known =
                    ["percentage", "mode", "sampling_precision", "hash_seed", "fail_closed"];
                return Err(self.unknown(entry, at, &known));
            }
        }
        Ok(())
    }

    fn transform(&mut self, node: &Node) -> Read<Transform> {
        let at = "log: transform";
        let mut operations = Vec::new();
        let mut count = 0;
        let mut failed = false;
        for entry in node.entries() {
            let key = snake(&entry.key);
            if !STAGES.contains(&key.as_str()) {
                self.unknown(entry, at, STAGES);
                failed = true;
                continue;
            }
            let items = self.list(&entry.value, &format!("{at}: {key}"))?;
            count += items.len();
            for (index, item) in items.iter().enumerate() {
                match self.operation(item, &key, &format!("{at}: {key}[{index}]")) {
                    Ok(operation) => {
                        let stage = STAGES.iter().position(|it| *it == key);
                        operations.push((stage, operation));
                    }
                    Err(Wrong) => failed = true,
                }
            }
        }
        if count > PARTS_MAX {
            let text = format!("{at}: there are {count} changes, at most {PARTS_MAX}");
            return Err(self.wrong(&node.origin, text, "make several policies of it"));
        }
        operations.sort_by_key(|it| it.0);
        let operations = operations.into_iter().map(|it| it.1).collect();
        if failed { Err(Wrong) } else { Ok(Transform { operations }) }
    }

    fn operation(&mut self, node: &Node, stage: &str, at: &str) -> Read<Operation> {
        let (prefix, others): (&str, &[&str]) = match stage {
            "remove" => ("", &[]),
            "redact" => ("", &["replacement", "regex"]),
            "rename" => ("from_", &["to", "upsert"]),
            _ => ("", &["value", "upsert"]),
        };
        let value =
            |key: &str| node.entries().iter().find(|it| snake(&it.key) == key).map(|it| &it.value);
        let field = self.field_beside(node, at, prefix, others)?;
        let upsert = match value("upsert") {
            Some(it) => self.boolean(it, &format!("{at}: upsert"))?,
            None => false,
        };
        let text = |it: &mut Self, key: &str| match value(key) {
            Some(node) => it.text(node, &format!("{at}: {key}")).map(|it| Some(it.to_owned())),
            None => Ok(None),
        };
        let change = match stage {
            "remove" => Change::Remove,
            "redact" => {
                let template = text(self, "replacement")?.unwrap_or_else(|| REDACTED.to_owned());
                match value("regex") {
                    None => Change::Mask(template),
                    Some(it) => {
                        let (pattern, regex) = self.regex(it, at, false)?;
                        let compiled = Pattern::new(regex, &template);
                        Change::Redact { pattern, template, compiled }
                    }
                }
            }
            "rename" => match text(self, "to")?.filter(|it| !it.is_empty()) {
                Some(to) => Change::Rename { to, upsert },
                None => {
                    return Err(self.wrong(
                        &node.origin,
                        format!("{at}: to is empty"),
                        "write the new key",
                    ));
                }
            },
            _ => match text(self, "value")? {
                Some(value) => Change::Add { value, upsert },
                None => {
                    return Err(self.wrong(&node.origin, format!("{at}: value is required"), ""));
                }
            },
        };
        Ok(Operation { field, change })
    }

    /// The one field of a map that has nothing else.
    fn log_field(&mut self, node: &Node, at: &str, prefix: &str) -> Read<Field> {
        self.field_beside(node, at, prefix, &[])
    }

    fn field_beside(
        &mut self,
        node: &Node,
        at: &str,
        prefix: &str,
        others: &[&str],
    ) -> Read<Field> {
        let mut field = None;
        for entry in node.entries() {
            let key = snake(&entry.key);
            let selector = key.strip_prefix(prefix).filter(|it| fields::LOG.contains(it));
            match selector.and_then(|it| self.selector(it, entry, at)) {
                Some(_) if field.is_some() => {
                    let text = format!("{at}: more than one field set");
                    return Err(self.wrong(&entry.key_origin, text, "make an entry of each"));
                }
                Some(it) => field = Some(it?),
                None if others.contains(&key.as_str()) => {}
                None => {
                    let selectors = fields::LOG.iter().map(|it| format!("{prefix}{it}"));
                    let selectors: Vec<String> = selectors.collect();
                    let known = selectors.iter().map(String::as_str).chain(others.iter().copied());
                    return Err(self.unknown(entry, at, &known.collect::<Vec<_>>()));
                }
            }
        }
        field.ok_or_else(|| {
            let help = format!("write one of {prefix}{}", fields::LOG.join(&format!(", {prefix}")));
            self.wrong(&node.origin, format!("{at}: no field set"), &help)
        })
    }
}
