//! No decision is made by what the text of an error says.
//!
//! A text is for people: rewording it must change nothing else. Who needs to know more than it says adds a field or a
//! variant where the error is made. This looks for the usual way to break the rule: a method that searches, called on
//! a name that stands for an error or for what it says. It reads names, not types, so it errs on the quiet side; text
//! that comes from outside (a header, a line of a log, a configuration) has other names.

use super::{Source, without_tests};

/// What searches in a text.
const SEARCHES: [&str; 9] = [
    "contains",
    "starts_with",
    "ends_with",
    "strip_prefix",
    "strip_suffix",
    "split_once",
    "find",
    "split",
    "matches",
];

/// Names of errors, and of what they say. A `message` may also be what a log is about.
const SAYINGS: [&str; 13] = [
    "complaint",
    "e",
    "err",
    "error",
    "fault",
    "finding",
    "issue",
    "mistake",
    "problem",
    "reason",
    "rule",
    "why",
    "wrong",
];

pub(super) fn check(sources: &[Source], problems: &mut Vec<String>) {
    for Source { path, text } in sources.iter().filter(|it| !it.path.contains("test")) {
        for (at, line) in without_tests(text).lines().enumerate() {
            if let Some(what) = decision(line) {
                let text = "decides by the text of an error: give the error a field";
                problems.push(format!("{path}:{}: `{what}` {text}", at + 1));
            }
        }
    }
}

/// The call in a line that searches what an error says: `error.to_string().contains(`.
fn decision(line: &str) -> Option<&str> {
    let code = line.split("//").next().unwrap_or_default();
    for search in SEARCHES {
        for (at, _) in code.match_indices(&format!(".{search}(")) {
            let chain = receiver(&code[..at]);
            let mut steps = chain.split('.');
            let owner = steps.next().unwrap_or_default();
            let is_text = |it: &str| ["text", "message", "to_string()", "as_str()"].contains(&it);
            // `error.candidates.contains(..)` looks at a field, which is what is asked for.
            if SAYINGS.contains(&owner) && steps.all(is_text) {
                return code.get(at - chain.len()..at + 1 + search.len());
            }
        }
    }
    None
}

/// What a method is called on, as far as it is names and calls without arguments.
fn receiver(before: &str) -> &str {
    // A parenthesis that is not closed belongs to a call around it.
    let mut open = 0_usize;
    let mut start = before.len();
    for (at, it) in before.char_indices().rev() {
        match it {
            ')' => open += 1,
            '(' if open > 0 => open -= 1,
            '_' | '.' => {}
            it if it.is_ascii_alphanumeric() => {}
            _ => break,
        }
        start = at;
    }
    before.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searching_what_an_error_says_is_found() {
        for (line, want) in [
            ("if error.to_string().contains(\"timeout\") {", "error.to_string().contains"),
            ("let none = error.message.starts_with(\"none\");", "error.message.starts_with"),
            ("_ if fault.text.ends_with(\"lost\") => {}", "fault.text.ends_with"),
            ("Some(problem.message.as_str().find('x'))", "problem.message.as_str().find"),
        ] {
            assert_eq!(decision(line), Some(want), "{line}");
        }
    }

    #[test]
    fn fields_and_other_texts_are_not() {
        for line in [
            "if error.candidates.contains(&name) {",
            "if fault.place.starts_with(&path) {",
            "let key = text.strip_prefix('$')?;",
            "// error.to_string().contains(\"never\")",
            "errors.iter().find(|it| it.is_permanent())",
            "self.wrong.iter().find(|it| it.stage == Stage::Read)",
        ] {
            assert_eq!(decision(line), None, "{line}");
        }
    }
}
