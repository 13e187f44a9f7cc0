use proptest::prelude::*;

use super::*;

fn to_serde(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Bool(it) => (*it).into(),
        Value::Int(it) => (*it).into(),
        Value::Double(it) => (*it).into(),
        Value::Str(it) => (*it).into(),
        Value::Array(it) => it.iter().map(to_serde).collect(),
        Value::Map(it) => it.iter().map(|(k, v)| ((*k).to_owned(), to_serde(v))).collect(),
        _ => serde_json::Value::Null,
    }
}

/// Numbers as floats, as `json_parser` has them.
fn floats(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Number(it) => it.as_f64().into(),
        serde_json::Value::Array(it) => it.into_iter().map(floats).collect(),
        serde_json::Value::Object(it) => it.into_iter().map(|(k, v)| (k, floats(v))).collect(),
        other => other,
    }
}

fn ours(text: &str, ints: bool) -> Option<serde_json::Value> {
    parse(text, &Bump::new(), ints).ok().map(|it| to_serde(&it))
}

fn check(text: &str, want: &str) {
    let want = serde_json::from_str::<serde_json::Value>(want).unwrap();
    assert_eq!(ours(text, true), Some(want), "{text}");
}

fn refused(text: &str, problem: &str) {
    let arena = Bump::new();
    assert_eq!(parse(text, &arena, false).unwrap_err().problem, problem, "{text}");
}

#[test]
fn escapes_and_pairs_become_characters() {
    check(r#""a\n\t\"\\\/\b\f\rz""#, r#""a\n\t\"\\/\b\f\rz""#);
    check(r#""\u00e9\ud83d\ude00""#, "\"\u{e9}\u{1f600}\"");
    check(r#""\ud83dx\udc00\ud83d\u0041""#, "\"\u{fffd}x\u{fffd}\u{fffd}A\"");
}

#[test]
fn of_equal_keys_the_last_wins_in_small_and_large_objects() {
    check(r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#);
    let keys: Vec<String> = (0..40).map(|at| format!("\"k{}\":{at}", at % 30)).collect();
    let got = ours(&format!("{{{}}}", keys.join(",")), true).unwrap();
    assert_eq!(got["k0"], 30);
    assert_eq!(got["k9"], 39);
    assert_eq!(got["k10"], 10);
    let order: Vec<&String> = got.as_object().unwrap().keys().collect();
    assert_eq!((order.len(), order[0].as_str(), order[29].as_str()), (30, "k0", "k29"));
}

#[test]
fn integers_that_do_not_fit_are_floats() {
    check("9223372036854775807", "9223372036854775807");
    check("9223372036854775808", "9223372036854775808.0");
    check("-9223372036854775808", "-9223372036854775808");
    check("[1.0,1e2,0,-5]", "[1.0,100.0,0,-5]");
}

#[test]
fn what_go_refuses_is_refused() {
    refused("", "unexpected end of JSON input");
    refused("{\"a\":1", "invalid character after object key:value pair");
    refused("{\"a\":1} x", "invalid character after top-level value");
    refused("[01]", "invalid character after array element");
    refused("\"a\tb\"", "invalid character in string literal");
    refused("1e400", "number out of range");
    refused(&"[".repeat(200), "exceeded max depth");
    assert!(parse_first("{\"a\":1} x", &Bump::new(), true).is_ok());
}

#[test]
fn numbers_are_exact_to_the_last_bit() {
    for text in ["0.1", "1718000000.123", "-0", "1e-7", "123456789012345678", "99999999999999"] {
        let Ok(Value::Double(got)) = parse(text, &Bump::new(), false) else { panic!("{text}") };
        assert_eq!(got.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
    }
}

fn documents() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::from),
            prop::collection::vec((".{0,6}", inner), 0..8)
                .prop_map(|it| it.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn random_documents_are_read_as_serde_json_reads_them(document in documents(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&document).unwrap() } else { document.to_string() };
        // serde_json itself may be one bit off on floats, so it reads both sides.
        let again: serde_json::Value = serde_json::from_str(&text).unwrap();
        let ours = ours(&text, false).unwrap();
        prop_assert!(close(&ours, &floats(again)), "{text}");
    }

    #[test]
    fn damaged_documents_are_accepted_as_serde_json_accepts_them(
        document in documents(),
        at in any::<prop::sample::Index>(),
        with in "[\\x00-\\x7f]",
    ) {
        let mut text: Vec<char> = document.to_string().chars().collect();
        let at = at.index(text.len());
        text[at] = with.chars().next().unwrap();
        let text: String = text.into_iter().collect();
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        // serde_json refuses half surrogates, Go and we do not.
        if !text.contains("\\u") {
            prop_assert_eq!(ours(&text, false).is_some(), theirs.is_ok(), "{}", text);
        }
    }

    #[test]
    fn any_text_is_survived(text in ".{0,64}", ints: bool) {
        let _ = ours(&text, ints);
        let _ = ours(&format!("{{\"a\":[{text}"), ints);
    }
}

/// Equal, floats within two bits in the last place.
fn close(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value as V;
    match (a, b) {
        (V::Number(a), V::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a.to_bits() as i64).abs_diff(b.to_bits() as i64) <= 2
        }
        (V::Array(a), V::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(a, b))
        }
        (V::Object(a), V::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|it| close(v, it)))
        }
        (a, b) => a == b,
    }
}
