//! JSON without its values: `{"find":"users","n":[1,2]}` becomes `{"find":"?","n":["?","?"]}`. In the form of
//! `github.com/DataDog/datadog-agent/pkg/obfuscate`.

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// The first of a list, or its end.
    Element,
    Key,
    /// The first of an object, or its end.
    Member,
    Colon,
    /// A comma, or the end of what is open.
    More,
}

/// `None` if it is no JSON. Numbers are not looked at closely: they go.
pub(crate) fn wiped(text: &str) -> Option<String> {
    let (mut out, mut open, mut next) = (String::new(), Vec::new(), Next::Value);
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match (next, first) {
            (Next::Value | Next::Element, '{' | '[') => {
                let is_object = first == '{';
                open.push(is_object);
                next = if is_object { Next::Member } else { Next::Element };
                out.push(first);
                1
            }
            (Next::Element | Next::More, ']') | (Next::Member | Next::More, '}') => {
                let is_object = open.pop()?;
                if is_object != (first == '}') {
                    return None;
                }
                next = Next::More;
                out.push(first);
                1
            }
            (Next::More, ',') => {
                next = if *open.last()? { Next::Key } else { Next::Value };
                out.push(',');
                1
            }
            (Next::Colon, ':') => {
                next = Next::Value;
                out.push(':');
                1
            }
            (Next::Key | Next::Member, '"') => {
                let length = text_length(rest)?;
                next = Next::Colon;
                out.push_str(rest.get(..length)?);
                length
            }
            (Next::Value | Next::Element, _) => {
                next = Next::More;
                out.push_str("\"?\"");
                value_length(rest)?
            }
            _ => return None,
        };
        rest = rest.get(length..)?.trim_start();
    }
    (next == Next::More && open.is_empty()).then_some(out)
}

/// Of a text with its quotes.
fn text_length(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|it| {
        let is_end = it == b'"' && !is_escaped;
        is_escaped = it == b'\\' && !is_escaped;
        is_end
    });
    Some(end? + 2)
}

fn value_length(text: &str) -> Option<usize> {
    if text.starts_with('"') {
        return text_length(text);
    }
    if let Some(word) = ["true", "false", "null"].into_iter().find(|it| text.starts_with(it)) {
        return Some(word.len());
    }
    let is_part = |it: char| it.is_ascii_digit() || matches!(it, '-' | '+' | '.' | 'e' | 'E');
    let length = text.find(|it| !is_part(it)).unwrap_or(text.len());
    text.starts_with(|it: char| it.is_ascii_digit() || it == '-').then_some(length)
}

#[cfg(test)]
mod tests {
    use super::wiped;

    #[test]
    fn keys_stay_and_values_go() {
        for (text, want) in [
            (
                r#"{"find":"users","filter":{"name":"john"}}"#,
                r#"{"find":"?","filter":{"name":"?"}}"#,
            ),
            (
                r#" {"a": [1, -2.5e3, true, null, {"b" : "c\"d"}], "e": []} "#,
                r#"{"a":["?","?","?","?",{"b":"?"}],"e":[]}"#,
            ),
            ("{}", "{}"),
            ("[[]]", "[[]]"),
            ("7", r#""?""#),
        ] {
            assert_eq!(wiped(text).as_deref(), Some(want), "{text}");
        }
        let deep = "[".repeat(100_000) + "1" + &"]".repeat(100_000);
        assert!(wiped(&deep).is_some_and(|it| it.contains("[\"?\"]")));
    }

    #[test]
    fn what_is_no_json_is_not_understood() {
        for text in [
            "",
            "  ",
            "/foo/{bar}",
            "{",
            "{\"a\"}",
            "{\"a\":1,}",
            "[1,]",
            "[1}",
            "[1] 2",
            "{\"a\":1]",
            "\"a",
            "]",
            "{1:2}",
            "nul",
            "{\"a\":\"b",
            "\u{fc}",
        ] {
            assert_eq!(wiped(text), None, "{text}");
        }
    }
}
