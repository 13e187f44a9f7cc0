//! Reading of sections: the rules of the Collector, each as a table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Described)]
#[config(go = "sample.Server")]
struct Server {
    endpoint: String,
    #[config(omit_empty)]
    max_mib: u32,
    tls: Section<Tls>,
    keepalive: Section<Keepalive>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, Described)]
#[serde(default)]
struct Tls {
    #[serde(flatten)]
    common: Common,
    insecure: bool,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, Described)]
#[serde(default)]
struct Common {
    #[config(omit_empty)]
    ca_file: String,
    ca_pem: Secret,
    ciphers: Vec<String>,
    reload: Duration,
    level: u32,
    maybe: Option<Inner>,
    inner: Inner,
    inner_on: Section<Inner>,
    #[config(go = "int64")]
    limit_64: i64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, Described)]
#[serde(default)]
struct Inner {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Described)]
#[config(go = "sample.Keepalive")]
struct Keepalive {
    time: Duration,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { time: Duration::from_secs(10) }
    }
}

impl Server {
    fn at(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            max_mib: 4,
            tls: Section::absent(Tls::default()),
            keepalive: Section::on(Keepalive::default()),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::at("")
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, Described)]
struct Protocols {
    grpc: Section<Server>,
    http: Section<Server>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, Described)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Fast,
    Safe,
}

/// With the texts of its own.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Level {
    #[default]
    Low,
    High,
}

impl Choices for Level {
    const NAMES: &'static [(&'static str, Self)] = &[("low", Self::Low), ("high", Self::High)];
    const ANY_CASE: bool = true;

    fn unknown(word: &str) -> String {
        format!("unknown metrics level {word:?}")
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, Described)]
struct Action {
    key: String,
    value: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Described)]
struct Sample {
    protocols: Protocols,
    #[serde(flatten)]
    common: Common,
    send_batch_size: u32,
    queue_size: i64,
    total: u64,
    ratio: f64,
    timeout: Duration,
    on: bool,
    mode: Mode,
    level_name: Choice<Level>,
    levels: Vec<Choice<Level>>,
    keys: Vec<String>,
    headers: MapList,
    free: Value,
    storage: Option<String>,
    limit: Option<u32>,
    folder: std::path::PathBuf,
    actions: Vec<Action>,
    #[config(go = "[]sample.Group", omit_empty)]
    groups: Vec<String>,
    #[config(go = "struct")]
    id: String,
    #[config(go = "*sample.Keepalive")]
    pointer: Section<Keepalive>,
    pet: Option<Keepalive>,
    all: Vec<Tls>,
    labels: BTreeMap<String, String>,
    new_name: String,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            protocols: Protocols {
                grpc: Section::off(Server::at("localhost:4317")),
                http: Section::off(Server::at("localhost:4318")),
            },
            common: Common { level: 3, ..Common::default() },
            send_batch_size: 8192,
            queue_size: 1000,
            total: 0,
            ratio: 0.5,
            timeout: Duration::from_millis(200),
            on: true,
            mode: Mode::Fast,
            level_name: Level::Low.into(),
            levels: Vec::new(),
            keys: vec!["default".to_owned()],
            headers: MapList::default(),
            free: Value::Null,
            storage: None,
            limit: None,
            folder: std::path::PathBuf::new(),
            actions: Vec::new(),
            groups: Vec::new(),
            id: String::new(),
            pointer: Section::off(Keepalive::default()),
            pet: None,
            all: Vec::new(),
            labels: BTreeMap::from([("a".to_owned(), "1".to_owned())]),
            new_name: String::new(),
        }
    }
}

/// JSON as a section; `{"$": [text, value]}` is from a variable.
fn section(text: &str) -> Value {
    from_json(serde_json::from_str(text).unwrap())
}

fn from_json(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Null,
        Json::Bool(it) => Value::Bool(it),
        Json::Number(it) => match (it.as_i64(), it.as_u64()) {
            (Some(it), _) => Value::Int(it.into()),
            (_, Some(it)) => Value::Int(it.into()),
            _ => Value::Float(it.as_f64().unwrap()),
        },
        Json::String(it) => Value::String(it),
        Json::Array(list) => Value::List(list.into_iter().map(from_json).collect()),
        Json::Object(map) => {
            if let Some(Json::Array(pair)) = map.get("$") {
                let text = pair[0].as_str().unwrap().to_owned();
                return Value::Sourced { text, value: Box::new(from_json(pair[1].clone())) };
            }
            Value::Map(map.into_iter().map(|(key, it)| (key, from_json(it))).collect())
        }
    }
}

fn read(text: &str) -> Sample {
    load(&section(text)).unwrap_or_else(|issues| panic!("{text}: {issues:#?}"))
}

fn check(text: &str, change: impl FnOnce(&mut Sample)) {
    let mut want = Sample::default();
    change(&mut want);
    assert_eq!(read(text), want, "{text}");
}

/// All issues as `path | text`.
fn check_error(text: &str, want: &[&str]) {
    let issues = load::<Sample>(&section(text)).expect_err(text);
    let got: Vec<String> = issues
        .iter()
        .map(|it| {
            let path: Vec<String> = it.named_place().iter().map(ToString::to_string).collect();
            format!("{} | {}", path.join("/"), it.read_text())
        })
        .collect();
    assert_eq!(got, want, "{text}");
}

#[test]
fn what_is_not_said_keeps_its_default_and_a_key_without_a_value_is_zero_or_nothing() {
    check("null", |_| {});
    check("{}", |_| {});
    check(r#"{"keys": null, "protocols": null, "storage": null, "headers": null}"#, |_| {});
    let text =
        r#"{"timeout": null, "on": null, "ratio": null, "queue_size": null, "new_name": null}"#;
    check(text, |it| {
        (it.timeout, it.on, it.ratio) = (Duration::ZERO, false, 0.0);
        (it.queue_size, it.new_name) = (0, String::new());
    });
    check(r#"{"level": null, "labels": {"b": "2"}}"#, |it| {
        it.common.level = 0;
        it.labels.insert("b".to_owned(), "2".to_owned());
    });
    check(r#"{"keys": []}"#, |it| it.keys.clear());
    check(r#"{"keys": ["x"]}"#, |it| it.keys = vec!["x".to_owned()]);
}

#[test]
fn numbers_durations_and_lists_convert_as_in_go() {
    check(r#"{"send_batch_size": 10.5, "queue_size": -1.9, "level": 2.9, "ratio": 1}"#, |it| {
        it.send_batch_size = 10;
        it.queue_size = -1;
        it.common.level = 2;
        it.ratio = 1.0;
    });
    check(r#"{"timeout": 5, "reload": 7}"#, |it| {
        it.timeout = Duration::from_nanos(5);
        it.common.reload = Duration::from_nanos(7);
    });
    check(r#"{"timeout": "1m30s", "reload": "2s"}"#, |it| {
        it.timeout = Duration::from_secs(90);
        it.common.reload = Duration::from_secs(2);
    });
    check(r#"{"keys": "a,b", "ciphers": "c,d", "total": 18446744073709551615}"#, |it| {
        it.keys = vec!["a".to_owned(), "b".to_owned()];
        it.common.ciphers = vec!["c".to_owned(), "d".to_owned()];
        it.total = u64::MAX;
    });
    check(r#"{"keys": "", "limit": 7.9, "new_name": "x", "mode": "safe"}"#, |it| {
        it.keys = Vec::new();
        it.limit = Some(7);
        it.new_name = "x".to_owned();
        it.mode = Mode::Safe;
    });
}

#[test]
fn wrong_types_have_the_texts_of_mapstructure() {
    let string = "expected type 'string', got unconvertible type";
    for (text, path, want) in [
        (
            r#"{"send_batch_size": "many"}"#,
            "send_batch_size",
            "expected type 'uint32', got unconvertible type 'string'",
        ),
        (
            r#"{"queue_size": "1"}"#,
            "queue_size",
            "expected type 'int', got unconvertible type 'string'",
        ),
        (
            r#"{"queue_size": true}"#,
            "queue_size",
            "expected type 'int', got unconvertible type 'bool'",
        ),
        (
            r#"{"total": [1]}"#,
            "total",
            "expected type 'uint64', got unconvertible type '[]interface {}'",
        ),
        (r#"{"on": "true"}"#, "on", "expected type 'bool', got unconvertible type 'string'"),
        (r#"{"on": 1}"#, "on", "expected type 'bool', got unconvertible type 'int'"),
        (r#"{"ratio": "x"}"#, "ratio", "expected type 'float64', got unconvertible type 'string'"),
        (r#"{"new_name": 123}"#, "new_name", &format!("{string} 'int'")),
        (r#"{"new_name": {}}"#, "new_name", &format!("{string} 'map[string]interface {{}}'")),
        (r#"{"storage": 1.5}"#, "storage", &format!("{string} 'float64'")),
        (
            r#"{"send_batch_size": -1}"#,
            "send_batch_size",
            "cannot parse value as 'uint32': -1 overflows uint",
        ),
        (
            r#"{"send_batch_size": 4294967296}"#,
            "send_batch_size",
            "cannot parse value as 'uint32': 4294967296 overflows uint",
        ),
        (r#"{"keys": {}}"#, "keys", "source data must be an array or slice, got map"),
        (r#"{"keys": 5}"#, "keys", "source data must be an array or slice, got int"),
        (r#"{"headers": "x"}"#, "headers", "source data must be an array or slice, got string"),
        (r#"{"protocols": "x"}"#, "protocols", "expected a map or struct, got \"string\""),
        (r#"{"protocols": ["x"]}"#, "protocols", "expected a map or struct, got \"slice\""),
        (r#"{"folder": 5}"#, "folder", &format!("{string} 'int'")),
        (
            r#"{"labels": "x"}"#,
            "labels",
            "expected type 'map[string]interface {}', got unconvertible type 'string'",
        ),
        (r#"{"timeout": "soon"}"#, "timeout", "time: invalid duration"),
        (r#"{"timeout": "very soon"}"#, "timeout", "time: invalid duration \"very"),
        (r#"{"timeout": " "}"#, "timeout", "time: invalid duration \""),
        (r#"{"timeout": "5 sec"}"#, "timeout", "time: unknown unit"),
        (r#"{"timeout": "5"}"#, "timeout", "time: missing unit in duration"),
        (
            r#"{"timeout": true}"#,
            "timeout",
            "expected type 'time.Duration', got unconvertible type 'bool'",
        ),
        (r#"{"mode": "slow"}"#, "mode", "unknown value \"slow\" (valid values: [fast safe])"),
        (r#"{"mode": 1}"#, "mode", &format!("{string} 'int'")),
        (r#"{"level_name": "mid"}"#, "level_name", "unknown metrics level \"mid\""),
    ] {
        check_error(text, &[&format!("{path} | '{path}' {want}")]);
    }
}

#[test]
fn what_is_flattened_has_the_same_texts() {
    for (text, path, want) in [
        // serde knows neither key nor type, the user must not notice.
        (
            r#"{"level": "x", "ca_file": "f"}"#,
            "level",
            "expected type 'uint32', got unconvertible type 'string'",
        ),
        (r#"{"inner": ["x"]}"#, "inner", "expected a map or struct, got \"slice\""),
        (r#"{"inner_on": [5]}"#, "inner_on", "expected a map or struct, got \"slice\""),
        (r#"{"level": -1}"#, "level", "cannot parse value as 'uint32': -1 overflows uint"),
        (
            r#"{"ca_file": 5, "reload": "1s"}"#,
            "ca_file",
            "expected type 'string', got unconvertible type 'int'",
        ),
        (r#"{"reload": "soon"}"#, "reload", "time: invalid duration"),
    ] {
        check_error(text, &[&format!("{path} | '{path}' {want}")]);
    }
}

#[test]
fn unknown_keys_of_one_section_are_one_line_in_the_order_of_the_alphabet() {
    let text = r#"{"zeta": 1, "protocols": {"y": 1, "x": 2}, "alpha": 2, "queue_size": "q"}"#;
    let faults = load::<Sample>(&section(text)).unwrap_err();
    let mut lines = Fault::read_texts(&faults);
    lines.retain(|it| !it.is_empty());
    lines.sort();
    assert_eq!(
        lines,
        [
            "'' has invalid keys: alpha, zeta",
            "'protocols' has invalid keys: x, y",
            "'queue_size' expected type 'int', got unconvertible type 'string'",
        ]
    );
}

#[test]
fn places_are_named_from_the_nearest_type_that_reads_itself() {
    let text = r#"{"protocols": {"grpc": {"max_mib": "x", "y": 1, "keepalive": {"time": "x", "z": 2}}},
        "headers": {"a": 1}, "ca_pem": 5}"#;
    let faults = load_at::<Sample>(&section(text), "service.sample").unwrap_err();
    let decoding = "decoding failed due to the following error(s):\n\n";
    let mut want = [
        format!(
            "'service.sample.protocols.grpc' {decoding}'max_mib' expected type 'uint32', got \
             unconvertible type 'string'"
        ),
        format!(
            "'service.sample.protocols.grpc' {decoding}'keepalive' {decoding}'time' time: invalid duration"
        ),
        format!("'service.sample.protocols.grpc' {decoding}'sample.Server' has invalid keys: y"),
        format!(
            "'service.sample.protocols.grpc' {decoding}'keepalive' {decoding}'sample.Keepalive' has \
             invalid keys: z"
        ),
        format!(
            "'service.sample.headers' {decoding}'[a]' expected type 'configopaque.String', got \
             unconvertible type 'int'"
        ),
        "'service.sample.ca_pem' expected type 'configopaque.String', got unconvertible type 'int'"
            .to_owned(),
    ];
    let mut got: Vec<String> =
        faults.iter().flat_map(|it| Fault::read_texts(std::slice::from_ref(it))).collect();
    got.sort();
    want.sort();
    assert_eq!(got, want);
    // What is around several mistakes is said once.
    let all = Fault::read_texts(&faults).join("\n");
    assert_eq!(all.matches("'service.sample.protocols.grpc'").count(), 1, "{all}");
}

#[test]
fn types_have_their_names_in_go_where_the_type_of_rust_does_not_say_it() {
    let texts = |text: &str| {
        let faults = load_at::<Sample>(&section(text), "").unwrap_err();
        Fault::read_texts(&faults)
    };
    let want = "'limit_64' expected type 'int64', got unconvertible type 'string'";
    assert_eq!(texts(r#"{"limit_64": "x"}"#), [want]);
    let want = "'groups[1]' expected type 'sample.Group', got unconvertible type 'int'";
    assert_eq!(texts(r#"{"groups": ["x", 1]}"#), [want]);
    let want = "'groups' source data must be an array or slice, got string";
    assert_eq!(texts(r#"{"groups": "x"}"#), [want]);
    assert_eq!(texts(r#"{"id": 5}"#), ["'id' expected a map or struct, got \"int\""]);
    assert_eq!(texts(r#"{"id": [5]}"#), ["'id' expected a map or struct, got \"slice\""]);
    assert_eq!(texts(r#"{"id": {"x": 5}}"#), ["'id' has invalid keys: x"]);
    assert_eq!(texts(r#"{"pointer": {"x": 5}}"#), ["'pointer' has invalid keys: x"]);
    assert_eq!(texts(r#"{"maybe": [5]}"#), ["'maybe' expected a map or struct, got \"slice\""]);
    assert_eq!(texts(r#"{"pet": [5]}"#), ["'pet' expected a map or struct, got \"slice\""]);
    let want = "'labels' expected type 'map[string]string', got unconvertible type 'string'";
    assert_eq!(texts(r#"{"labels": "x"}"#), [want]);
    let want = "'queue_size' expected type 'int', got unconvertible type 'string'";
    assert_eq!(texts(r#"{"queue_size": "x"}"#), [want]);
}

#[test]
fn words_are_found_wherever_they_stand_and_know_what_was_meant() {
    check(r#"{"level_name": "HIGH", "levels": ["low", "High"]}"#, |it| {
        it.level_name = Level::High.into();
        it.levels = vec![Level::Low.into(), Level::High.into()];
    });
    let faults = load::<Sample>(&section(r#"{"levels": ["low", "hihg"]}"#)).unwrap_err();
    assert_eq!(faults[0].read_text(), "'levels[1]' unknown metrics level \"hihg\"");
    let words = vec!["low".to_owned(), "high".to_owned()];
    assert_eq!(faults[0].wanted, Some(Wanted::OneOf(words)));
}

#[test]
fn a_word_that_the_collector_checks_later_is_a_broken_rule_and_said_once() {
    #[derive(Debug, Clone, Copy, PartialEq, Default)]
    struct Late;
    impl Choices for Late {
        const NAMES: &'static [(&'static str, Self)] = &[("late", Self)];
        const STAGE: Stage = Stage::Check;
    }
    #[derive(Debug, Clone, Default, Serialize, Deserialize, Described)]
    #[serde(default)]
    struct Section {
        own: Choice<Late>,
        held: Choice<Late>,
    }
    impl Config for Section {
        fn validate(&self, problems: &mut Problems) {
            if let Some(fault) = self.held.refused("held") {
                problems.add(fault.within("embedded"));
            }
        }
    }
    let text = r#"{"own": "a", "held": "b"}"#;
    let (_, problems) = super::check::<Section>(&section(text)).unwrap();
    let mut texts: Vec<String> = problems.of(Stage::Check).map(Fault::rule_text).collect();
    texts.sort();
    let unknown = |word| format!("unknown value {word:?} (valid values: [late])");
    assert_eq!(texts, [format!("embedded: {}", unknown("b")), unknown("a")]);
}

#[test]
fn deep_places_are_named() {
    let wrong = "expected type 'uint32', got unconvertible type 'string'";
    for (text, path, place) in [
        (
            r#"{"protocols": {"grpc": {"max_mib": "x"}}}"#,
            "protocols/grpc/max_mib",
            "protocols.grpc.max_mib",
        ),
        (
            r#"{"protocols": {"http": {"tls": {"insecure": true, "level": "x"}}}}"#,
            "protocols/http/tls/level",
            "protocols.http.tls.level",
        ),
    ] {
        check_error(text, &[&format!("{path} | '{place}' {wrong}")]);
    }
    // The same mistake twice, where serde does not know the key.
    check_error(
        r#"{"all": [{"inner": {"name": 5}, "level": 1}, {"ca_file": 5, "level": 1}]}"#,
        &[
            "all/0/inner/name | 'all[0].inner.name' expected type 'string', got unconvertible type 'int'",
            "all/1/ca_file | 'all[1].ca_file' expected type 'string', got unconvertible type 'int'",
        ],
    );
    check_error(
        r#"{"actions": [{"key": "a"}, {"key": 5}]}"#,
        &["actions/1/key | 'actions[1].key' expected type 'string', got unconvertible type 'int'"],
    );
}

#[test]
fn unknown_keys_are_found_at_any_depth_with_what_is_known_there() {
    check_error(r#"{"timeoutt": 1}"#, &["timeoutt | '' has invalid keys: timeoutt"]);
    check_error(
        r#"{"protocols": {"htttp": null}}"#,
        &["protocols/htttp | 'protocols' has invalid keys: htttp"],
    );
    check_error(
        r#"{"protocols": {"grpc": {"endpont": "x", "tls": {"ca_flie": "y"}}}, "ca_flie": "z"}"#,
        &[
            "protocols/grpc/endpont | 'protocols.grpc' has invalid keys: endpont",
            "protocols/grpc/tls/ca_flie | 'protocols.grpc.tls' has invalid keys: ca_flie",
            "ca_flie | '' has invalid keys: ca_flie",
        ],
    );
    check_error(
        r#"{"actions": [{"key": "a", "vaule": 1}]}"#,
        &["actions/0/vaule | 'actions[0]' has invalid keys: vaule"],
    );
    let issues = load::<Sample>(&section(r#"{"protocols": {"grcp": {}}}"#)).unwrap_err();
    let known = vec!["grpc".to_owned(), "http".to_owned()];
    assert_eq!(issues[0].wanted, Some(Wanted::Key(known, Vec::new())));
}

#[test]
fn all_mistakes_are_found_at_once() {
    check_error(
        r#"{"timeout": "soon", "ca_file": 5, "level": "x", "nope": 1, "protocols": {"grpc": {"max_mib": "x", "nope": 2}}}"#,
        &[
            "protocols/grpc/max_mib | 'protocols.grpc.max_mib' expected type 'uint32', got unconvertible type 'string'",
            "timeout | 'timeout' time: invalid duration",
            "ca_file | 'ca_file' expected type 'string', got unconvertible type 'int'",
            "level | 'level' expected type 'uint32', got unconvertible type 'string'",
            "nope | '' has invalid keys: nope",
            "protocols/grpc/nope | 'protocols.grpc' has invalid keys: nope",
        ],
    );
}

#[test]
fn sections_are_on_when_mentioned() {
    let grpc = |text: &str| read(text).protocols.grpc.into_option();
    assert_eq!(grpc("{}"), None);
    assert_eq!(grpc(r#"{"protocols": {"grpc": null}}"#), Some(Server::at("localhost:4317")));
    assert_eq!(grpc(r#"{"protocols": {"grpc": {}}}"#), Some(Server::at("localhost:4317")));
    let server = grpc(r#"{"protocols": {"grpc": {"max_mib": 9}}}"#);
    assert_eq!(server, Some(Server { max_mib: 9, ..Server::at("localhost:4317") }));
    assert_eq!(grpc(r#"{"protocols": {"grpc": {"enabled": false, "max_mib": 9}}}"#), None);
    assert!(grpc(r#"{"protocols": {"grpc": {"enabled": true}}}"#).is_some());
    assert!(grpc(r#"{"protocols": {"grpc": {"enabled": {"$": ["true", true]}}}}"#).is_some());
    let server = |text: &str| grpc(&format!(r#"{{"protocols": {{"grpc": {text}}}}}"#)).unwrap();
    assert!(server(r#"{"tls": null}"#).tls.get().is_none());
    assert!(server(r#"{"tls": {}}"#).tls.get().is_some());
    assert!(server("{}").keepalive.get().is_some());
    assert!(server(r#"{"keepalive": null}"#).keepalive.get().is_some());
    assert!(server(r#"{"keepalive": {"enabled": false}}"#).keepalive.get().is_none());
    check_error(
        r#"{"protocols": {"grpc": {"enabled": "no"}}}"#,
        &[
            "protocols/grpc | 'protocols.grpc' unexpected type string for 'enabled': got 'no' value expected 'true' or 'false'",
        ],
    );
    check_error(
        r#"{"protocols": {"grpc": {"enabled": {"b": [1, "x"], "a": null}}}}"#,
        &[
            "protocols/grpc | 'protocols.grpc' unexpected type map[string]interface {} for 'enabled': got 'map[a:<nil> b:[1 x]]' value expected 'true' or 'false'",
        ],
    );
    check_error(
        r#"{"protocols": {"grpc": {"enabled": {"a-b": 2, "a": 1}}}}"#,
        &[
            "protocols/grpc | 'protocols.grpc' unexpected type map[string]interface {} for 'enabled': got 'map[a:1 a-b:2]' value expected 'true' or 'false'",
        ],
    );
    check_error(
        r#"{"protocols": {"grpc": "x"}}"#,
        &["protocols/grpc | 'protocols.grpc' expected a map or struct, got \"string\""],
    );
}

#[test]
fn a_number_beyond_64_signed_bits_is_unsigned() {
    check_error(
        r#"{"actions": [{"key": 9223372036854775808}]}"#,
        &[
            "actions/0/key | 'actions[0].key' expected type 'string', got unconvertible type 'uint64'",
        ],
    );
}

#[test]
fn values_of_variables_fit_by_the_type_of_the_field() {
    check(
        r#"{"new_name": {"$": ["0123", 83]}, "ca_file": {"$": ["true", true]}, "ca_pem": {"$": ["12", 12]}}"#,
        |it| {
            it.new_name = "0123".to_owned();
            it.common.ca_file = "true".to_owned();
            it.common.ca_pem = Secret::from("12");
        },
    );
    check(
        r#"{"send_batch_size": {"$": ["0123", 83]}, "level": {"$": ["7", 7]}, "on": {"$": ["false", false]}}"#,
        |it| {
            it.send_batch_size = 83;
            it.common.level = 7;
            it.on = false;
        },
    );
    // Null from a variable is Go's zero for numbers, and its text for texts.
    check(
        r#"{"send_batch_size": {"$": ["", null]}, "level": {"$": ["", null]}, "timeout": {"$": ["", null]}, "new_name": {"$": ["null", null]}, "storage": {"$": ["", null]}, "keys": {"$": ["", null]}}"#,
        |it| {
            it.send_batch_size = 0;
            it.common.level = 0;
            it.timeout = Duration::ZERO;
            it.new_name = "null".to_owned();
        },
    );
    check(
        r#"{"timeout": {"$": ["5s", "5s"]}, "storage": {"$": ["12", 12]}, "limit": {"$": ["12", 12]}}"#,
        |it| {
            it.timeout = Duration::from_secs(5);
            it.storage = Some("12".to_owned());
            it.limit = Some(12);
        },
    );
    check(
        r#"{"keys": {"$": ["[a,b/c]", ["a", "b/c"]]}, "ciphers": {"$": ["a,b", "a,b"]}}"#,
        |it| {
            it.keys = vec!["a".to_owned(), "b/c".to_owned()];
            it.common.ciphers = vec!["a".to_owned(), "b".to_owned()];
        },
    );
    check(
        r#"{"keys": [{"$": ["1", 1]}], "labels": {"a": {"$": ["2", 2]}}, "headers": {"x": {"$": ["3", 3]}}}"#,
        |it| {
            it.keys = vec!["1".to_owned()];
            it.labels.insert("a".to_owned(), "2".to_owned());
            it.headers.entries = vec![("x".to_owned(), Secret::from("3"))];
        },
    );
    check(r#"{"protocols": {"$": ["grpc:", {"grpc": null}]}}"#, |it| {
        it.protocols.grpc = Section::on(Server::at("localhost:4317"));
    });
    check_error(
        r#"{"on": {"$": ["yes", "yes"]}}"#,
        &["on | 'on' expected type 'bool', got unconvertible type 'string'"],
    );
}

#[test]
fn free_fields_keep_the_users_tree() {
    let tree =
        r#"{"a": [1, 1.5, {"$": ["0123", 83]}], "b": {"c": null, "d": {"$": ["[1]", [1]]}}}"#;
    let got = read(&format!(
        r#"{{"free": {tree}, "actions": [{{"key": "k", "value": {{"$": ["5", 5]}}}}]}}"#
    ));
    assert_eq!(got.free, section(tree));
    let value = got.actions[0].value.clone().unwrap();
    assert_eq!(value, section(r#"{"$": ["5", 5]}"#));
    assert_eq!(value.plain(), &Value::Int(5));

    #[derive(Debug, Default, Serialize, Deserialize)]
    struct Inner {
        free: Value,
    }
    #[derive(Debug, Default, Serialize, Deserialize)]
    struct Outer {
        #[serde(flatten)]
        inner: Inner,
    }
    let got: Outer = load(&section(&format!(r#"{{"free": {tree}}}"#))).unwrap();
    assert_eq!(got.inner.free, section(tree));
    let got: Outer = load(&section(r#"{"free": {"$": ["5", 5]}}"#)).unwrap();
    assert_eq!(got.inner.free, section(r#"{"$": ["5", 5]}"#));
}

#[test]
fn sections_survive_flattening() {
    #[derive(Debug, Default, Serialize, Deserialize)]
    struct Outer {
        #[serde(flatten)]
        protocols: Protocols,
        other: u8,
    }
    let read = |text: &str| load::<Outer>(&section(text)).unwrap().protocols;
    assert!(read("{}").grpc.get().is_none());
    assert!(read(r#"{"grpc": null}"#).grpc.get().is_some());
    assert!(read(r#"{"grpc": {"enabled": false}}"#).grpc.get().is_none());
    assert!(read(r#"{"grpc": {}}"#).grpc.get().unwrap().keepalive.get().is_some());
    let off = read(r#"{"grpc": {"keepalive": {"enabled": false}}}"#);
    assert!(off.grpc.get().unwrap().keepalive.get().is_none());
}

#[test]
fn headers_are_a_map_or_a_list_of_pairs() {
    let pair = |name: &str, value: &str| (name.to_owned(), Secret::from(value));
    check(r#"{"headers": {"b": "2", "a": "1"}}"#, |it| {
        it.headers.entries = vec![pair("a", "1"), pair("b", "2")];
    });
    check(r#"{"headers": [{"name": "b", "value": "2"}, {"name": "a", "value": "1"}]}"#, |it| {
        it.headers.entries = vec![pair("b", "2"), pair("a", "1")];
    });
    let pairs = ["b", "a", "c", "a", "b", "a"].map(|it| pair(it, "1"));
    let mut problems = Problems::default();
    MapList { entries: pairs.into() }.validate("headers", &mut problems);
    let texts: Vec<String> = problems.faults().iter().map(Fault::rule_text).collect();
    assert_eq!(texts, ["headers: duplicate keys in map-style list: [a b]"]);
    check_error(
        r#"{"headers": {"a": 1}}"#,
        &[
            "headers/a | 'headers.a' expected type 'configopaque.String', got unconvertible type 'int'",
        ],
    );
    check_error(
        r#"{"headers": [{"name": 5}]}"#,
        &[
            "headers/0/name | 'headers[0].name' expected type 'string', got unconvertible type 'int'",
        ],
    );
    check_error(
        r#"{"headers": [{"nmae": "a"}]}"#,
        &["headers/0/nmae | 'headers[0]' has invalid keys: nmae"],
    );
}

#[test]
fn the_effective_configuration_hides_secrets_and_says_what_is_off() {
    let config =
        read(r#"{"headers": {"a": "hunter2"}, "ca_pem": "hunter2", "protocols": {"grpc": null}}"#);
    let value = to_value(&config, Show::default());
    let json = serde_json::to_string(&value).unwrap();
    assert!(!json.contains("hunter2") && json.contains(REDACTED), "{json}");
    let http = value.get("protocols").unwrap().get("http").unwrap();
    assert_eq!(http.get("enabled"), Some(&Value::Bool(false)));
    let grpc = value.get("protocols").unwrap().get("grpc").unwrap();
    assert_eq!(grpc.get("endpoint"), Some(&Value::String("localhost:4317".to_owned())));
    assert_eq!(value.get("timeout"), Some(&Value::String("200ms".to_owned())));
    let shown = serde_json::to_string(&config).unwrap();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn defaults_read_back_as_they_are() {
    let shown = to_value(&Sample::default(), Show::default());
    assert_eq!(load::<Sample>(&shown).unwrap(), Sample::default());
}

#[test]
fn what_says_nothing_is_not_shown_where_upstream_leaves_it_out() {
    let config = read(r#"{"protocols": {"grpc": {"max_mib": 0, "endpoint": ""}}}"#);
    let shown = |nanos| {
        let value = to_value(&config, Show { nanos, ..Show::default() });
        let grpc = value.get("protocols").and_then(|it| it.get("grpc")).unwrap();
        (value.get("ca_file").cloned(), grpc.get("max_mib").cloned(), grpc.get("endpoint").cloned())
    };
    let empty = Some(Value::String(String::new()));
    // JSON is as in Go. YAML keeps the zero that is not the default.
    assert_eq!(shown(true), (None, None, empty.clone()));
    assert_eq!(shown(false), (None, Some(Value::Int(0)), empty));
}

#[test]
fn durations_are_read_and_written_as_in_go() {
    for (text, want) in [
        ("1h2m3.5s", "1h2m3.5s"),
        ("90m", "1h30m0s"),
        ("1500ms", "1.5s"),
        ("0", "0s"),
        ("-1.5h", "-1h30m0s"),
        ("1us", "1\u{b5}s"),
        ("1\u{b5}s", "1\u{b5}s"),
        (".5s", "500ms"),
        ("1.s", "1s"),
        ("100ns", "100ns"),
    ] {
        assert_eq!(Duration::parse(text).unwrap().to_string(), want, "{text}");
    }
    for text in ["", "s", "1", "1x", "1.2.3s", "1s2", "--1s", "9223372037s", "1 s", "+"] {
        assert!(Duration::parse(text).is_err(), "{text}");
    }
}
