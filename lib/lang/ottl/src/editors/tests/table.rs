//! The editors as a table: each is described, and the reference lists them all.

use std::fmt::Write as _;

use super::super::*;

#[test]
fn globs_match_as_a_whole_and_cross_slashes() {
    for (glob, text, want) in [
        ("/user/*/list/*", "/user/1/list/a/b", true),
        ("*/*", "http://localhost/health", true),
        ("a?c", "abc", true),
        ("a?c", "abbc", false),
        ("G*", "POST G", false),
        ("[a-c]x", "bx", true),
        ("[!a-c]x", "bx", false),
        ("{GET,P*}", "PUT", true),
        ("{GET,P*}", "HEAD", false),
        ("a\\*", "a*", true),
        ("a\\*", "ab", false),
        ("a.c", "abc", false),
        ("*", "two\nlines", true),
    ] {
        assert_eq!(dynamic_glob(glob, "f").unwrap().is_match(text), want, "{glob} {text}");
    }
    assert!(dynamic_glob("{a", "f").is_err() && dynamic_glob("[", "f").is_err());
}

#[test]
fn each_editor_is_described_and_its_example_is_right() {
    use crate::{Prefixes, Statement};
    for it in ALL.into_iter().flat_map(|it| it.1) {
        assert!(!it.about.is_empty(), "{}", it.name);
        let of = if it.name == "route" { Editors::Route } else { Editors::Transform };
        let contexts = Context::ALL.into_iter();
        let found = contexts
            .filter(|context| Statement::new(it.example, *context, Prefixes::Required, of).is_ok());
        assert!(found.count() > 0, "{}", it.example);
    }
}

/// The part of `docs/ottl.md` that is made of the editors themselves.
fn reference() -> String {
    let mut text = String::new();
    for (subject, list) in ALL {
        let _ =
            write!(text, "### {subject}\n\n| Editor | What it does | Example |\n|---|---|---|\n");
        for it in list {
            let name = |it: &Parameter| {
                if it.optional { format!("[{}]", it.name) } else { it.name.to_owned() }
            };
            let parameters: Vec<String> = it.parameters.iter().map(name).collect();
            let only: Vec<&str> = it.only.iter().map(|it| it.name()).collect();
            let only = match only.join(" or ") {
                it if it.is_empty() => it,
                it => format!(" Only of a {it}."),
            };
            let cell = |it: &str| it.replace('|', "\\|");
            let _ = writeln!(
                text,
                "| `{}({})` | {}{only} | `{}` |",
                it.name,
                parameters.join(", "),
                cell(it.about),
                cell(it.example)
            );
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_reference_lists_the_editors_there_are() {
    const BEGIN: &str = "<!-- editors: made of the code, see the test of this name -->\n\n";
    const END: &str = "<!-- end of editors -->";
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
