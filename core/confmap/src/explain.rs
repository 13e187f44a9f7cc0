//! What each code means, for `sluice explain` and the documentation.

mod doubts;
mod files;

use std::fmt;

use crate::code;

/// All about one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// `SL0xxx`.
    pub code: &'static str,
    /// In a few words.
    pub title: &'static str,
    /// What happened, and what it leads to.
    pub meaning: &'static str,
    /// What is wrong, as written.
    pub wrong: &'static str,
    /// The same, right.
    pub right: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// All about a code; letters may be small, and `SL` and zeros may be left out.
pub fn explain(code: &str) -> Option<&'static Explanation> {
    let digits = code.trim().trim_start_matches(['S', 'L', 's', 'l']);
    let number: u16 = digits.parse().ok()?;
    ALL.iter().find(|it| it.code == format!("SL{number:04}"))
}

/// The few words for a code.
pub(crate) fn title(code: &str) -> &'static str {
    ALL.iter().find(|it| it.code == code).map_or("", |it| it.title)
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = |text: &str| format!("    {}", text.replace('\n', "\n    "));
        writeln!(f, "{}: {}\n\n{}\n", self.code, self.title, self.meaning)?;
        writeln!(f, "Wrong:\n{}\n", indent(self.wrong))?;
        writeln!(f, "Right:\n{}\n", indent(self.right))?;
        writeln!(f, "What to do: {}", self.remedy)
    }
}

/// Written as columns, so that the table below stays a table.
const fn about(code: &'static str, texts: [&'static str; 5]) -> Explanation {
    let [title, meaning, wrong, right, remedy] = texts;
    Explanation { code, title, meaning, wrong, right, remedy }
}

/// Every code, in order.
pub const ALL: [Explanation; 51] = [
    about(
        code::NO_LOCATION,
        [
            "no configuration",
            "The program was started without a configuration.",
            "sluice validate",
            "sluice validate --config config.yaml",
            "pass `--config FILE`; it may be repeated",
        ],
    ),
    about(
        code::BAD_SET,
        [
            "`--set` without `=`",
            "`--set` changes one value of the configuration and needs a key and a value.",
            "--set processors.batch.timeout",
            "--set processors.batch.timeout=2s",
            "write `key.path=value`",
        ],
    ),
    about(
        code::SCHEME,
        [
            "unknown scheme",
            "A location or a `${scheme:...}` names a place that this build cannot read.",
            "endpoint: ${vault:loki}",
            "endpoint: ${env:LOKI}",
            "use `file:`, `env:`, `yaml:`, `http:` or `https:`; write `$$` for a literal dollar sign",
        ],
    ),
    about(
        code::UNREADABLE,
        [
            "configuration cannot be read",
            "A file or address of the configuration does not exist, may not be read, or is too large.",
            "--config confg.yaml",
            "--config config.yaml",
            "check the path, its permissions, and where the program was started",
        ],
    ),
    about(
        code::SYNTAX,
        [
            "not YAML",
            "The text breaks the rules of YAML. The caret is where reading it failed; the mistake is there or shortly before.",
            "receivers:\n  otlp\n    protocols:",
            "receivers:\n  otlp:\n    protocols:",
            "look for a missing colon, quote or bracket, a tab, or lines that are indented differently from their neighbours",
        ],
    ),
    about(
        code::DUPLICATE_KEY,
        [
            "key twice in one map",
            "Only one of the two could be used, so neither is.",
            "exporters:\n  debug:\nexporters:\n  otlp_grpc:",
            "exporters:\n  debug:\n  otlp_grpc:",
            "move everything below one of the two; a second component of a type is `type/name`",
        ],
    ),
    about(
        code::NOT_A_MAP,
        [
            "configuration is not a map",
            "A configuration is a map that begins with `receivers:` and the like; this one is a list or a text.",
            "- receivers:",
            "receivers:",
            "remove what makes it a list, or check that the right file was passed",
        ],
    ),
    about(
        code::LIMIT,
        [
            "larger than allowed",
            "Texts, nesting, references and values are bounded, so that no input can use up memory or time.",
            "a: &a [*b, *b]   # doubled many times over",
            "a: [1, 2]",
            "make it smaller; docs/configuration.md lists the limits",
        ],
    ),
    about(
        code::REFERENCE,
        [
            "bad reference",
            "The text between `${` and `}` is not a valid reference.",
            "endpoint: ${LOKI:-localhost:3100}",
            "endpoint: ${env:LOKI:-localhost:3100}",
            "write `${env:NAME}`, `${env:NAME:-default}` or `${file:PATH}`; write `$${` for a literal `${`",
        ],
    ),
    about(
        code::VARIABLE_NAME,
        [
            "impossible variable name",
            "Names of variables have letters, digits and underscores, and do not begin with a digit.",
            "endpoint: ${env:loki-host}",
            "endpoint: ${env:LOKI_HOST}",
            "rename the variable; write `$${` for a literal `${`",
        ],
    ),
    about(
        code::RECURSION,
        [
            "reference to itself",
            "A variable or file refers to itself, directly or through others.",
            "A='${env:A}'",
            "A='value'",
            "change one of the two, so that neither leads back to itself",
        ],
    ),
    about(
        code::UNKNOWN_TYPE,
        [
            "unknown component type",
            "The part of an id before the slash is a type, and this build has none of that name.",
            "receivers:\n  oltp:",
            "receivers:\n  otlp:",
            "check the spelling and the section; `sluice components` lists all types",
        ],
    ),
    about(
        code::UNKNOWN_KEY,
        [
            "unknown key",
            "The section has no such key. Nothing is ignored silently, so nothing starts.",
            "tls:\n  ca_flie: /etc/ca.pem",
            "tls:\n  ca_file: /etc/ca.pem",
            "check the spelling and the indentation; the component's README lists its keys",
        ],
    ),
    about(
        code::WRONG_TYPE,
        [
            "wrong type",
            "The key needs a number, a text, a list or a map, and has a value of another type.",
            "batch:\n  send_batch_size: \"8192\"",
            "batch:\n  send_batch_size: 8192",
            "write a value of the type in the message; `true` and `false` are the only booleans, and numbers have no quotes or units",
        ],
    ),
    about(
        code::BAD_ID,
        [
            "bad id",
            "A component is `type` or `type/name`, a pipeline is `traces`, `metrics` or `logs`, each with an optional `/name`.",
            "pipelines:\n  log:",
            "pipelines:\n  logs:",
            "write `type` or `type/name`",
        ],
    ),
    about(
        code::UNDEFINED,
        [
            "used, but not configured",
            "A pipeline or the service lists a component that no section defines.",
            "exporters:\n  debug:\n...\n      exporters: [debgu]",
            "exporters:\n  debug:\n...\n      exporters: [debug]",
            "check the spelling, or define the component; the part after the slash belongs to the id",
        ],
    ),
    about(
        code::RULE,
        [
            "value breaks a rule",
            "The value has the right type, but the component does not allow it.",
            "batch:\n  send_batch_size: 100\n  send_batch_max_size: 10",
            "batch:\n  send_batch_size: 100\n  send_batch_max_size: 100",
            "change the value as the message says",
        ],
    ),
    about(
        code::INCOMPLETE,
        [
            "incomplete configuration",
            "Something is missing that every configuration needs: receivers, exporters, or a pipeline.",
            "service:\n  pipelines:\n    logs:\n      receivers: [otlp]",
            "service:\n  pipelines:\n    logs:\n      receivers: [otlp]\n      exporters: [debug]",
            "add what is missing",
        ],
    ),
    about(
        code::BUILD,
        [
            "pipelines cannot be built",
            "Each component is right, but the pipelines do not work together: a component does not support the signal, a connector is used on one side only, or pipelines form a cycle.",
            "metrics:\n  receivers: [file_log]",
            "logs:\n  receivers: [file_log]",
            "change what the message names; `sluice components` lists the signals of each type",
        ],
    ),
    about(
        code::DURATION,
        [
            "bad time span",
            "A time span is a number with a unit: `ns`, `us`, `ms`, `s`, `m` or `h`. Several can be combined: `1h30m`.",
            "timeout: 5 sec",
            "timeout: 5s",
            "write a number and a unit, such as `5s`; there is no unit for days: `24h`",
        ],
    ),
    about(
        code::BAD_VALUE,
        [
            "value is none of those allowed",
            "The key allows only certain words.",
            "verbosity: detail",
            "verbosity: detailed",
            "write one of the words in the message",
        ],
    ),
    about(
        code::TWICE,
        [
            "processor twice in one pipeline",
            "A processor runs once in a pipeline.",
            "processors: [batch, attributes, batch]",
            "processors: [attributes, batch]",
            "remove one, or define a second one as `type/name`",
        ],
    ),
    about(
        code::AMBIGUOUS,
        [
            "same id twice",
            "It is not clear which of the two a pipeline means.",
            "exporters:\n  forward:\nconnectors:\n  forward:",
            "connectors:\n  forward/connector:",
            "rename one: `type/name`",
        ],
    ),
    about(
        code::GATED,
        [
            "behind a feature gate",
            "Upstream offers this only behind a feature gate, and this build does not have it.",
            "pipelines:\n  profiles:",
            "pipelines:\n  logs:",
            "remove it",
        ],
    ),
    about(
        code::MISSING,
        [
            "required key is missing",
            "The component needs this key and has no default for it.",
            "otlp_grpc: {}",
            "otlp_grpc:\n  endpoint: backend:4317",
            "add the key; if its value is a variable, set the variable",
        ],
    ),
    about(
        code::NESTING,
        [
            "key in the wrong place",
            "The key exists, but in another section.",
            "otlp:\n  grpc:\n    endpoint: localhost:4317",
            "otlp:\n  protocols:\n    grpc:\n      endpoint: localhost:4317",
            "move it; `a::b: value` is short for `a: {b: value}`",
        ],
    ),
    about(
        code::REMOVED,
        [
            "component was removed",
            "Upstream has removed the component. Another one does its job.",
            "exporters:\n  logging:\n    loglevel: debug",
            "exporters:\n  debug:\n    verbosity: detailed",
            "use the component that the message names, also in the pipelines",
        ],
    ),
    about(
        code::UNUSED,
        [
            "defined, but not used",
            "No pipeline lists the component, so it does not run. An extension has to be in `service: extensions:`.",
            "processors:\n  batch:\n...\n      processors: []",
            "processors:\n  batch:\n...\n      processors: [batch]",
            "list it, or remove it",
        ],
    ),
    about(
        code::LIMITER_NOT_FIRST,
        [
            "`memory_limiter` is not the first processor",
            "It can refuse only data that reaches it. Processors before it use memory without a limit.",
            "processors: [batch, memory_limiter]",
            "processors: [memory_limiter, batch]",
            "list it first",
        ],
    ),
    about(
        code::BATCH_BEFORE_SAMPLING,
        [
            "`batch` before a processor that drops",
            "Batches are filled with data that is dropped afterwards, so they are smaller than configured.",
            "processors: [batch, probabilistic_sampler]",
            "processors: [probabilistic_sampler, batch]",
            "list `batch` last",
        ],
    ),
    about(
        code::GRPC_SCHEME,
        [
            "scheme in the endpoint of a gRPC client",
            "A gRPC endpoint is `host:port`. The scheme is accepted and decides about TLS, whatever `tls: insecure:` says.",
            "endpoint: http://backend:4317",
            "endpoint: backend:4317\ntls:\n  insecure: true",
            "remove the scheme, and write `tls: insecure: true` if the connection must not be encrypted",
        ],
    ),
    about(
        code::PLAINTEXT,
        [
            "unencrypted to another machine",
            "Telemetry and credentials can be read and changed on the way.",
            "endpoint: http://backend.example.com:4318",
            "endpoint: https://backend.example.com:4318",
            "use TLS, unless something else encrypts the connection, such as a mesh",
        ],
    ),
    about(
        code::DEPRECATED,
        [
            "deprecated name or key",
            "The name or key still works; upstream has replaced it.",
            "receivers:\n  filelog:",
            "receivers:\n  file_log:",
            "use the new name, also in the pipelines; ids in metrics and logs change with it. A key has moved: the text says where to",
        ],
    ),
    about(
        code::EVERYWHERE,
        [
            "listens on every network",
            "Everybody who can reach one of the addresses of this machine can send data to it.",
            "endpoint: 0.0.0.0:4317",
            "endpoint: ${env:MY_POD_IP}:4317",
            "listen on `localhost` or the address that clients use",
        ],
    ),
    files::NO_FILES,
    about(
        code::NO_UNIT,
        [
            "time span without a unit",
            "A number without a unit means nanoseconds, as in Go. That is rarely what was meant.",
            "timeout: 5",
            "timeout: 5s",
            "add the unit",
        ],
    ),
    about(
        code::UNSET,
        [
            "variable is not set",
            "A variable that is not set is treated as empty.",
            "endpoint: ${env:NOT_SET}:4317",
            "endpoint: ${env:NOT_SET:-localhost}:4317",
            "set it, or give a default",
        ],
    ),
    about(
        code::EMPTY,
        [
            "variable is empty",
            "The variable is set to the empty text.",
            "BACKEND=''",
            "BACKEND='backend:4317'",
            "set it to a value, if it should not be empty",
        ],
    ),
    about(
        code::ENDPOINT_FORM,
        [
            "endpoint of another form",
            "HTTP exporters need an endpoint with `http://` or `https://`. Servers need `host:port` without a scheme.",
            "otlp_http:\n  endpoint: localhost:4318",
            "otlp_http:\n  endpoint: http://localhost:4318",
            "add or remove the scheme",
        ],
    ),
    about(
        code::IGNORED_KEY,
        [
            "key that is ignored",
            "The Collector ignores keys of an operator that it does not know, so a misspelt key leaves the default in force.",
            "operators:\n  - type: json_parser\n    parse_form: attributes.text",
            "operators:\n  - type: json_parser\n    parse_from: attributes.text",
            "correct the key, or remove it",
        ],
    ),
    about(
        code::NO_EFFECT,
        [
            "setting without effect",
            "The setting is accepted and has no effect: the Collector does not know this word here, and does not report it.",
            "mapping:\n  warnning: 300",
            "mapping:\n  warn: 300",
            "correct it, or remove it",
        ],
    ),
    doubts::IGNORED_DOCUMENT,
    doubts::PLACEHOLDER,
    doubts::CUT_OFF,
    doubts::NUMBER_FOR_TEXT,
    doubts::DROPPED_PROCESSORS,
    doubts::ODD_QUOTES,
    files::FORGETFUL,
    files::ABSENT_FILE,
    files::EXPIRED,
    about(
        code::START,
        [
            "component does not start",
            "The configuration is right, but something that it needs is missing: a port is in use, or a file or a permission is missing.",
            "endpoint: localhost:4317   # while another program has it",
            "endpoint: localhost:14317",
            "correct what the message names; everything that had started was stopped again",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_once_and_in_order() {
        let source = include_str!("code.rs");
        let mut used: Vec<&str> = source.split('"').filter(|it| it.starts_with("SL")).collect();
        let explained: Vec<&str> = ALL.iter().map(|it| it.code).collect();
        assert!(explained.windows(2).all(|it| it[0] < it[1]), "{explained:?}");
        used.sort_unstable();
        assert_eq!(used, explained);
    }

    #[test]
    fn a_code_is_found_however_it_is_written() {
        for text in ["SL0102", "sl0102", "SL102", "102", " 0102 "] {
            assert_eq!(explain(text).unwrap().code, code::UNKNOWN_KEY, "{text}");
        }
        assert_eq!(explain("SL9999"), None);
        assert_eq!(explain("hello"), None);
    }
}
