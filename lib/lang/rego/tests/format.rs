//! Policies as `opa fmt` writes them.

#![expect(clippy::unwrap_used, reason = "a test: a panic is how it fails")]

use std::path::{Path, PathBuf};

use rego::{Version, format};

fn formatted(text: &str) -> String {
    let once = format("a.rego", text, Version::Auto).unwrap();
    assert_eq!(format("a.rego", &once, Version::Auto).unwrap(), once, "a second time");
    once
}

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(formatted(&format!("package a\n\n{text}\n")), format!("package a\n\n{want}\n"));
}

#[test]
fn words_have_one_space_between_them() {
    check("x:=1", "x := 1");
    check("x  :=  [ 1,2 , 3 ]", "x := [1, 2, 3]");
    check("x := {\"a\" :1}", "x := {\"a\": 1}");
    check("x := [y|y := input[_] ;y > 1]", "x := [y | y := input[_]; y > 1]");
    check("x if not  y", "x if not y");
    check("f( x,y ) := x+y*2", "f(x, y) := x + (y * 2)");
    check("x := -1", "x := -1");
}

#[test]
fn lists_keep_their_lines_and_bodies_have_one_for_each_condition() {
    check("x := [\n  1,\n  2]", "x := [\n\t1,\n\t2,\n]");
    check("x := f(\n  1)\n\nf(_) := 1", "x := f(1)\n\nf(_) := 1");
    check("x := f(1,\n  2)\n\nf(_, _) := 1", "x := f(\n\t1,\n\t2,\n)\n\nf(_, _) := 1");
    check("x if { a; b }\na := 1\nb := 2", "x if {\n\ta\n\tb\n}\n\na := 1\nb := 2");
    check("x if {\n\ta\n\n\n\tb }\na := 1\nb := 2", "x if {\n\ta\n\n\tb\n}\n\na := 1\nb := 2");
}

#[test]
fn names_values_and_imports_are_as_opa_writes_them() {
    check("x = 1", "x := 1");
    check("x := input[\"a\"][\"b-c\"][`d`]", "x := input.a[\"b-c\"].d");
    check("x := input[\"eq\"][\"in\"][\"and\"]", "x := input.eq[\"in\"].and");
    let or = "import future.keywords.or\n\nx := input";
    check(&format!("{or}[\"and\"][\"or\"]"), &format!("{or}.and[\"or\"]"));
    let all = "import rego.v1\n\nx := input";
    check(&format!("{all}[\"and\"][\"or\"]"), &format!("{all}.and.or"));
    check("x.a := 1", "x[\"a\"] := 1");
    check("x.a.b := 1\nx.c := 1", "x.a.b := 1\nx.c := 1");
    check(
        "import data.c\nimport data.b\n\nimport data.a",
        "import data.b\nimport data.c\n\nimport data.a",
    );
}

#[test]
fn comments_stay_where_they_are() {
    let text = "# first\nx := 1 # one\n\n# second\n\n# third\ny if {\n\t# inside\n\tx # beside\n\t# last\n}\n\n# end";
    check(text, text);
    let list = "x := [\n\t1, # one\n\t# two\n\t2,\n]";
    check(list, list);
}

/// The modules of a folder, with those of folders in it.
fn modules(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            modules(&path, found);
        } else if path.extension().is_some_and(|it| it == "rego") {
            found.push(path);
        }
    }
}

#[test]
fn the_examples_are_formatted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../configs");
    let mut found = Vec::new();
    modules(&root, &mut found);
    assert!(!found.is_empty());
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let formatted = formatted(&text);
        // The policy of the article is as it was printed there.
        if !path.ends_with("brute_force/authz.rego") {
            assert_eq!(formatted, text, "{}", path.display());
        }
    }
}

/// `opa fmt`'s own tests, in a copy of its source.
#[test]
fn the_tests_of_opa_pass() {
    let Some(root) = std::env::var_os("SLUICE_OPA_SOURCE") else { return };
    let root = Path::new(&root).join("v1/format/testfiles");
    let (mut all, mut same) = (0, 0);
    for (folder, version) in [("v0", Version::V0), ("v1", Version::V1)] {
        let mut found = Vec::new();
        modules(&root.join(folder), &mut found);
        for path in found {
            let Ok(want) = std::fs::read_to_string(path.with_extension("rego.formatted")) else {
                continue;
            };
            all += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            match format("a.rego", &text, version) {
                Ok(it) if it == want => same += 1,
                Ok(it) => show(&path, &it, &want),
                Err(why) => eprintln!("{}: {why}", path.display()),
            }
        }
    }
    eprintln!("{same} of {all} as opa fmt writes them");
    assert!(same * 100 >= all * 90, "{same} of {all}");
}

fn show(path: &Path, ours: &str, want: &str) {
    eprintln!("--- {}", path.display());
    let mut shown = 0;
    for (ours, want) in ours.lines().zip(want.lines()) {
        if ours != want && shown < 5 {
            eprintln!("  ours {ours:?}\n  want {want:?}");
            shown += 1;
        }
    }
}
