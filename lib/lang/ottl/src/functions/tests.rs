//! Each function with the values that upstream's tests and its source are about.

use std::fmt::Write as _;

use pdata::{Data, Depth, Keep, Limits, Place, Signal};
use proptest::prelude::*;

use super::{ALL, Function};
use crate::compile::Compiler;
use crate::context::{Around, Scene};
use crate::tree::Node;
use crate::{Condition, Context, Prefixes, Request, parse};

const LOG: &str = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{
    "timeUnixNano":"1581452772000000321","body":{"stringValue":"operationA"},
    "traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708",
    "attributes":[
      {"key":"flags","value":{"stringValue":"A|B|C"}},
      {"key":"list","value":{"arrayValue":{"values":[
        {"stringValue":"b"},{"stringValue":"a"},{"stringValue":"c"}]}}},
      {"key":"foo","value":{"kvlistValue":{"values":[
        {"key":"bar","value":{"stringValue":"pass"}},
        {"key":"slice","value":{"arrayValue":{"values":[{"stringValue":"val"}]}}}]}}},
      {"key":"n","value":{"intValue":"7"}},{"key":"d","value":{"doubleValue":2.5}},
      {"key":"ok","value":{"boolValue":true}},{"key":"none","value":{}},
      {"key":"raw","value":{"bytesValue":"AQI="}},
      {"key":"things","value":{"arrayValue":{"values":[
        {"kvlistValue":{"values":[{"key":"name","value":{"stringValue":"foo"}},
          {"key":"value","value":{"intValue":"2"}}]}},
        {"kvlistValue":{"values":[{"key":"name","value":{"stringValue":"bar"}},
          {"key":"value","value":{"intValue":"5"}}]}}]}}}]}]}]}]}"#;

/// What `look` says at the first place of this depth.
fn at<T>(signal: Signal, text: &str, depth: Depth, look: impl Fn(&Place<'_>) -> T) -> T {
    let data = Data::from_json(signal, text.as_bytes(), &Limits::default()).unwrap();
    let mut found = None;
    let _ = data.edit(depth, |place| {
        if place.depth() == depth && found.is_none() {
            found = Some(look(place));
        }
        Keep::Enter
    });
    found.unwrap()
}

/// The value of an expression as JSON, or what is wrong with it.
fn result(expr: &str) -> String {
    let text = format!("{expr} == nil");
    let tree = match parse::condition(&text) {
        Ok(it) => it,
        Err(it) => return it.message,
    };
    let Node::Compare(_, value, _) = &tree.node else { panic!("{expr} is no value") };
    let mut compiler =
        Compiler { text: &text, context: Context::Log, prefixes: Prefixes::Optional };
    let getter = match compiler.getter(value) {
        Ok(it) => it,
        Err(it) => return it.message,
    };
    let request = Request::default();
    let around = Around::Request(&request);
    at(Signal::Logs, LOG, Depth::Item, |place| match getter.get(Scene::at(place, &around)) {
        Ok(value) => value.json_text().unwrap_or_else(|| value.to_string()),
        Err(it) => it,
    })
}

/// The same text whatever the order of keys.
fn sorted(text: &str) -> String {
    let parsed: Result<serde_json::Value, _> = serde_json::from_str(text);
    match parsed {
        Ok(mut it) => {
            it.sort_all_objects();
            it.to_string()
        }
        Err(_) => text.to_owned(),
    }
}

/// What the Collector (pkg/ottl v0.149.0) answered: an expression, a tab, the value as JSON or the error.
#[test]
fn converters_answer_as_the_collector_does() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/converters.tsv");
    let mut differences = String::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let (expr, want) = line.split_once('\t').unwrap();
        let got = result(expr);
        if sorted(&got) != sorted(want) {
            let _ = writeln!(differences, "{expr}\n  got  {got}\n  want {want}");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

fn functions() -> impl Iterator<Item = &'static Function> {
    ALL.into_iter().flat_map(|it| it.1)
}

#[test]
fn each_function_is_explained_and_its_example_holds() {
    let span = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"}]}]}]}"#;
    let metric = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a"}]}]}]}"#;
    for it in functions() {
        assert!(it.about.ends_with('.'), "{} needs a sentence", it.name);
        let context = it.only.first().copied().unwrap_or(Context::Log);
        let (signal, text) = match context {
            Context::Span => (Signal::Traces, span),
            Context::Metric => (Signal::Metrics, metric),
            _ => (Signal::Logs, LOG),
        };
        let condition = Condition::new(it.example, context, Prefixes::Optional)
            .unwrap_or_else(|problem| panic!("{}: {}", it.example, problem.message));
        let holds =
            at(signal, text, Depth::Item, |place| condition.holds(place, &Request::default()));
        assert_eq!(holds, Ok(true), "{}", it.example);
        assert!(it.example.contains(it.name), "{} is not in its example", it.name);
    }
}

/// The part of `docs/ottl.md` that is made of the functions themselves.
fn reference() -> String {
    let mut text = String::new();
    for (subject, list) in ALL {
        let _ = write!(
            text,
            "### {subject}\n\n| Function | What it makes | Example |\n|---|---|---|\n"
        );
        for it in list {
            let mut parameters = Vec::new();
            for it in it.parameters {
                let name = it.name.to_owned();
                parameters.push(if it.optional { format!("[{name}]") } else { name });
            }
            let only: Vec<&str> = it.only.iter().map(|it| it.name()).collect();
            let mut about = it.about.to_owned();
            if !only.is_empty() {
                let _ = write!(about, " Only where a {} is looked at.", only.join(" or "));
            }
            let cell = |it: &str| it.replace('|', "\\|");
            let call = format!("{}({})", it.name, parameters.join(", "));
            let _ = writeln!(text, "| `{call}` | {} | `{}` |", cell(&about), cell(it.example));
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_reference_lists_the_functions_there_are() {
    const BEGIN: &str = "<!-- converters: made of the code, see the test of this name -->\n\n";
    const END: &str = "<!-- end of converters -->";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/ottl.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let fresh = reference();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{fresh}{END}{after}")).unwrap();
    } else {
        assert!(written == fresh, "docs/ottl.md is stale: run this test with UPDATE_GOLDEN=1");
    }
}

#[test]
fn a_selection_that_holds_itself_is_an_error() {
    let path = "reverse(//c/ancestor::*)";
    let selected = result(&format!("GetXML(\"<a><b><c/></b></a>\", \"{path}\")"));
    assert_eq!(selected, "a selected element holds itself");
    let ancestors = "Len(GetXML(\"<a><b><c/></b></a>\", \"//c/ancestor::*\"))";
    assert_eq!(result(ancestors), "<a><b><c></c></b></a><b><c></c></b>".len().to_string());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_document_and_no_path_is_too_odd(
        text in "[<>/a-c=\"' !?&;\\[\\]-]{0,60}",
        path in "[a-c/@*.()\\[\\]=|'1 <>:-]{0,20}",
    ) {
        let quoted = |it: &str| it.replace('\\', "\\\\").replace('"', "\\\"");
        let (text, path) = (quoted(&text), quoted(&path));
        for call in ["GetXML", "RemoveXML", "ConvertTextToElementsXML", "ConvertAttributesToElementsXML"] {
            let _ = result(&format!("{call}(\"<a>{text}<b c='1'/></a>\", \"{path}\")"));
            let _ = result(&format!("{call}(\"<a>x<b c='1'/></a>\", \"{path}\")"));
        }
        let _ = result(&format!("ParseXML(\"<a>{text}\")"));
    }

    #[test]
    fn no_text_is_too_odd_for_a_parser(text in "\\PC{0,40}") {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        for call in ["ParseJSON", "ParseKeyValue", "URL", "UserAgent", "ParseCLF", "ParseELF", "ParseCEF",
            "ParseLEEF", "Base64Decode", "Duration", "ToSnakeCase", "ToCamelCase", "IsValidLuhn"] {
            let _ = result(&format!("{call}(\"{text}\")"));
        }
        let _ = result(&format!("ParseCSV(\"{text}\", \"a,b\", mode=\"lazyQuotes\")"));
        let _ = result(&format!("ParseCSV(\"\\\"{text}\", \"a,b\")"));
        let _ = result(&format!("Format(\"%{text}\", [1, \"a\", 1.5, nil, [1], true])"));
        let _ = result(&format!("ExtractGrokPatterns(\"a\", \"{text}\")"));
        let _ = result(&format!("Substring(\"{text}\", 1, 3, true)"));
    }
}
