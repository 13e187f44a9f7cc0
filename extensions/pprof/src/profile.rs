//! Totals as profiles that `go tool pprof` reads: one sample, whose function is the name of what was measured.
//!
//! The messages are those of `profile.proto` (github.com/google/pprof), as far as they are needed.

use prost::Message;

/// A total.
pub(crate) struct Total {
    /// Of what, as pprof calls its samples.
    sample: &'static str,
    unit: &'static str,
    /// Shown as the function.
    what: &'static str,
    value: i64,
    /// The first line of Go's text, around the number.
    words: (&'static str, &'static str),
}

#[derive(Message)]
struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
}

#[derive(Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    name: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
}

#[derive(Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
}

#[derive(Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
}

/// The profile of this name.
pub(crate) fn of(name: &str) -> Option<Total> {
    let total = match name {
        "heap" | "allocs" => Total {
            sample: "inuse_space",
            unit: "bytes",
            what: "resident anonymous memory",
            value: status("RssAnon:").saturating_mul(1024),
            words: ("heap profile: 0: ", " [0: 0] @ heap/1048576\n"),
        },
        "goroutine" => Total {
            sample: "goroutine",
            unit: "count",
            what: "tasks",
            value: tasks(),
            words: ("goroutine profile: total ", "\n"),
        },
        "threadcreate" => Total {
            sample: "threadcreate",
            unit: "count",
            what: "threads",
            value: status("Threads:"),
            words: ("threadcreate profile: total ", "\n"),
        },
        "block" | "mutex" => Total {
            sample: "contentions",
            unit: "count",
            what: "not measured",
            value: 0,
            words: ("--- contention:\ncycles/second=1000000000\n# not measured: ", "\n"),
        },
        _ => return None,
    };
    Some(total)
}

/// A number in `/proc/self/status`; 0 where there is none.
fn status(key: &str) -> i64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|it| it.strip_prefix(key)).unwrap_or_default();
    line.split_whitespace().next().and_then(|it| it.parse().ok()).unwrap_or(0)
}

fn tasks() -> i64 {
    let runtime = tokio::runtime::Handle::try_current();
    let alive = runtime.map_or(0, |it| it.metrics().num_alive_tasks());
    i64::try_from(alive).unwrap_or(i64::MAX)
}

impl Total {
    pub(crate) fn in_words(&self) -> String {
        format!("{}{}{}", self.words.0, self.value, self.words.1)
    }

    /// A pprof reads profiles that are not compressed as well.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        let nanos = component::clock::unix_nanos();
        let profile = Profile {
            sample_type: vec![ValueType { name: 1, unit: 2 }],
            sample: vec![Sample { location_id: vec![1], value: vec![self.value] }],
            location: vec![Location { id: 1, line: vec![Line { function_id: 1 }] }],
            function: vec![Function { id: 1, name: 3 }],
            string_table: ["", self.sample, self.unit, self.what].map(str::to_owned).into(),
            time_nanos: i64::try_from(nanos).unwrap_or(i64::MAX),
        };
        profile.encode_to_vec()
    }
}
