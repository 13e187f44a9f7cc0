//! The rules of resolution and the look of mistakes, each as a table.

mod limits;
mod web;

use crate::{At, Conf, Data, Diagnostics, Environment, Format, Locations, Node, Style, resolve};

const FILE: &str = "config.yaml";

fn locations(config: &[String], set: &[&str]) -> Locations {
    let set = set.iter().map(|it| (*it).to_owned()).collect();
    Locations { config: config.to_vec(), set, ..Locations::default() }
}

fn environment() -> Environment {
    Environment::of([
        ("A", "va"),
        ("B", "${env:A}"),
        ("EMPTY", ""),
        ("INT", "123"),
        ("OCTAL", "0123"),
        ("HEX", "0xdeadbeef"),
        ("BOOL", "true"),
        ("YES", "yes"),
        ("NULL", "null"),
        ("FLOAT", "1e3"),
        ("QUOTED", "'quoted'"),
        ("LIST", "[a,b/c]"),
        ("MAP", "a: ${env:INT}\n"),
        ("BAD", "[a"),
        ("DOLLAR", "pa$$word"),
        ("LOOP", "${env:LOOP}"),
        ("GROW", "x${env:GROW}x"),
        ("CFG", "receivers: {nop: {}}\nx: ${env:INT}\n"),
    ])
}

fn yaml(texts: &[&str]) -> Result<Conf, Diagnostics> {
    let uris: Vec<String> = texts.iter().map(|it| format!("yaml:{it}")).collect();
    resolve(&locations(&uris, &[]), &environment())
}

/// A node as JSON, with `<text>` after what has another text.
fn show(node: &Node) -> String {
    let value = match &node.data {
        Data::Null => "null".to_owned(),
        Data::Bool(it) => it.to_string(),
        Data::Int(it) => it.to_string(),
        Data::Float(it) => format!("{it:?}"),
        Data::String(it) => format!("{it:?}"),
        Data::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Data::Map(entries) => {
            let entries = entries.iter().map(|it| format!("{}: {}", it.key, show(&it.value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    };
    match (&node.original, &node.data) {
        (Some(text), Data::String(it)) if text == it => value,
        (Some(text), _) => format!("{value}<{text}>"),
        _ => value,
    }
}

fn check(text: &str, want: &str) {
    let conf = yaml(&[text]).map_err(|it| it.to_string());
    assert_eq!(conf.map(|it| show(&it.root)), Ok(want.to_owned()), "{text}");
}

fn check_error(text: &str, want: &str) {
    let got = yaml(&[text]).map(|it| show(&it.root)).map_err(|it| it.headline);
    let want = format!("failed to get config: cannot resolve the configuration: {want}");
    assert_eq!(got, Err(want), "{text}");
}

#[test]
fn dollars_are_escaped_as_in_go() {
    for (text, want) in [
        ("$$", "$"),
        ("cost $$5", "cost $5"),
        ("$${env:A}", "${env:A}"),
        ("$$$${env:A}", "$${env:A}"),
        ("$$${env:A}", "$va"),
        ("$A", "$A"),
        ("$${env:A} and ${env:A}", "${env:A} and ${env:A}"),
        // Go replaces the second as well; see the compatibility page.
        ("${env:A} and $${env:A}", "va and ${env:A}"),
        ("${env:A}${env:A}", "vava"),
        ("a$", "a$"),
        ("$1 $$1", "$1 $1"),
        ("${env:A", "${env:A"),
        ("$A}", "$A}"),
        ("$ {env:A}", "$ {env:A}"),
        ("} ${A}", "} va"),
        ("${DOLLAR}!", "pa$word!"),
    ] {
        check(&format!("k: '{text}'"), &format!("{{k: {want:?}}}"));
    }
}

#[test]
fn a_reference_alone_takes_the_type_of_the_content_and_keeps_its_text() {
    for (text, want) in [
        ("${env:INT}", "123<123>"),
        ("${INT}", "123<123>"),
        ("${OCTAL}", "83<0123>"),
        ("${HEX}", "3735928559<0xdeadbeef>"),
        ("${BOOL}", "true<true>"),
        ("${YES}", "\"yes\""),
        ("${NULL}", "null<null>"),
        ("${EMPTY}", "null<>"),
        ("${UNSET}", "null<>"),
        ("${FLOAT}", "1000.0<1e3>"),
        ("${QUOTED}", "\"'quoted'\""),
        ("${LIST}", "[\"a\", \"b/c\"]<[a,b/c]>"),
        ("${MAP}", "{a: 123<123>}<a: 123\n>"),
        ("${BAD}", "\"[a\""),
        ("${B}", "\"va\""),
        ("${yaml:[1, 2]}", "[1, 2]<[1, 2]>"),
    ] {
        check(&format!("k: '{text}'"), &format!("{{k: {want}}}"));
    }
}

#[test]
fn the_text_of_a_variable_survives_whatever_yaml_makes_of_it() {
    for text in [
        "2024-01-15",
        "2024-1-5",
        "2024-01-15T10:00:00Z",
        "2024-01-15 10:00:00",
        "0123",
        "0o17",
        "1e3",
        "0x1F",
        "1_000",
        "1.0",
        "+5",
        "-0",
        "007",
        ".inf",
        "~",
        "null",
        "on",
        "yes",
        "n",
        "true",
        "'quoted'",
        "!!str 5",
        "!!timestamp 2024-01-15",
        " 5 ",
        "2024-01-15\n",
        "5 # five",
        "[1, 2]",
        "{a: 1}",
        "- a\n- b\n",
        "a: 2024-01-15",
    ] {
        let text = text.to_owned();
        let value = text.clone();
        let environment = Environment::from_lookup(move |name| match name {
            "V" => Some(value.clone()),
            "W" => Some("${env:V}".to_owned()),
            _ => None,
        });
        let config = "yaml:{whole: '${env:V}', part: '<${V}>', again: '${env:W}', list: ['${V}']}";
        let conf = resolve(&locations(&[config.to_owned()], &[]), &environment).unwrap();
        let read = |path: &[&str]| {
            let node = conf.node(path).unwrap();
            node.original.clone().unwrap_or_else(|| match &node.data {
                Data::String(it) => it.clone(),
                other => panic!("{text:?}: {other:?} without a text"),
            })
        };
        assert_eq!(read(&["whole"]), text);
        assert_eq!(read(&["again"]), text);
        assert_eq!(read(&["part"]), format!("<{text}>"));
        assert_eq!(read(&["list", "0"]), text);
    }
}

#[test]
fn defaults_are_for_unset_variables_only_and_may_nest() {
    for (text, want) in [
        ("${env:UNSET:-fallback}", "\"fallback\""),
        ("${env:EMPTY:-fallback}", "null<>"),
        ("${env:A:-fallback}", "\"va\""),
        ("a-${env:UNSET:-7}-b", "\"a-7-b\""),
        ("${env:UNSET:-${env:A}}", "\"va\""),
        ("${env:UNSET:-}x", "\"x\""),
        ("${env:UNSET:-{a: 1}}", "\"{a: 1}\""),
        ("${env:UNSET:-[1, 2]}", "[1, 2]<[1, 2]>"),
        ("x${env:UNSET}y", "\"xy\""),
        ("x${env:OCTAL}y", "\"x0123y\""),
    ] {
        check(&format!("k: '{text}'"), &format!("{{k: {want}}}"));
    }
}

#[test]
fn keys_and_comments_are_not_expanded_and_lists_are() {
    check("'${A}': 1 # ${foo:bar}", "{${A}: 1}");
    check("k: ['${A}', {b: 'x${A}'}]", "{k: [\"va\", {b: \"xva\"}]}");
}

#[test]
fn bad_references_have_the_texts_of_go() {
    let name = "has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$";
    for (text, want) in [
        ("${}", format!("environment variable \"\" {name}")),
        ("${env:}", format!("environment variable \"\" {name}")),
        ("${a b}", format!("environment variable \"a b\" {name}")),
        ("${env:9A}", format!("environment variable \"9A\" {name}")),
        ("${:x}", "invalid uri: \":x\"".to_owned()),
        ("${MY_VAR:-x}", "invalid uri: \"MY_VAR:-x\"".to_owned()),
        ("${foo:bar}", "scheme \"foo\" is not supported for uri \"foo:bar\"".to_owned()),
        ("${E1:-x:1}", "scheme \"E1\" is not supported for uri \"E1:-x:1\"".to_owned()),
        ("x${foo:bar}", "scheme \"foo\" is not supported for uri \"foo:bar\"".to_owned()),
        ("${env:A$B}", "the uri \"env:A$B\" contains unsupported characters ('$')".to_owned()),
        ("${LOOP}", "too many recursive expansions".to_owned()),
        ("${GROW}", "too many recursive expansions".to_owned()),
    ] {
        check_error(&format!("k: '{text}'"), &want);
    }
}

#[test]
fn maps_merge_and_everything_else_is_replaced() {
    for (texts, want) in [
        (&["a: {b: 1, c: 2}", "a: {c: 3, d: 4}"][..], "{a: {b: 1, c: 3, d: 4}}"),
        (&["a: [1, 2]", "a: [3]"], "{a: [3]}"),
        (&["a: {b: 1}", "a: "], "{a: null}"),
        (&["a: {b: 1}", "a: {}"], "{a: {b: 1}}"),
        (&["a: 1", "a: {b: 1}"], "{a: {b: 1}}"),
        (&["a: 1", "", "# nothing"], "{a: 1}"),
        (&["a: {b: '${A}'}", "a: {b: 2}"], "{a: {b: 2}}"),
        (&["", ""], "null"),
        (&["{}"], "null"),
    ] {
        assert_eq!(show(&yaml(texts).unwrap().root), want, "{texts:?}");
    }
}

#[test]
fn double_colons_split_keys_of_maps_at_any_depth_and_not_in_lists() {
    check("receivers::nop:", "{receivers: {nop: null}}");
    check("a::b::c: 1\na::b::d: 2\na: {e: 3}", "{a: {b: {c: 1, d: 2}, e: 3}}");
    check("a: {b::c: 1}", "{a: {b: {c: 1}}}");
    check("a: [{b::c: 1}]", "{a: [{b::c: 1}]}");
    check("a: '${yaml:b::c: 1}'", "{a: {b: {c: 1}}<b::c: 1>}");
}

#[test]
fn set_comes_last_and_its_value_is_yaml() {
    let conf =
        |set: &[&str]| resolve(&locations(&["yaml:a: {b: 1}".to_owned()], set), &environment());
    let check = |set: &[&str], want: &str| {
        assert_eq!(conf(set).map(|it| show(&it.root)).unwrap(), want, "{set:?}");
    };
    check(&["a.b=2"], "{a: {b: 2}}");
    check(&["a.c = [x, 1]", "a::d=${A}"], "{a: {b: 1, c: [\"x\", 1], d: \"va\"}}");
    check(&["a="], "{a: null}");
    check(&["a.c=x=y"], "{a: {b: 1, c: \"x=y\"}}");
    let error = conf(&["foo"]).unwrap_err().headline;
    assert_eq!(error, "invalid argument \"foo\" for \"--set\" flag: missing equal sign");
    let conf = conf(&["a.long_key=  5"]).unwrap();
    let at = |at| conf.origin(&["a", "long_key"], at).unwrap().to_string();
    assert_eq!((at(At::Key), at(At::Value)), ("--set:1:3".to_owned(), "--set:1:14".to_owned()));
}

#[test]
fn locations_have_schemes_or_are_paths() {
    let error = |uri: &str| {
        resolve(&locations(&[uri.to_owned()], &[]), &environment()).unwrap_err().headline
    };
    assert_eq!(error("foo:bar"), "unsupported scheme on URI \"foo:bar\"");
    for uri in ["absent.yaml", "file:absent.yaml"] {
        assert_eq!(
            error(uri),
            "failed to get config: cannot resolve the configuration: cannot retrieve the configuration: \
             unable to read the file file:absent.yaml: open absent.yaml: no such file or directory"
        );
    }
    let none = resolve(&Locations::default(), &environment()).unwrap_err().headline;
    assert_eq!(none, "at least one config flag must be provided");
    let conf = resolve(&locations(&["env:CFG".to_owned()], &[]), &environment()).unwrap();
    assert_eq!(show(&conf.root), "{receivers: {nop: {}}, x: 123<123>}");
}

#[test]
fn what_is_not_a_map_is_refused_with_gos_name_of_its_type() {
    for (text, name) in [
        ("[a]", "[]interface {}"),
        ("abc", "string"),
        ("5", "int"),
        ("1.5", "float64"),
        ("true", "bool"),
        ("2024-01-02", "time.Time"),
    ] {
        check_error(text, &format!("retrieved value (type={name}) cannot be used as a Conf"));
    }
}

#[test]
fn mistakes_of_syntax_have_the_texts_of_go() {
    let intro = "retrieved value (type=string) cannot be used as a Conf: assuming string type since \
                 contents are not valid YAML: yaml: ";
    for (text, want) in [
        ("receivers: [nop\nexporters: {}\n", "line 1: did not find expected ',' or ']'"),
        ("a:\n  b: {c: 1\nd: 2\n", "line 1: did not find expected ',' or '}'"),
        ("a: 1\nb: c: d\n", "line 2: mapping values are not allowed in this context"),
        ("a: b: c\n", "mapping values are not allowed in this context"),
        ("a:\n  b: 1\n c: 2\n", "line 2: did not find expected key"),
        ("a: *x\n", "unknown anchor 'x' referenced"),
        ("a: &x [*x]\n", "anchor 'x' value contains itself"),
        ("a: 1\n\tb: 2\n", "line 2: found a tab character that violates indentation"),
        ("a:\n\tb: 2\n", "line 2: found character that cannot start any token"),
        ("a: 'x\nb: 2\n", "found unexpected end of stream"),
        ("a: @x\n", "found character that cannot start any token"),
        ("a: 1\nb\nc: 2\n", "line 3: could not find expected ':'"),
        (
            "a: 1\nb: 2\na: 3\nb: 4\n",
            "unmarshal errors:\n  line 3: mapping key \"a\" already defined at line 1\n  line 4: mapping key \
             \"b\" already defined at line 2",
        ),
        ("<<: 5", "map merge requires map or sequence of maps as the value"),
        ("a: !!int x", "cannot decode !!str `x` as a !!int"),
        ("{[a]: b}", "invalid map key"),
    ] {
        check_error(text, &format!("{intro}{want}"));
    }
}

#[test]
fn anchors_aliases_and_merge_keys_work_as_in_go() {
    check(
        "a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}",
        "{a: {p: 1, q: 2}, b: {p: 1, q: 2}, c: {q: 3, p: 1}}",
    );
    check(
        "a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {<<: [*x, *y]}",
        "{a: {p: 1}, b: {p: 2, q: 2}, c: {p: 1, q: 2}}",
    );
    check("a: &x 5\nb: [*x, *x]", "{a: 5, b: [5, 5]}");
    check("'<<': 5", "{<<: 5}");
}

#[test]
fn forms_that_people_write_are_read() {
    check("\u{feff}a: 1", "{a: 1}");
    check("a: 1\r\nb:\r\n  c: 2\r\n", "{a: 1, b: {c: 2}}");
    check("---\na: 1\n---\nb: 2\n", "{a: 1}");
    check("a: [\n  b,\n  c,\n]\n", "{a: [\"b\", \"c\"]}");
    check("a: {\n  b: 1,\n}\n", "{a: {b: 1}}");
    check("a:\n- b\n- c: 1\n  d: 2\n", "{a: [\"b\", {c: 1, d: 2}]}");
    check("a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{a: \"x\\ny\\n\", b: \"x y\"}");
    check("a: 0.0.0.0:4317", "{a: \"0.0.0.0:4317\"}");
    check("a: \"x\\ty\" # c", "{a: \"x\\ty\"}");
    check("a:\t1\t# tab\nb: 2", "{a: 1, b: 2}");
    check("1: a\ntrue: b", "{1: \"a\", true: \"b\"}");
    check("a: 'x\n  y'\nb: \"x\n\n  y\"", "{a: \"x y\", b: \"x\\ny\"}");
    check("a:\n  b: \"x\n  y\"\nc: {d: 'x\ny', e: 1}", "{a: {b: \"x y\"}, c: {d: \"x y\", e: 1}}");
    check("a: x\n  y\n", "{a: \"x y\"}");
    check("a: 2024-01-02", "{a: \"2024-01-02T00:00:00Z\"<2024-01-02>}");
    check("a: ${env:A} # c", "{a: \"va\"}");
    check("a: http://${env:A}:${INT}/", "{a: \"http://va:123/\"}");
    check("a: !!str 5\nb: ! x", "{a: \"5\", b: \"x\"}");
}

#[test]
fn files_are_read_merged_and_included_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let part = path("part.yaml");
    std::fs::write(&part, "timeout: 6s\nsize: ${env:INT}\n").unwrap();
    std::fs::write(path("a.yaml"), format!("processors:\n  batch: ${{file:{part}}}\n  b: 1\n"))
        .unwrap();
    std::fs::write(path("b.yaml"), "processors:\n  b: 2\n").unwrap();
    let uris = [path("a.yaml"), format!("file:{}", path("b.yaml"))];
    let conf = resolve(&locations(&uris, &[]), &environment()).unwrap();
    let at = |keys: &[&str]| conf.origin(keys, At::Value).unwrap().clone();

    let timeout = at(&["processors", "batch", "timeout"]);
    assert_eq!(timeout.to_string(), format!("{part}:1:10"));
    let reference = timeout.reference.unwrap();
    assert_eq!(reference.to_string(), format!("{}:2:10", path("a.yaml")));

    let size = at(&["processors", "batch", "size"]);
    assert_eq!(size.source.name, "INT");
    assert_eq!(size.visible().to_string(), format!("{part}:2:7"));
    assert_eq!(at(&["processors", "b"]).to_string(), format!("{}:2:6", path("b.yaml")));
    let key = conf.origin(&["processors", "batch"], At::Key).unwrap();
    assert_eq!(key.to_string(), format!("{}:2:3", path("a.yaml")));
    let nearest = conf.nearest(&["processors", "b", "absent", "key"], At::Value).unwrap();
    assert_eq!(nearest.to_string(), format!("{}:2:3", path("b.yaml")));
}

#[test]
fn unset_and_empty_variables_are_noticed_once_each() {
    let conf = yaml(&["a: ${UNSET}\nb: x${EMPTY}\nc: ${env:UNSET:-d}\n"]).unwrap();
    let got: Vec<_> = conf.notices.iter().map(|it| (it.message, it.name.as_str())).collect();
    assert_eq!(
        got,
        [
            ("Configuration references unset environment variable", "UNSET"),
            ("Configuration references empty environment variable", "EMPTY"),
        ]
    );
}

fn rendered(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, text).unwrap();
    let uri = path.to_str().unwrap().to_owned();
    let error = resolve(&locations(std::slice::from_ref(&uri), &[]), &environment()).unwrap_err();
    error.to_string().replace(&uri, FILE)
}

const NOT_YAML: &str = "failed to get config: cannot resolve the configuration: retrieved value \
                        (type=string) cannot be used as a Conf: assuming string type since contents are \
                        not valid YAML: ";

#[test]
fn a_mistake_shows_its_place_and_the_place_it_has_to_do_with() {
    let want = "yaml: unmarshal errors:
  line 3: mapping key \"receivers\" already defined at line 1

error[SL0006]: mapping key \"receivers\" already defined at line 1
  --> config.yaml:3:1
   |
 3 | receivers: {otlp: {}}
   | ^^^^^^^^^ defined again
  ::: config.yaml:1:1
   |
 1 | receivers: {nop: {}}
   | ^^^^^^^^^ first defined here
   = help: keep one of the two, or move the keys of one below the other";
    let got = rendered("receivers: {nop: {}}\nexporters: {}\nreceivers: {otlp: {}}\n");
    assert_eq!(got, format!("{NOT_YAML}{want}"));
}

#[test]
fn all_bad_references_are_shown_at_once() {
    let want = "failed to get config: cannot resolve the configuration: scheme \"foo\" is not supported for \
                uri \"foo:bar\"

error[SL0003]: scheme \"foo\" is not supported for uri \"foo:bar\"
  --> config.yaml:1:5
   |
 1 | a: x${foo:bar}
   |     ^^^^^^^^^^
   = help: for a literal `${` write `$${`

error[SL0009]: invalid uri: \"MY_VAR:-5\"
  --> config.yaml:2:4
   |
 2 | b: ${MY_VAR:-5}
   |    ^^^^^^^^^^^^
   = help: a default needs the scheme: `${env:MY_VAR:-5}`";
    assert_eq!(rendered("a: x${foo:bar}\nb: ${MY_VAR:-5}\n"), want);
}

#[test]
fn a_problem_of_a_component_is_found_by_its_path() {
    let conf =
        yaml(&["processors:\n  batch:\n    send_batch_size: ${env:YES}\n    password: hunter2\n"])
            .unwrap();
    let path = ["processors", "batch", "send_batch_size"];
    let problem = conf.problem(crate::code::WRONG_TYPE, "expected type 'uint32'", &path, At::Value);
    let got = Diagnostics::new("expected type 'uint32', all of it", vec![problem]).to_string();
    let want = "expected type 'uint32', all of it

error[SL0103]: expected type 'uint32'
  --> yaml::3:22
   |
 3 |     send_batch_size: ${env:YES}
   |                      ^^^^^^^^^^
   = note: the value comes from environment variable YES";
    assert_eq!(got, want);

    let path = ["processors", "batch", "password"];
    let problem = conf.problem(crate::code::RULE, "bad password \"hunter2\"", &path, At::Value);
    let got = Diagnostics::new("headline", vec![problem]).to_string();
    assert!(!got.contains("hunter2"), "{got}");
    assert!(got.contains("password: [REDACTED]\n   |               ^^^^^^^^^^"), "{got}");
}

#[test]
fn no_format_quotes_a_secret() {
    for text in [
        "headers: {a: hunter2, b: [}\n",
        "password: @hunter2\n",
        "a:\n  pasword: hunter2\n  pasword: hunter2\n",
        "a:\n  headers:\n    x: hunter2\nb: 1\na:\n  headers:\n    y: hunter2\n",
    ] {
        let error = yaml(&[text]).unwrap_err();
        let formats = [Format::Text(Style::Colour), Format::Json, Format::Sarif, Format::Github];
        for format in formats {
            let got = error.render(format);
            assert!(got.contains("SL00") && !got.contains("hunter2"), "{got}");
        }
    }
}

#[test]
fn a_key_defined_twice_is_put_right_by_one_edit() {
    let error = yaml(&["a:\n  x: 1\nb: 2\na:\n  y: 2\nc: 3\n"]).unwrap_err();
    let fix = error.list[0].fix[0].clone();
    assert_eq!((fix.place.line, fix.place.column, fix.place.length), (3, 1, 15));
    assert_eq!(fix.replacement, "  y: 2\nb: 2\n");
}

#[test]
fn secrets_are_not_shown_around_mistakes() {
    for text in [
        "headers: {a: hunter2, b: [}\n",
        "password: hunter2: x\n",
        "password: ${hunter2:x}\n",
        "password: ${env:hunter 2}\ntoken: ${hunter2:-x}\n",
        "a: {token: hunter2, token: hunter2}\n",
        "k: ${x:y} http://me:hunter2@host\n",
    ] {
        let got = rendered(text);
        assert!(!got.contains("hunter2"), "{got}");
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    fn render(result: Result<Conf, Diagnostics>) {
        match result {
            Ok(conf) => drop(show(&conf.root)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            render(yaml(&[&text]));
        }

        #[test]
        fn text_that_looks_like_yaml_is_read_or_refused(
            text in "([a-c]: |- |\\{|\\}|\\[|\\]|,|\n|\n  |\n    |&a |\\*a|<<: |'|\"|#|\t|\\$\\{A\\}|\\$\\{env:|\\$|::|\\||!!int |\u{e9}|%|---\n){0,40}",
        ) {
            render(yaml(&[&text]));
        }

        #[test]
        fn any_set_flag_is_read_or_refused(text in "[a-c.:= \\[\\]{}$\n'\"]{0,30}") {
            render(resolve(&locations(&["yaml:a: 1".to_owned()], &[&text]), &environment()));
        }
    }
}
