//! The section and its defaults. `receiver/filelogreceiver`, `pkg/stanza/fileconsumer/config.go`, v0.156.

use std::collections::BTreeMap;

use component::config::{Duration, Stage, Tagged};
use component::{Id, Problems};
use fileconsumer::{Encoding, parse_encoding};
use serde::{Deserialize, Serialize};
use stanza::{Body, ByteSize, OperatorConfig, Options, Pipeline};

/// `receivers: file_log:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
#[expect(clippy::struct_excessive_bools, reason = "upstream's keys")]
#[config(go = "filelogreceiver.FileLogConfig")]
pub struct Config {
    /// Files to follow: `*`, `?`, `[...]`, `{a,b}`, `**`. Required.
    #[config(omit_empty)]
    pub include: Vec<String>,
    /// Of these, files to leave alone.
    #[config(omit_empty)]
    pub exclude: Vec<String>,
    /// Files that were not written for this long are left alone. Default 0: none.
    pub exclude_older_than: Duration,
    /// beginning or end, for files that are there at the start and that no checkpoint knows. Default end.
    #[config(omit_empty)]
    pub start_at: String,
    /// beginning, end or fail: what becomes of files of which a damaged store says nothing. Default beginning: lines
    /// may come twice; end: lines may be lost; fail: the collector does not start.
    #[config(omit_empty)]
    #[config(omit_default)]
    pub on_corrupt: String,
    /// How often to look where the kernel cannot tell what changed. Default 200ms.
    #[config(omit_empty)]
    pub poll_interval: Duration,
    /// First bytes that tell files apart, at least 16. Default 1000.
    #[config(omit_empty)]
    pub fingerprint_size: ByteSize,
    /// Accepted, without effect: blocks of 256 KiB are read.
    #[config(omit_empty)]
    pub initial_buffer_size: ByteSize,
    /// Longest record in bytes. Default 1 MiB.
    #[config(omit_empty)]
    pub max_log_size: ByteSize,
    /// What becomes of a longer one: split or truncate. Default split.
    #[config(omit_empty)]
    pub max_log_size_behavior: String,
    /// Most files open at the same time. Default 1024.
    #[config(omit_empty)]
    pub max_concurrent_files: i64,
    /// Only so many times half of `max_concurrent_files` are read: the first ones. Default 0: all.
    #[config(omit_empty)]
    pub max_batches: i64,
    /// Of the files. Default utf-8.
    #[config(omit_empty)]
    pub encoding: String,
    /// Records of several lines.
    #[config(omit_empty)]
    pub multiline: Multiline,
    /// A line without an end is a record when the file has not grown for this long; 0 is never. Default 500ms.
    #[config(omit_empty)]
    pub force_flush_period: Duration,
    /// Keeps blanks at the start of a record. Default false.
    #[config(omit_empty)]
    pub preserve_leading_whitespaces: bool,
    /// Keeps blanks at the end of a record. Default false.
    #[config(omit_empty)]
    pub preserve_trailing_whitespaces: bool,
    /// Adds `log.file.name`. Default true.
    #[config(omit_empty)]
    pub include_file_name: bool,
    /// Adds `log.file.path`. Default false.
    #[config(omit_empty)]
    pub include_file_path: bool,
    /// Adds `log.file.name_resolved`. Default false.
    #[config(omit_empty)]
    pub include_file_name_resolved: bool,
    /// Adds `log.file.path_resolved`. Default false.
    #[config(omit_empty)]
    pub include_file_path_resolved: bool,
    /// Adds `log.file.owner.name`. Default false.
    #[config(omit_empty)]
    pub include_file_owner_name: bool,
    /// Adds `log.file.owner.group.name`. Default false.
    #[config(omit_empty)]
    pub include_file_owner_group_name: bool,
    /// Adds `log.file.permissions`. Default false.
    #[config(omit_empty)]
    pub include_file_permissions: bool,
    /// Adds `log.file.record_number`. Default false.
    #[config(omit_empty)]
    pub include_file_record_number: bool,
    /// Adds `log.file.record_offset`. Default false.
    #[config(omit_empty)]
    pub include_file_record_offset: bool,
    /// gzip: all files are; auto: those that begin as gzip does, whatever their names. Default none.
    #[config(omit_empty)]
    pub compression: String,
    /// Which of the matching files are read. Default all.
    #[config(omit_empty)]
    pub ordering_criteria: OrderingCriteria,
    /// Lines at the start of a file that describe it. Default none.
    #[config(omit_empty)]
    pub header: Option<Header>,
    /// Removes a file when all of it is acknowledged. Default false.
    #[config(omit_empty)]
    pub delete_after_read: bool,
    /// Accepted, without effect: what a checkpoint knows is kept as long as the file is there.
    #[config(omit_empty)]
    pub polls_to_archive: i64,
    /// Leaves files alone that somebody holds a lock on. Default false.
    #[config(omit_empty)]
    pub acquire_fs_lock: bool,
    /// Tells the kernel to drop what was read from its cache. Default false.
    #[config(omit_empty)]
    pub file_cache_advise: bool,
    /// What a shorter file means: `read_whole_file`, `read_new`, or ignore (as `read_whole_file`). Default ignore.
    #[config(omit_empty)]
    #[config(omit_default)]
    pub on_truncate: String,
    /// What becomes of each record.
    pub operators: Vec<Tagged<OperatorConfig>>,
    /// Adds what is known of the pod of each record; the keys of `k8s_attributes`. Default: nothing.
    #[config(omit_empty)]
    pub k8s_metadata: Option<k8smeta::Config>,
    /// A storage extension that keeps the offsets. Default: the collector's own directory, when one can be written;
    /// `none` keeps them in memory only.
    #[config(go = "struct")]
    pub storage: Option<Id>,
    /// Waits between attempts to deliver.
    pub retry_on_failure: Retry,
    /// Added to every record; may hold `EXPR(...)`.
    #[config(go = "map[string]helper.ExprStringConfig")]
    pub attributes: BTreeMap<String, String>,
    /// Added to the resource of every record; may hold `EXPR(...)`.
    #[config(go = "map[string]helper.ExprStringConfig")]
    pub resource: BTreeMap<String, String>,
    /// Accepted, without effect.
    pub id: String,
    /// Accepted, without effect.
    #[serde(rename = "type")]
    pub kind: String,
    /// The operators that get the records. Default: the first.
    pub output: Vec<String>,
}

/// `multiline:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
pub struct Multiline {
    /// Begins each record.
    pub line_start_pattern: String,
    /// Ends each record.
    pub line_end_pattern: String,
    /// Leaves the match out of the record.
    pub omit_pattern: bool,
}

/// `ordering_criteria:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct OrderingCriteria {
    /// Its named groups are what `sort_by` sorts by; a file without them is left out.
    #[config(omit_empty)]
    pub regex: String,
    /// Files that are read, per group. Default 0: 1 with `sort_by` or `group_by`.
    #[config(omit_empty)]
    pub top_n: i64,
    /// Its first group tells the groups of files apart; a file without it is left out.
    #[config(omit_empty)]
    pub group_by: String,
    /// The first rule is the primary one.
    #[config(omit_empty)]
    pub sort_by: Vec<SortBy>,
}

/// One entry of `sort_by:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct SortBy {
    /// numeric, alphabetical, timestamp or mtime. Required.
    #[config(omit_empty)]
    pub sort_type: String,
    /// A named group of `regex`. Required but for mtime.
    #[config(omit_empty)]
    pub regex_key: String,
    /// Smallest first. Default false.
    #[config(omit_empty)]
    pub ascending: bool,
    /// timestamp: its layout in strptime's letters. Required there.
    #[config(omit_empty)]
    pub layout: String,
    /// timestamp: a place of the time zone database. All files share it, so it does not change their order.
    #[config(omit_empty)]
    pub location: String,
}

/// `header:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
pub struct Header {
    /// What a line of the header matches. The first that does not is the first record.
    pub pattern: String,
    /// Make attributes of each line of the header; every record of the file has them.
    pub metadata_operators: Vec<Tagged<OperatorConfig>>,
}

/// `retry_on_failure:`
#[derive(Debug, Clone, Serialize, Deserialize, config::Described)]
pub struct Retry {
    /// Accepted, without effect: what can be read again is always tried again. Default false.
    pub enabled: bool,
    /// Before the second attempt. Default 1s.
    pub initial_interval: Duration,
    /// At most. Default 30s.
    pub max_interval: Duration,
    /// Data is given up and counted after this; 0 is never. Default 0; upstream 5m.
    pub max_elapsed_time: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            enabled: false,
            initial_interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(30),
            max_elapsed_time: Duration::ZERO,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            include: Vec::new(),
            exclude: Vec::new(),
            exclude_older_than: Duration::ZERO,
            start_at: "end".into(),
            on_corrupt: "beginning".into(),
            poll_interval: Duration::from_millis(200),
            fingerprint_size: ByteSize(1000),
            initial_buffer_size: ByteSize(16 * 1024),
            max_log_size: ByteSize(1 << 20),
            max_log_size_behavior: "split".into(),
            max_concurrent_files: 1024,
            max_batches: 0,
            encoding: "utf-8".into(),
            multiline: Multiline::default(),
            force_flush_period: Duration::from_millis(500),
            preserve_leading_whitespaces: false,
            preserve_trailing_whitespaces: false,
            include_file_name: true,
            include_file_path: false,
            include_file_name_resolved: false,
            include_file_path_resolved: false,
            include_file_owner_name: false,
            include_file_owner_group_name: false,
            include_file_permissions: false,
            include_file_record_number: false,
            include_file_record_offset: false,
            compression: String::new(),
            ordering_criteria: OrderingCriteria::default(),
            header: None,
            delete_after_read: false,
            polls_to_archive: 0,
            acquire_fs_lock: false,
            file_cache_advise: false,
            on_truncate: "ignore".into(),
            operators: Vec::new(),
            k8s_metadata: None,
            storage: None,
            retry_on_failure: Retry::default(),
            attributes: BTreeMap::new(),
            resource: BTreeMap::new(),
            id: "file_input".into(),
            kind: "file_input".into(),
            output: Vec::new(),
        }
    }
}

/// What is wrong with it is found where it is compiled: by [`crate::Plan`].
impl component::Config for Config {}

impl Config {
    /// The operators, compiled. What is wrong in them, or has no effect, is found by its place in the section.
    pub fn pipeline(&self, found: &mut Problems) -> Option<Pipeline> {
        let body = match parse_encoding(&self.encoding) {
            Ok(Encoding::Nop) => Body::Bytes,
            Ok(Encoding::Utf8Raw) => Body::RawText,
            _ => Body::Text,
        };
        let options = Options::new(&self.attributes, &self.resource, body, found);
        let mut inside = Problems::default();
        let is_right = options.is_some();
        let pipeline = Pipeline::plan(&self.operators, options.unwrap_or_default(), &mut inside);
        found.take(inside, |fault| match fault.stage {
            // So upstream's rules are named.
            Stage::Check => fault.within("baseconfig::operators"),
            Stage::Read | Stage::Create | Stage::Start => fault.within("operators"),
        });
        let mut entry = Problems::default();
        let pipeline = pipeline.and_then(|it| it.entered_at(&self.output, &mut entry));
        found.take(entry, |fault| fault.within("output"));
        pipeline.filter(|_| is_right)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_unknown_operator_is_refused_by_its_place() {
        let problems =
            componenttest::problems::<crate::Plan>("{include: [x], operators: [{type: nope}]}");
        assert_eq!(problems, ["'operators[0]' unsupported type 'nope'"]);
    }
}
