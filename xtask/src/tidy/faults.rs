//! Pages that name the test of each claim (`PAGES`): every one of them exists.

use super::Source;

/// The pages.
pub const PAGES: [&str; 3] =
    ["docs/internals/faults.md", "docs/internals/otlp-keys.md", "docs/security.md"];

/// One line per test that is named in the `text` of a page and not there. What has `::` between backquotes is the name of
/// a test.
pub fn check(page: &str, text: &str, sources: &[Source], problems: &mut Vec<String>) {
    for name in text.split('`').skip(1).step_by(2).filter(|it| it.contains("::")) {
        let function = format!("fn {}(", name.rsplit("::").next().unwrap_or_default());
        if !sources.iter().any(|it| it.text.contains(&function)) {
            problems.push(format!("{page}: there is no test {name}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_is_a_problem() {
        let text = "#[test]\nfn it_holds() {}\n".to_owned();
        let sources = [Source { path: "lib/a/src/lib.rs".into(), text }];
        let mut problems = Vec::new();
        let text = "| `a::it_holds` | `plain` | `a::it_is_gone` |";
        check("docs/a.md", text, &sources, &mut problems);
        assert_eq!(problems, ["docs/a.md: there is no test a::it_is_gone"]);
    }
}
