//! What is laid out as `opa fmt` does it, and what is not.

#![expect(clippy::unwrap_used, reason = "a test: a panic is how it fails")]

use rego::{Version, untidy};

/// Rows and texts.
fn told(text: &str) -> Vec<(u32, String)> {
    let found = untidy("a.rego", text, Version::Auto).unwrap();
    found.into_iter().map(|it| (it.error.location.unwrap().row, it.error.message)).collect()
}

/// The line of the first, as it should be.
fn mended(line: &str) -> String {
    let text = format!("package a\n\n{line}\n");
    let found = untidy("a.rego", &text, Version::Auto).unwrap();
    found.first().map_or_else(|| line.to_owned(), |it| it.wanted.clone().unwrap())
}

const TIDY: &str = r#"# About it.
package a

import data.b
import data.c as d

default allow := false

# Why.
allow if input.x == "y" # says who
allow if not d.e[input.z]

deny contains msg if {
	some i, x in input.list
	x.n[i] > -1

	# Counts.
	msg := sprintf("%d: %v", [
		i,
		{"a": 1, "b": [x | x := input.y[_]; x != 2]},
	])
	every k in object.keys(x) {
		k != "`"
	}
} else := 5 if {
	input.x with input as {"x": {}}
}

raw := `
  as  it [is
` + "a"

f(x) := y if y := x | {1, 2}
"#;

#[test]
fn a_tidy_module_is_tidy() {
    let text = TIDY.replace("deny contains msg if {", "deny := msg if {");
    assert_eq!(told(&text), []);
}

#[test]
fn spaces_are_told_with_the_line_as_it_should_be() {
    for (line, want) in [
        ("x:=1", "x := 1"),
        ("x := [ 1,2 , -3 ]", "x := [1, 2, -3]"),
        ("x := {\"a\" :1 , \"b\":{ }}", "x := {\"a\": 1, \"b\": {}}"),
        ("x := f( y )-1", "x := f(y) - 1"),
        ("x  if  y==1#c", "x if y == 1 #c"),
        ("  x := 1", "x := 1"),
        ("x := 1  ", "x := 1"),
        ("x := [y|y := input[_] ;y > 1]", "x := [y | y := input[_]; y > 1]"),
        ("x if not(y)", "x if not(y)"),
    ] {
        assert_eq!(mended(line), want);
    }
}

#[test]
fn lines_are_told() {
    let text =
        "\npackage a\nimport data.c\nimport data.b\n\n\nx if { y }\nx = 1\ny if {\n\n  input.z\n}";
    let rows: Vec<u32> = told(text).into_iter().map(|it| it.0).collect();
    assert_eq!(rows, [1, 3, 4, 6, 7, 8, 10, 11, 12]);
}

/// `opa fmt`'s own tests, in a copy of its source: what it has formatted is tidy.
#[test]
fn what_opa_has_formatted_is_tidy() {
    let Some(root) = std::env::var_os("SLUICE_OPA_SOURCE") else { return };
    let root = std::path::Path::new(&root).join("v1/format/testfiles");
    let (mut all, mut clean, mut untidy_found, mut untidy_all) = (0, 0, 0, 0);
    for (folder, version) in [("v0", Version::V0), ("v1", Version::V1)] {
        let mut files: Vec<_> =
            std::fs::read_dir(root.join(folder)).unwrap().map(|it| it.unwrap().path()).collect();
        files.sort();
        for path in files.iter().filter(|it| it.extension().is_some_and(|it| it == "formatted")) {
            let text = std::fs::read_to_string(path).unwrap();
            let Ok(found) = untidy(&path.display().to_string(), &text, version) else { continue };
            all += 1;
            clean += usize::from(found.is_empty());
            for it in found.iter().take(3) {
                eprintln!("{}\n{:?}", it.error, it.wanted);
            }
            let before = std::fs::read_to_string(path.with_extension("")).unwrap();
            if before != text
                && let Ok(found) = untidy("", &before, version)
            {
                untidy_all += 1;
                untidy_found += usize::from(!found.is_empty());
                if found.is_empty() {
                    eprintln!("not found: {}", path.display());
                }
            }
        }
    }
    eprintln!("{clean} of {all} clean, {untidy_found} of {untidy_all} found");
    assert_eq!(clean, all);
}
