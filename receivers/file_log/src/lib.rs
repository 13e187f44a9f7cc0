//! Log files, followed and parsed.
//!
//! `lib/flow/fileconsumer` finds and follows the files and knows what was acknowledged; `lib/flow/stanza` makes log
//! records of their lines. This crate joins the two and gives them the Collector's configuration.

mod advice;
mod config;
mod header;
mod order;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use component::config::{Fault, Need};
use component::{
    BoxError, Component, Host, Outputs, Planned, Problems, Receiver, Settings, Signal, Stability,
    async_trait,
};
use fileconsumer::{
    Attributes, Compression, Encoding, Finder, Glob, Mode, OnCorrupt, OnTruncate, Splitter,
    StartAt, USUAL_ENCODINGS, parse_encoding,
};
use golang::go_regex;
use k8smeta::Enricher;
use logfiles::{BY_DEFAULT_INTERVAL, IN_FLIGHT_BYTES_MAX, Keeps, LogFiles, NO_STORAGE};
use regex::bytes::Regex;
use stanza::Pipeline;

pub use config::{Config, Header, Multiline, OrderingCriteria, Retry, SortBy};

/// The receiver.
pub struct FileLog {
    files: Arc<LogFiles>,
    metadata: Option<Arc<Enricher>>,
}

/// What the section says about files and lines, compiled.
#[derive(Clone)]
pub struct Plan {
    files: fileconsumer::Settings,
    header: Option<Pipeline>,
    pipeline: Pipeline,
    record_offset: bool,
    keeps: Keeps,
    metadata: Option<Arc<k8smeta::Plan>>,
}

impl Planned for Plan {
    type Section = Config;

    fn plan(config: Config, found: &mut Problems) -> Option<Self> {
        advice::without_effect(&config, found);
        // The Collector builds what reads the files first: it is the first of the operators.
        let files = match files(&config) {
            Ok(files) => {
                advice::nothing_to_read(&config, &files.finder, found);
                Some(files)
            }
            Err(fault) => {
                found.add(fault);
                None
            }
        };
        let header = config.header.as_ref().map(|it| header::compile(it, found));
        let pipeline = config.pipeline(found);
        if let Some(storage) = config.storage.as_ref().filter(|it| it.as_str() != NO_STORAGE) {
            found.needs("storage", Need::Storage(storage.to_string()));
        }
        advice::path_for_container(&config, found);
        let metadata = metadata(config.k8s_metadata.as_ref(), found);
        let mut plan = Self {
            files: files?,
            header: None,
            pipeline: pipeline?,
            record_offset: config.include_file_record_offset,
            keeps: Keeps::new(config.storage.as_ref()),
            metadata: metadata.ok()?,
        };
        if let Some(header) = header {
            let (pattern, operators) = header?;
            plan.files.header = Some(pattern);
            plan.header = Some(operators);
        }
        Some(plan)
    }
}

impl Receiver for FileLog {
    type Config = Plan;
    const TYPE: &'static str = "file_log";
    const ALIASES: &'static [&'static str] = &["filelog"];
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Logs, Stability::Beta)];

    fn create(settings: Settings, plan: Plan, out: Outputs) -> Result<Self, BoxError> {
        let Plan { files, header, pipeline, record_offset, keeps, metadata } = plan;
        let metadata = metadata.map(|it| Enricher::new(it, &settings.meter, Signal::Logs));
        let metadata = metadata.map(Arc::new);
        let out = match &metadata {
            Some(it) => out.finished_by(Arc::clone(it) as _),
            None => out,
        };
        let it = LogFiles { settings, files, header, pipeline, record_offset, keeps, out };
        Ok(Self { files: Arc::new(it), metadata })
    }
}

/// What is added to records of pods; an error where that cannot be worked out, which is said in `found`.
fn metadata(
    section: Option<&k8smeta::Config>,
    found: &mut Problems,
) -> Result<Option<Arc<k8smeta::Plan>>, ()> {
    let Some(section) = section else { return Ok(None) };
    let mut inside = Problems::default();
    component::Config::validate(section, &mut inside);
    let plan = k8smeta::Plan::new(section.clone().by_uid(), &mut inside);
    found.take(inside, |it| it.within("k8s_metadata"));
    let plan = plan.ok_or(())?;
    for (key, need) in plan.needs() {
        found.needs(format!("k8s_metadata::{key}"), need);
    }
    Ok(Some(Arc::new(plan)))
}

/// What the section says about files, checked, with the Collector's texts.
fn files(config: &Config) -> Result<fileconsumer::Settings, Fault> {
    if config.include.is_empty() {
        return Err(wrong("'include' must be specified", |it| {
            it.require("include", "[/var/log/*.log]")
        }));
    }
    refuse(config)?;
    let start_at = match config.start_at.as_str() {
        "beginning" => StartAt::Beginning,
        "end" => StartAt::End,
        other => {
            return Err(wrong(format!("invalid start_at location '{other}'"), |it| {
                it.one_of("start_at", &["beginning", "end"])
            }));
        }
    };
    let on_truncate = match config.on_truncate.as_str() {
        "ignore" | "read_whole_file" => OnTruncate::ReadWholeFile,
        "read_new" => OnTruncate::ReadNew,
        _ => {
            let text = "'on_truncate' must be one of: ignore, read_whole_file, read_new";
            return Err(wrong(text, |it| {
                it.one_of("on_truncate", &["ignore", "read_whole_file", "read_new"])
            }));
        }
    };
    let on_corrupt = match config.on_corrupt.as_str() {
        "beginning" => OnCorrupt::Beginning,
        "end" => OnCorrupt::End,
        "fail" => OnCorrupt::Fail,
        _ => {
            let text = "'on_corrupt' must be one of: beginning, end, fail";
            return Err(wrong(text, |it| it.one_of("on_corrupt", &["beginning", "end", "fail"])));
        }
    };
    let compression = match config.compression.as_str() {
        "" | "none" => Compression::None,
        "gzip" => Compression::Gzip,
        "auto" => Compression::Auto,
        other => {
            let text = format!("unsupported compression '{other}': use gzip or auto");
            return Err(wrong(text, |it| it.one_of("compression", &["gzip", "auto"])));
        }
    };
    let half = config.max_concurrent_files / 2;
    let first = (config.max_batches > 0).then(|| config.max_batches.saturating_mul(half.max(1)));
    let globs = |name: &str, list: &[String]| {
        let globs = list.iter().enumerate().map(|(at, pattern)| {
            let place = format!("{name}::{at}");
            Glob::new(pattern)
                .map_err(|error| wrong(format!("{name}: {error}"), |it| it.about(&place)))
        });
        globs.collect::<Result<Vec<Glob>, Fault>>()
    };
    let span = |it: component::config::Duration| Some(it.std()).filter(|it| !it.is_zero());
    Ok(fileconsumer::Settings {
        finder: Finder {
            include: globs("include", &config.include)?,
            exclude: globs("exclude", &config.exclude)?,
            exclude_older_than: span(config.exclude_older_than),
            ordering: order::compile(&config.ordering_criteria)
                .map_err(|it| it.within("ordering_criteria"))?,
            first: first.map(size),
        },
        start_at,
        on_corrupt,
        poll_interval: config.poll_interval.std(),
        splitter: splitter(config)?,
        flush_after: span(config.force_flush_period),
        fingerprint_bytes: size(config.fingerprint_size.0),
        open_files_max: size(config.max_concurrent_files),
        attributes: Attributes {
            name: config.include_file_name,
            path: config.include_file_path,
            name_resolved: config.include_file_name_resolved,
            path_resolved: config.include_file_path_resolved,
            owner_name: config.include_file_owner_name,
            owner_group_name: config.include_file_owner_group_name,
            permissions: config.include_file_permissions,
        },
        count_records: config.include_file_record_number,
        compression,
        header: None,
        delete_after_read: config.delete_after_read,
        lock: config.acquire_fs_lock,
        uncache: config.file_cache_advise,
        on_truncate,
        retry: fileconsumer::Retry {
            initial: config.retry_on_failure.initial_interval.std(),
            max: config.retry_on_failure.max_interval.std(),
            give_up_after: span(config.retry_on_failure.max_elapsed_time),
        },
        checkpoint_interval: match config.storage {
            Some(_) => std::time::Duration::ZERO,
            None => BY_DEFAULT_INTERVAL,
        },
        in_flight_bytes_max: IN_FLIGHT_BYTES_MAX,
    })
}

/// A mistake that upstream finds when it creates the receiver.
fn wrong(text: impl Into<String>, place: impl FnOnce(&mut Fault) -> &mut Fault) -> Fault {
    let mut fault = Fault::create(text);
    place(&mut fault);
    fault
}

/// `validate` has refused those that are negative.
fn size(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

/// What the section may not say.
fn refuse(config: &Config) -> Result<(), Fault> {
    let rules = [
        (
            config.fingerprint_size.0 < 16,
            "'fingerprint_size' must be at least 16 bytes",
            ("fingerprint_size", "1kb"),
        ),
        (config.max_log_size.0 <= 0, "'max_log_size' must be positive", ("max_log_size", "1MiB")),
        (
            config.max_concurrent_files < 1,
            "'max_concurrent_files' must be positive",
            ("max_concurrent_files", "1024"),
        ),
        (config.max_batches < 0, "'max_batches' must not be negative", ("max_batches", "0")),
        (
            config.header.is_some() && config.start_at == "end",
            "'header' cannot be specified with 'start_at: end'",
            ("start_at", "beginning"),
        ),
        (
            config.delete_after_read && config.start_at == "end",
            "'delete_after_read' cannot be used with 'start_at: end'",
            ("start_at", "beginning"),
        ),
    ];
    match rules.into_iter().find(|it| it.0) {
        Some((_, rule, (key, value))) => Err(wrong(rule, |it| it.set(key, value))),
        None => Ok(()),
    }
}

fn splitter(config: &Config) -> Result<Splitter, Fault> {
    let Multiline { line_start_pattern: start, line_end_pattern: end, omit_pattern } =
        &config.multiline;
    let of_multiline = |text: String| wrong(text, |it| it.about("multiline"));
    let encoding = parse_encoding(&config.encoding)
        .map_err(|text| wrong(text, |it| it.one_of("encoding", &USUAL_ENCODINGS)))?;
    let raw = encoding == Encoding::Nop;
    let written = [("line_end_pattern", end), ("line_start_pattern", start)];
    if let Some((key, _)) = written.into_iter().find(|(_, it)| raw && !it.is_empty()) {
        let text = format!("{key} should not be set when using nop encoding");
        return Err(wrong(text, |it| it.about(&format!("multiline::{key}"))));
    }
    let compile = |which: &str, text: &str| {
        // As upstream: its multi-line flag, and that flag in its texts.
        go_regex(&format!("(?m){text}"), Regex::new).map_err(|error| {
            let key = format!("multiline::line_{which}_pattern");
            wrong(format!("compile line {which} regex: {error}"), |it| it.about(&key))
        })
    };
    let mode = match (start.as_str(), end.as_str()) {
        _ if raw => Mode::None,
        ("", "") => Mode::Newline,
        (start, "") => Mode::Start { pattern: compile("start", start)?, omit: *omit_pattern },
        ("", end) => Mode::End { pattern: compile("end", end)?, omit: *omit_pattern },
        _ => {
            let text = "only one of line_start_pattern or line_end_pattern can be set";
            return Err(of_multiline(text.to_owned()));
        }
    };
    let truncate = match config.max_log_size_behavior.as_str() {
        "split" => false,
        "truncate" => true,
        _ => {
            let text = "'max_log_size_behavior' must be either 'split' or 'truncate'";
            return Err(wrong(text, |it| {
                it.one_of("max_log_size_behavior", &["split", "truncate"])
            }));
        }
    };
    Ok(Splitter {
        mode,
        max: size(config.max_log_size.0),
        truncate,
        encoding,
        keep_leading: config.preserve_leading_whitespaces,
        keep_trailing: config.preserve_trailing_whitespaces,
    })
}

#[async_trait]
impl Component for FileLog {
    async fn start(self: Arc<Self>, host: &Host) -> Result<(), BoxError> {
        let files = &self.files;
        if let Some(metadata) = &self.metadata {
            metadata.start(host, &files.settings.build, &files.settings.meter).await?;
        }
        Arc::clone(files).start(host)
    }
}
