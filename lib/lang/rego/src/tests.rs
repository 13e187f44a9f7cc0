//! What a policy answers, through the public API.

use std::sync::Arc;

use crate::{Lookup, Options, Policy, Source, Value, Version};

fn options(version: Version) -> Options {
    Options { version, ..Options::default() }
}

/// The value of `data.a.x` in a module of package `a`, as JSON.
fn value(rules: &str) -> String {
    value_with(rules, &Options::default())
}

fn value_with(rules: &str, options: &Options) -> String {
    let source = Source::new("a.rego", format!("package a\n{rules}"));
    let policy = Policy::compile(vec![source], Value::new_object(), options).unwrap();
    let found = policy.query("data.a.x").unwrap().worker().evaluate(Value::new_object()).unwrap();
    found.map_or_else(
        || "undefined".to_owned(),
        |it| it.to_json_str().unwrap().split_whitespace().collect(),
    )
}

/// What compiling, or else evaluating `data.a.x`, says.
fn problem(rules: &str) -> String {
    let source = Source::new("a.rego", format!("package a\n{rules}"));
    let strict = Options { strict_builtin_errors: true, ..Options::default() };
    let policy = match Policy::compile(vec![source], Value::new_object(), &strict) {
        Ok(policy) => policy,
        Err(errors) => return errors.0[0].to_string().lines().next().unwrap().to_owned(),
    };
    let found = policy.query("data.a.x").unwrap().worker().evaluate(Value::new_object());
    found.unwrap_err().to_string().lines().next().unwrap().to_owned()
}

#[test]
fn a_template_string_prints_what_is_undefined() {
    assert_eq!(value("x := $\"{1 + 1} \\{{input.a}} {[\"b\"]}\""), "\"2{<undefined>}[\\\"b\\\"]\"");
    assert_eq!(value("y := \"c\"\nx := $\"<{$\"{y}{y}\"}>\""), "\"<cc>\"");
}

#[test]
fn negated_bodies_and_logic_hold_as_in_opa() {
    let logic =
        "import future.keywords.and\nimport future.keywords.or\nimport future.keywords.not\n";
    let check = |body: &str, expected: &str| {
        assert_eq!(value(&format!("{logic}x if {{ {body} }}")), expected, "{body}")
    };
    check("not { 1 == 2; true }", "true");
    check("not { 1 == 1; true }", "undefined");
    check("false and true or true", "true");
    check("true and false or false", "undefined");
    check("{ y := 1; y > 0 } and not { false }", "true");
    check("(false or true) and (not false)", "true");
}

#[test]
fn names_may_begin_with_a_keyword() {
    assert_eq!(value("not.foo := 1\nx := not.foo + as.bar(2)\nas.bar(n) := n + z\nz := 3"), "6");
}

#[test]
fn a_builtin_of_ours_gives_its_result_to_a_variable_and_can_be_mocked() {
    assert_eq!(value("x := y if strings.count(\"aaaa\", \"aa\", y)"), "2");
    assert_eq!(value("x := y if { y := z with crypto.md5 as 5 }\nz := crypto.md5(\"\")"), "5");
    assert_eq!(
        value(
            "x := y if { y := z with crypto.md5 as f }\nz := crypto.md5(\"ab\")\nf(t) := upper(t)"
        ),
        "\"AB\""
    );
    assert_eq!(value("x := y if { y := z with upper as lower }\nz := upper(\"Ab\")"), "\"ab\"");
}

#[test]
fn sprintf_is_gos() {
    let rules = "x := sprintf(\"%6.1f|%-4s|%+d|%v\", [2.25, \"a\", 3, {\"k\": [1]}])";
    assert_eq!(value(rules), r#""2.2|a|+3|{\"k\":[1]}""#);
    assert_eq!(value("x := sprintf(\"%d\", [2.5])"), "\"%!d(float64=2.5)\"");
}

#[test]
fn an_empty_text_is_counted_and_not_a_panic() {
    assert_eq!(value("x := strings.count(\"abc\", \"\")"), "4");
}

#[test]
fn metadata_is_read_from_comments() {
    let rules = "# METADATA\n# title: T\n# authors:\n# - A <a@b.c>\nx := rego.metadata.rule()";
    let expected = r#"{"authors":[{"email":"a@b.c","name":"A"}],"scope":"rule","title":"T"}"#;
    assert_eq!(value(rules), expected);
}

#[test]
fn a_token_with_a_secret_is_verified() {
    let rules = "t := io.jwt.encode_sign({\"alg\": \"HS256\"}, {\"iss\": \"i\"}, {\"kty\": \"oct\", \"k\": \"c2VjcmV0\"})\n\
        x := [io.jwt.verify_hs256(t, \"secret\"), io.jwt.verify_hs256(t, \"other\"), p.iss] if [_, p, _] := io.jwt.decode(t)";
    assert_eq!(value(rules), "[true,false,\"i\"]");
}

#[test]
fn a_document_of_the_host_is_asked_for_one_key() {
    let answer = Arc::new(
        |key: &Value| if *key == Value::from("u") { Value::from(6) } else { Value::Undefined },
    );
    let lookup = Lookup { path: vec!["w".into(), "n".into()], answer };
    let options = Options { lookups: vec![lookup], ..Options::default() };
    assert_eq!(value_with("x := [data.w.n[k] | some k in [\"u\", \"v\"]]", &options), "[6]");
    assert_eq!(value_with("x := data.w.n.u + 1", &options), "7");
}

#[test]
fn v0_is_read_by_option_and_found_out() {
    let rules = "default x = false\nx { 1 < 2 }";
    assert_eq!(value_with(rules, &options(Version::V0)), "true");
    assert_eq!(value(rules), "true");
}

#[test]
fn errors_name_the_place_in_the_text_that_was_written() {
    assert_eq!(problem("x := }"), "a.rego:2:6: rego_parse_error: unexpected } token");
    assert_eq!(
        problem("x if startwith(\"a\", \"b\")"),
        "a.rego:2:6: rego_type_error: undefined function startwith"
    );
    let arity = "a.rego:2:6: rego_type_error: function startswith has arity 2, got 1 argument";
    assert_eq!(problem("x if startswith(\"a\")"), arity);
    assert_eq!(problem("x := y"), "a.rego:2:6: rego_unsafe_var_error: var y is unsafe");
    let circle = "a.rego:2:1: rego_recursion_error: rule data.a.x is recursive: data.a.x -> data.a.y -> data.a.x";
    assert_eq!(problem("x := y\ny := x"), circle);
    let conflict =
        "a.rego:3:1: eval_conflict_error: complete rules must not produce multiple outputs";
    assert_eq!(problem("x := 1\nx := 2"), conflict);
    let operand = "eval_type_error: strings.count: operand 1 must be string but got number";
    let body = "{ some n in [1]; strings.count(n, \"a\") == 1 }";
    assert!(problem(&format!("x := $\"{{1}}\" if {body}")).ends_with(operand));
}

#[test]
fn operators_fail_as_builtins_do() {
    // What it is is not to be seen before it is evaluated.
    let text = "y := object.get({}, 1, \"a\")\n";
    assert_eq!(value(&format!("{text}x := [1 | 1 + y]")), "[]");
    assert_eq!(value(&format!("{text}x if not 1 + y == 2")), "undefined");
    assert_eq!(value(&format!("{text}x if not 1 + y")), "true");
    assert_eq!(value("y := 5\nx := [1 | some z in y]"), "[]");
    assert_eq!(value("y := {1, 2}\nx := (y - {1}) | {3}"), "[2,3]");
    assert_eq!(value("x := plus(1, minus(3, 1))"), "3");
    assert_eq!(value("plus(a, b) := [a, b]\nx := plus(1, 2)"), "[1,2]");
    for (rule, want) in [
        ("1 + y", "eval_type_error: plus: operand 2 must be number but got string"),
        ("{1} - y", "eval_type_error: minus: operand 2 must be set but got string"),
        ("y | {1}", "eval_type_error: or: operand 1 must be set but got string"),
        ("1 / z", "eval_builtin_error: div: divide by zero"),
        ("1 % z", "eval_builtin_error: rem: modulo by zero"),
        ("z % 1.5", "eval_builtin_error: rem: modulo on floating-point number"),
    ] {
        let found = problem(&format!("{text}z := 0\nx := {rule}"));
        assert!(found.ends_with(want), "{rule}: {found}");
    }
}

#[test]
fn a_query_shows_its_expressions_as_they_were_written() {
    let policy = Policy::compile(Vec::new(), Value::new_object(), &Options::default()).unwrap();
    let ask =
        |query: &str| policy.query(query).unwrap().worker().results(Value::new_object()).unwrap();
    let found = ask("x := 1;  x + 1");
    let last = &found.result[0].expressions[1];
    assert_eq!((&*last.text, last.location.col, &last.value), ("x + 1", 10, &Value::from(2)));
    assert_eq!(ask("not input.s + 1 == 2").result.len(), 0);
    assert_eq!(&*ask("not input.s").result[0].expressions[0].text, "not input.s");
}

#[test]
fn arguments_of_a_type_that_is_never_taken_are_refused() {
    for rule in ["upper(1)", "1 + \"a\"", "count(1)", "{1} | [2]", "upper(count([]))", "-1 - \"a\""]
    {
        let found = problem(&format!("x := {rule}"));
        assert!(
            found.contains("a.rego:2:6: rego_type_error: ")
                && found.ends_with("invalid argument(s)"),
            "{found}"
        );
    }
    assert_eq!(value("x := {1} - {2}"), "[1]");
    assert_eq!(value("upper(a) := a\nx := upper(1)"), "1");
}

#[test]
fn a_comprehension_behind_if_is_no_body() {
    assert_eq!(value("x if {y | y := 1; y == 2}"), "true");
}

#[test]
fn a_template_within_a_template_has_a_variable_of_its_own() {
    let rules = "y := \"A\"\nx := $\"{count([1 | not startswith(lower($\"{y}\"), \"b\")])}\"";
    assert_eq!(value(rules), "\"1\"");
}

#[test]
fn an_evaluation_that_takes_too_long_ends() {
    let source = Source::new(
        "a.rego",
        "package a\nx := count([1 | numbers.range(1, 2000)[_] < numbers.range(1, 2000)[_]])",
    );
    let limits = crate::Limits { time: Some(std::time::Duration::from_millis(5)) };
    let options = Options { limits, ..Options::default() };
    let policy = Policy::compile(vec![source], Value::new_object(), &options).unwrap();
    let found = policy.query("data.a.x").unwrap().worker().evaluate(Value::new_object());
    assert_eq!(found.unwrap_err().code, crate::code::CANCEL);
}

#[test]
fn patterns_are_gos_and_may_be_large() {
    assert_eq!(
        value("x := regex.match(`^[\\w.+-]+@[\\w-]+(\\.[\\w-]+)+$`, \"a.b@c.org\")"),
        "true"
    );
    assert_eq!(
        value("x := regex.match(`^\\d$`, \"\u{0663}\")"),
        "false",
        "an Arabic digit is none in Go"
    );
    assert_eq!(value("x := regex.replace(\"a1b22\", `(\\d)+`, \"<$1>\")"), "\"a<1>b<2>\"");
    assert_eq!(value("x := regex.find_n(`a*`, \"baac\", -1)"), "[\"\",\"aa\",\"\"]");
    assert_eq!(
        value("x := regex.find_all_string_submatch_n(`(a)|(b)`, \"ab\", 1)"),
        "[[\"a\",\"a\",\"\"]]"
    );
    assert_eq!(value("x := regex.split(`,`, \"a,b,\")"), "[\"a\",\"b\",\"\"]");
    assert_eq!(value("x := regex.split(``, \"ab\")"), "[\"a\",\"b\"]");
    assert_eq!(value("x := regex.is_valid(`(`)"), "false");
}

#[test]
fn what_a_single_call_makes_is_bounded() {
    for (rule, want) in [
        ("x := numbers.range(0, 1000000000000)", "numbers.range: 1000000000001 numbers"),
        (
            "x := numbers.range_step(-9223372036854775807, 9223372036854775807, 1)",
            "at most 1000000",
        ),
        (
            "x := replace(sprintf(\"%10000d\", [1]), \"\", sprintf(\"%10000d\", [1]))",
            "replace: more than",
        ),
        (
            "x := regex.replace(sprintf(\"%10000d\", [1]), \"\", sprintf(\"%10000d\", [1]))",
            "regex.replace: more",
        ),
        ("x := regex.match(`((a{1000}){1000}){1000}`, \"a\")", "error parsing regexp"),
    ] {
        let said = problem(rule);
        assert!(said.contains(want), "{rule}: {said}");
    }
    assert_eq!(value("x := numbers.range(3, 1)"), "[3,2,1]");
    assert_eq!(value("x := numbers.range_step(1, 6, 2)"), "[1,3,5]");
    assert_eq!(value("x := numbers.range_step(6, 1, 2)"), "[6,4,2]");
}

/// The value of any query, as JSON.
fn answer(rules: &str, query: &str) -> String {
    let source = Source::new("a.rego", format!("package a\n{rules}"));
    let policy = Policy::compile(vec![source], Value::new_object(), &Options::default()).unwrap();
    let found = policy.query(query).unwrap().worker().evaluate(Value::new_object()).unwrap();
    found.map_or_else(
        || "undefined".to_owned(),
        |it| it.to_json_str().unwrap().split_whitespace().collect(),
    )
}

#[test]
fn a_name_of_several_parts_has_its_objects_whatever_holds() {
    for (rules, query, want) in [
        ("y.z := 1 if input.no", "data.a.y", "{}"),
        ("y.z := 1 if input.no", "data.a.y.z", "undefined"),
        ("y.z := 1 if input.no", "data.a", "{\"y\":{}}"),
        ("y.z := 1 if input.no", "data", "{\"a\":{\"y\":{}}}"),
        ("x := data.a.y\ny.z := 1 if input.no", "data.a.x", "{}"),
        ("x := y\ny.z := 1 if input.no", "data.a.x", "{}"),
        ("x := y.z\ny.z := 1 if input.no", "data.a.x", "undefined"),
        ("y.z.w := 1 if input.no", "data.a.y", "{\"z\":{}}"),
        ("y.z.w := 1 if input.no", "data.a.y.z", "{}"),
        ("y.z.w := 1 if input.no", "data.a.y.z.w", "undefined"),
        ("y.z := 1 if input.no\ny.w := 2", "data.a.y", "{\"w\":2}"),
        ("y[\"z\"] := 1 if input.no", "data.a.y", "{}"),
        ("y[\"z\"] := 1 if input.no", "data.a.y.z", "undefined"),
        ("y.z contains 1 if input.no", "data.a.y", "{\"z\":[]}"),
        ("y.z contains 1 if input.no", "data.a.y.z", "[]"),
        ("y[k] := 1 if some k in []", "data.a.y", "{}"),
        ("y.z[k] := 1 if some k in []", "data.a.y", "{\"z\":{}}"),
        ("y.z[k] := 1 if some k in []", "data.a.y.z", "{}"),
        ("default y.z := 3\ny.z := 1 if input.no", "data.a.y", "{\"z\":3}"),
        ("default y.z := 3\ny.z := 1 if input.no", "data.a.y.z", "3"),
        ("x := count(y)\ny.z := 1 if input.no", "data.a.x", "0"),
        ("x if not y.z\ny.z := 1 if input.no", "data.a.x", "true"),
        ("x if not y\ny.z := 1 if input.no", "data.a.x", "undefined"),
        ("x if y\ny.z := 1 if input.no", "data.a.x", "true"),
        ("y.z if input.no", "data.a.y", "{}"),
        ("y.z if not input.no", "data.a.y", "{\"z\":true}"),
        ("y.z", "data.a.y.z", "true"),
        ("y.z := 1 if input.no else := 2", "data.a.y", "{\"z\":2}"),
        ("y.z := 1\ny.w contains 2 if input.no", "data.a.y", "{\"w\":[],\"z\":1}"),
        ("y.z := 1\ny.w.v := 2", "data.a.y", "{\"w\":{\"v\":2},\"z\":1}"),
        ("y.z := 1\nx := data.a.y.z", "data.a.x", "1"),
    ] {
        assert_eq!(answer(rules, query), want, "{query} of {rules}");
    }
}

#[test]
fn what_is_negated_has_its_arguments_evaluated_before() {
    let helpers = "f(v) if v == 1\ng := {\"a\": 1}\ni := input.no\n";
    for (condition, holds) in [
        ("input.no > 1", false),
        ("input.no != 1", false),
        ("f(input.no)", false),
        ("count(input.no) > 0", false),
        ("input.no", true),
        ("g[input.no]", false),
        ("startswith(lower(input.no), \"a\")", false),
        ("to_number(input.no) == 1", false),
        ("startswith(i, \"a\")", false),
        ("startswith(data.a.i, \"a\")", false),
        ("input.no + 1 == 2", false),
        ("input.no == input.other", true),
        ("[input.no] == [1]", false),
        ("\"a\" in input.no", false),
        ("input.no in {1}", false),
        ("input.no = 1", true),
        ("i", true),
        ("i == 1", true),
        ("lower(input.no)", false),
        ("f(2)", true),
        ("startswith(\"b\", \"a\")", true),
        ("2 in {1}", true),
        ("1 > 2", true),
        ("f(g.a)", false),
        ("object.get(g, \"b\", 1) == 2", true),
        ("startswith($\"{input.no}\", \"a\")", true),
    ] {
        let want = if holds { "true" } else { "undefined" };
        assert_eq!(
            answer(&format!("{helpers}x if not {condition}"), "data.a.x"),
            want,
            "{condition}"
        );
        let within = format!("{helpers}x if {{\n\tsome k in [1]\n\tnot {condition}\n\tk == 1\n}}");
        assert_eq!(answer(&within, "data.a.x"), want, "{condition}");
    }
    assert_eq!(answer("x := count([1 | not startswith(input.no, \"a\")])", "data.a.x"), "0");
    let body = "import future.keywords.not\nx if { not { startswith(input.no, \"a\"); true } }";
    assert_eq!(answer(body, "data.a.x"), "true");
    let body = "import future.keywords.not\nx if not startswith(input.no, \"a\")";
    assert_eq!(answer(body, "data.a.x"), "true");
}

/// What is wrong with rules of v1, without the place.
fn refused(rules: &str, strict: bool) -> String {
    let source = Source::new("a.rego", format!("package a\n{rules}"));
    let options = Options { version: Version::V1, strict, ..Options::default() };
    let Err(errors) = Policy::compile(vec![source], Value::new_object(), &options) else {
        return String::new();
    };
    let shown = |it: &crate::Error| format!("{}: {}", it.code, it.message);
    errors.0.iter().map(shown).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_variable_is_declared_once_before_it_is_used_and_for_something() {
    for (rules, want) in [
        ("x if { some y; true }", "declared var y unused"),
        ("x := [1 | some y; true]", "declared var y unused"),
        ("x if { z := [1 | some y; true]; z == [] }", "declared var y unused"),
        ("x if { every y in [1] { true } }", "declared var y unused"),
        ("x if { every k, v in [1] { v } }", "declared var k unused"),
        ("x if { some y; z := [y | y := 1]; z == [] }", "declared var y unused"),
        ("x if { y := 1; y := 2 }", "var y assigned above"),
        ("x if { y > 1; y := 2 }", "var y referenced above"),
        ("x if { some y; y := 2 }", "var y declared above"),
        ("x if { not y; y := 1 }", "var y referenced above"),
        ("x if { y := 1; some y in [1] }", "var y assigned above"),
        ("x if { some y in y }", "var y assigned before"),
        ("f(y) := z if { y := 1; z := y }", "arg y redeclared"),
        ("f(y) if { some y; y = 1 }", "arg y redeclared"),
        ("f(y) := 1 if { y == 1 } else := 2 if { y := 2 }", "arg y redeclared"),
        ("x if { count := 1; count([]) == 1 }", "called function count shadowed"),
        ("x if { count([]) == 1; count := 1 }", "var count referenced above"),
        ("x if { input.y := 1 }", "cannot assign to ref"),
        ("x if { [1, y] := [1, 2]; y }", "cannot assign to number"),
        ("x if { not y := 1 }", "cannot assign vars inside negated expression"),
    ] {
        assert_eq!(refused(rules, false), format!("rego_compile_error: {want}"), "{rules}");
    }
    for rules in [
        "x if { some y in [1]; true }",
        "x if { some k, v in {\"a\": 1}; v == 1 }",
        "x if { some y; y = 1 }",
        "x := y if { some y; [1][y] }",
        "x if { some y; z := [1 | [1][y]]; z == [] }",
        "x if { y := 1 }",
        "f(y) := 1",
        "f($\"{y}\") := 1 if { y := \"a\" }",
        "x if { y := 1; z := [y | y := 2]; z == [y] }",
        "x if { some y in [1]; some z in [y]; every y in [z] { y } }",
        "x if { y := [z | z := 1]; z := 2; y != z }",
        "x := [y | y := 1] if { y := 2; y == 2 }",
        "x if { [_, _] := [1, 2] }",
        "x[y] := z if { some y; z := [1][y] }",
        "x if { some _, _ in [1] }",
        "x if { some [y, z, y] in input.l; z }",
        "x if { some y; walk(input, [y, 1]) }",
    ] {
        assert_eq!(refused(rules, false), "", "{rules}");
    }
}

#[test]
fn what_nothing_uses_is_refused_if_checks_are_strict() {
    for (rules, want) in [
        ("x if { y := 1 }", "assigned var y unused"),
        ("f(a, b) := a", "unused argument b. (hint: use _ (wildcard variable) instead)"),
        (
            "f(a) := 1 if { [a | a := 1] }",
            "unused argument a. (hint: use _ (wildcard variable) instead)",
        ),
        ("import data.b\nx := 1", "import data.b unused"),
        ("import data.b as c\nx := 1", "import data.b as c unused"),
    ] {
        assert_eq!(refused(rules, true), format!("rego_compile_error: {want}"), "{rules}");
    }
    for rules in [
        "f(a, _) := a",
        "f(a, a) := 1",
        "f(a) := 1 if { a } else := 2",
        "f(a) := 1 if { input.x } else := a",
        "import data.b\nx := b.c",
        "x := y if { y := 1 }",
        "x if { y := 1; z := [1 | y]; z == [] }",
    ] {
        assert_eq!(refused(rules, true), "", "{rules}");
    }
}

#[test]
fn names_that_hide_others_are_refused() {
    for (rules, want) in [
        ("input := 1", "rules must not shadow input (use a different rule name)"),
        ("data.b := 1", "rules must not shadow data (use a different rule name)"),
        ("f(input) := 1", "args must not shadow input (use a different variable name)"),
        (
            "x if { input := 1; input == 1 }",
            "variables must not shadow input (use a different variable name)",
        ),
        ("import data.b\nimport data.c.b\nx := b", "import must not shadow import data.b"),
    ] {
        assert_eq!(refused(rules, false), format!("rego_compile_error: {want}"), "{rules}");
    }
    let deprecated = "rego_type_error: deprecated built-in function calls in expression: any";
    assert_eq!(refused("x := any([true])", false), deprecated);
    assert_eq!(refused("any(y) := y\nx := any([true])", false), "");
    assert_eq!(value_with("x { any([true]) }", &options(Version::V0)), "true");
}

#[test]
fn rules_that_cannot_be_beside_each_other_are_refused() {
    for (rules, want) in [
        ("f(x) := 1\nf := 2", "conflicting rules data.a.f found"),
        ("f contains 1\nf := 2", "conflicting rules data.a.f found"),
        ("f(x) := 1\nf(x, y) := 2", "conflicting rules data.a.f found"),
        ("f[k] := 1 if { k := 1 }\nf := 2", "conflicting rules data.a.f found"),
        ("f contains 1\nf[k] contains 2 if { k := 1 }", "conflicting rules data.a.f[k] found"),
        (
            "default f := 1\ndefault f := 2",
            "multiple default rules data.a.f found at a.rego:2, a.rego:3",
        ),
        ("p.q := 1\np := 2", "rule data.a.p conflicts with:\n  rule data.a.p.q at a.rego:2"),
        (
            "p.q.r := 1\np.q contains 2",
            "rule data.a.p.q conflicts with:\n  rule data.a.p.q.r at a.rego:2",
        ),
        (
            "p[k] := 1 if { k := 1 }\np.f(x) := x",
            "rule data.a.p[k] conflicts with:\n  rule data.a.p.f at a.rego:3",
        ),
    ] {
        assert_eq!(refused(rules, false), format!("rego_type_error: {want}"), "{rules}");
    }
    for rules in [
        "p[x] := 1 if { x := \"a\" }\np.b := 2",
        "p.q := 1\np.r.s := 2",
        "p.q contains 1\np.r contains 1",
        "f(x) := 1 if { x == 1 }\nf(x) := 2 if { x == 2 }\ndefault f(_) := 0",
        "x := 1 if { input.a } else := 2",
    ] {
        assert_eq!(refused(rules, false), "", "{rules}");
    }
}

#[test]
fn parts_that_no_value_of_a_rule_has_are_refused() {
    for (rules, want) in [
        ("p if input.x\nx := p.foo", "data.a.p.foo\n\thave: boolean"),
        ("p := [1]\nx := p.foo", "data.a.p.foo\n\thave: \"foo\"\n\twant (type): number"),
        ("p := \"s\"\nx if data.a.p.y.z", "data.a.p.y.z\n\thave: string"),
        (
            "p := {\"a\": {\"b\": 1}}\nx := p.a.c",
            "data.a.p.a.c\n\thave: \"c\"\n\twant (one of): [\"b\"]",
        ),
        (
            "p := {\"a\": 1} if input.x else := {\"b\": 1}\nx := p.c",
            "data.a.p.c\n\thave: \"c\"\n\twant (one of): [\"b\"]",
        ),
    ] {
        assert_eq!(
            refused(rules, false),
            format!("rego_type_error: undefined ref: {want}"),
            "{rules}"
        );
    }
    for rules in [
        "p := {\"a\": 1} if input.x else := {\"b\": 1}\nx := p.a",
        "p := {\"a\": input.y}\nx := p.a.b",
        "p := {input.y: 1}\nx := p.a",
        "p := {\"a\": 1} if input.x\np := {\"b\": 1} if input.y\nx := p.b",
        "p[k] := 1 if { some k in [\"a\"] }\nx := p.b",
        "p[k] := 1 if { some k in [\"a\"] }\np.b := 1\nx := p.b",
        "p contains \"a\"\nx := p.a",
        "p := {\"a\": 1}\nx if p.b with p as {\"b\": 1}",
        "p := {\"a\": 1}\nx if count([1 | p.b]) == 1 with data.a.p as {\"b\": 1}",
        "p := 1\nx if { p := {\"a\": 1}; p.a == 1 }",
        "p(y) := {\"a\": y}\nx := p(1).b",
        "p.q := 1\nx := p.q",
        "p := input.y\nx := p.a",
    ] {
        assert_eq!(refused(rules, false), "", "{rules}");
    }
}

#[test]
fn a_default_depends_on_nothing() {
    for (value, what) in [("input.x", "ref"), ("count([])", "call"), ("{\"a\": 1 + 1}", "call")] {
        let want = format!("illegal default rule (value cannot contain {what})");
        assert_eq!(
            refused(&format!("default x := {value}"), false),
            format!("rego_parse_error: {want}")
        );
    }
    for value in ["-1", "[1, {\"a\": null}]", "[y | y := input.x]"] {
        assert_eq!(refused(&format!("default x := {value}"), false), "", "{value}");
    }
}

#[test]
fn types_are_seen_through_variables_and_rules() {
    for (rules, want) in [
        ("x if { 1 == \"a\" }", "match error"),
        ("x if { y := 1; y = \"a\" }", "match error"),
        ("x if { not 1 == \"a\" }", "match error"),
        ("x := [1 | 1 == \"a\"]", "match error"),
        ("x if { y := [1]; z := y; z == {1} }", "match error"),
        ("y := 1\nx if { y == \"a\" }", "match error"),
        (
            "y := 1 if { input.a } else := 2\nx if startswith(data.a.y, \"a\")",
            "startswith: invalid argument(s)",
        ),
        ("x if { y := 1; startswith(y, \"a\") }", "startswith: invalid argument(s)"),
        ("y contains 1\nx := y + 1", "plus: invalid argument(s)"),
        ("y if input.a\nx := upper(y)", "upper: invalid argument(s)"),
    ] {
        let found = refused(rules, false);
        assert!(found.starts_with(&format!("rego_type_error: {want}")), "{rules}: {found}");
    }
    for rules in [
        "x if { 1 != \"a\" }",
        "x := 1 == \"a\"",
        "x if { y := 1 == \"a\"; y }",
        "x if { (1 == \"a\") == false }",
        "x if { y := input.a; y == \"a\" }",
        "b := true\nx if { y := b with b as \"a\"; lower(y) == \"a\" }",
        "y := 1 if { input.a } else := \"a\"\nx if startswith(y, \"a\")",
        "y := 1 if { input.a }\ny := \"a\" if { input.b }\nx if y == \"a\"",
        "y := 1\nx if { y := \"a\"; startswith(y, \"a\") }",
        "f(y) if { y == \"a\" }\ny := 1",
        "x if { y := 1; z := [y | y := \"a\"; y == \"a\"]; z == [y] }",
        "x if { some y in [\"a\"]; y == \"a\" }",
        "y[k] := 1 if { some k in [1] }\nx if y == {}",
        "y := 1\nx if { y == \"a\" with y as \"a\" }",
        "x if { [a, 1] = [1, a] }",
    ] {
        assert_eq!(refused(rules, false), "", "{rules}");
    }
}

#[test]
fn with_replaces_what_there_is() {
    let wrong =
        "rego_type_error: with keyword target must reference existing input, data, or a function";
    assert_eq!(refused("y := 1\nx if { y with foo as 1 }", false), wrong);
    assert_eq!(refused("y := 1\nx if { y with foo.bar as 1 }", false), wrong);
    for target in ["input", "input.a.b", "data.b.c", "b.c", "e", "y", "count", "io.jwt.decode"] {
        let rules = format!(
            "import data.b\nimport input.d as e\ny := 1\nf(z) := z\nx if {{ y == 1 with {target} as f }}"
        );
        assert_eq!(refused(&rules, false), "", "{target}");
    }
}

#[test]
fn keywords_may_be_imported_more_than_once() {
    for imports in [
        "import rego.v1\nimport future.keywords.if",
        "import future.keywords\nimport rego.v1\nimport future.keywords.in",
        "import rego.v2\nimport rego.v1\nimport future.keywords.contains",
    ] {
        assert_eq!(
            value(&format!("{imports}\nx if {{ some y in [1]; y == 1 }}")),
            "true",
            "{imports}"
        );
    }
}
