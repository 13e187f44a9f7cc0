//! What Go's parser says of a text that the grammar does not have. It tries one way after the other, goes back where each fails,
//! and says what it expected at the place to which it went back, which is seldom where the text is wrong. People search for these
//! words, so they are found here as they are found there: with the grammar as data (`pkg/ottl/grammar.go`, v0.149), walked as
//! `github.com/alecthomas/participle` v2.1.4 does. Only texts that were refused come here.

use std::fmt::Write as _;
use std::ops::Range;

use golang::strconv::quote;

use crate::lex::{Kind, Token, unquote};

/// Most steps: each bracket of a text can double them.
const STEPS_MAX: usize = 100_000;
/// Deepest nesting of parts; each bracket of a text is about ten of them.
const DEPTH_MAX: usize = 1000;

/// A part of the grammar.
enum Part {
    /// A token of a kind.
    Token(Kind),
    /// A token that reads so, of any kind.
    Literal(&'static str),
    All(&'static [Part]),
    /// The first that fits.
    Any(&'static [Part]),
    Optional(&'static Part),
    Repeated(&'static Part),
    /// What follows is not this.
    Not(&'static Part),
    Rule(Name),
}

/// The rules, with Go's names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Name {
    AddSubTerm,
    Argument,
    BooleanExpression,
    BooleanValue,
    Comparison,
    ConstExpr,
    Converter,
    Editor,
    Field,
    Key,
    List,
    MapItem,
    MapValue,
    MathExpression,
    MathExprLiteral,
    MathValue,
    OpAddSubTerm,
    OpAndBooleanValue,
    OpMultDivValue,
    OpOrTerm,
    ParsedStatement,
    Path,
    Term,
    Value,
}

use Name::{
    AddSubTerm, Argument, BooleanExpression, BooleanValue, Comparison, ConstExpr, Converter,
    Editor, Field, Key, List, MapItem, MapValue, MathExprLiteral, MathExpression, MathValue,
    OpAddSubTerm, OpAndBooleanValue, OpMultDivValue, OpOrTerm, ParsedStatement, Path, Term, Value,
};
use Part::{All, Any, Literal, Not, Optional, Repeated, Rule, Token as One};

/// Upper and lower case are tokens of their own, so a name is several.
const REST_OF_NAME: Part = Repeated(&Any(&[One(Kind::Upper), One(Kind::Lower)]));
const LOWER_NAME: Part = All(&[One(Kind::Lower), REST_OF_NAME]);
const UPPER_NAME: Part = All(&[One(Kind::Upper), REST_OF_NAME]);
const ARGUMENTS: Part =
    Optional(&All(&[Rule(Argument), Repeated(&All(&[Literal(","), Rule(Argument)]))]));
const KEYS: Part = Repeated(&Rule(Key));

impl Name {
    #[expect(clippy::too_many_lines, reason = "the grammar is one table")]
    fn rule(self) -> &'static Part {
        match self {
            AddSubTerm => &All(&[Rule(MathValue), Repeated(&Rule(OpMultDivValue))]),
            Argument => &All(&[
                Optional(&All(&[LOWER_NAME, One(Kind::Equal)])),
                Any(&[Rule(Value), UPPER_NAME]),
            ]),
            BooleanExpression => &All(&[Rule(Term), Repeated(&Rule(OpOrTerm))]),
            BooleanValue => &All(&[
                Optional(&One(Kind::Not)),
                Any(&[
                    Rule(Comparison),
                    Rule(ConstExpr),
                    All(&[Literal("("), Rule(BooleanExpression), Literal(")")]),
                ]),
            ]),
            Comparison => &All(&[Rule(Value), One(Kind::Comparison), Rule(Value)]),
            ConstExpr => &Any(&[One(Kind::Bool), Rule(Converter)]),
            Converter => &All(&[UPPER_NAME, Literal("("), ARGUMENTS, Literal(")"), KEYS]),
            Editor => &All(&[LOWER_NAME, Literal("("), ARGUMENTS, Literal(")"), KEYS]),
            Field => &All(&[One(Kind::Lower), KEYS]),
            Key => &All(&[
                Literal("["),
                Any(&[
                    One(Kind::Text),
                    One(Kind::Int),
                    Rule(MathExpression),
                    Rule(MathExprLiteral),
                ]),
                Literal("]"),
            ]),
            List => &All(&[
                Literal("["),
                Repeated(&Rule(Value)),
                Repeated(&All(&[Literal(","), Rule(Value)])),
                Literal("]"),
            ]),
            MapItem => &All(&[One(Kind::Text), Literal(":"), Rule(Value)]),
            MapValue => &All(&[
                Literal("{"),
                Repeated(&All(&[Rule(MapItem), Optional(&Literal(","))])),
                Literal("}"),
            ]),
            MathExpression => &All(&[Rule(AddSubTerm), Repeated(&Rule(OpAddSubTerm))]),
            MathExprLiteral => {
                &Any(&[Rule(Editor), Rule(Converter), One(Kind::Float), One(Kind::Int), Rule(Path)])
            }
            MathValue => &All(&[
                Optional(&One(Kind::Sign)),
                Any(&[
                    Rule(MathExprLiteral),
                    All(&[Literal("("), Rule(MathExpression), Literal(")")]),
                ]),
            ]),
            OpAddSubTerm => &All(&[One(Kind::Sign), Rule(AddSubTerm)]),
            OpAndBooleanValue => &All(&[One(Kind::And), Rule(BooleanValue)]),
            OpMultDivValue => &All(&[One(Kind::Factor), Rule(MathValue)]),
            OpOrTerm => &All(&[One(Kind::Or), Rule(Term)]),
            ParsedStatement => &All(&[
                Any(&[Rule(Editor), Rule(Converter)]),
                Optional(&All(&[Literal("where"), Rule(BooleanExpression)])),
            ]),
            Path => &All(&[
                Optional(&All(&[One(Kind::Lower), Literal(".")])),
                Rule(Field),
                Repeated(&All(&[Literal("."), Rule(Field)])),
            ]),
            Term => &All(&[Rule(BooleanValue), Repeated(&Rule(OpAndBooleanValue))]),
            Value => &Any(&[
                One(Kind::Nil),
                All(&[Rule(MathExprLiteral), Not(&Any(&[One(Kind::Sign), One(Kind::Factor)]))]),
                Rule(MathExpression),
                One(Kind::Bytes),
                One(Kind::Text),
                One(Kind::Bool),
                All(&[One(Kind::Upper), Not(&One(Kind::Lower))]),
                Rule(MapValue),
                Rule(List),
            ]),
        }
    }
}

/// What stands where it should not, and what Go says of it.
pub(crate) struct Unexpected {
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
}

/// What Go says of a text, from its tokens; `None` if it would take it, or if that cannot be said: lambdas are younger than the
/// grammar here.
pub(crate) fn unexpected(root: Name, text: &str, tokens: &[Token]) -> Option<Unexpected> {
    let mut words = Vec::new();
    for token in tokens {
        let shown = text.get(token.span.clone()).unwrap_or_default();
        match token.kind {
            Kind::Arrow => return None,
            Kind::Mark if shown == "_" => return None,
            Kind::Text => {
                let value = unquote(shown)?;
                words.push(Word { kind: Kind::Text, value, span: token.span.clone() });
            }
            Kind::Upper | Kind::Lower => split(shown, token.span.start, &mut words),
            kind => words.push(Word { kind, value: shown.to_owned(), span: token.span.clone() }),
        }
    }
    let mut walk = Walk { words: &words, steps: 0, depth: 0 };
    let mut state = State::default();
    let fault = match walk.part(root.rule(), &mut state) {
        Err(Stop::Fault(fault)) => fault,
        Err(Stop::TooLong) => return None,
        Ok(fits) if fits && walk.kind(state.at) == Kind::End => return None,
        Ok(_) => state.deepest_or(Fault { at: state.at, expected: &[] }),
    };
    let word = words.get(fault.at)?;
    let shown = if word.kind == Kind::End { "<EOF>" } else { &word.value };
    let mut message = format!("unexpected token {}", quote(shown, false));
    if !fault.expected.is_empty() {
        message.push_str(" (expected ");
        print_all(fault.expected, &mut message);
        message.push(')');
    }
    Some(Unexpected { span: word.span.clone(), message })
}

/// A token as Go's lexer has it.
struct Word {
    kind: Kind,
    value: String,
    span: Range<usize>,
}

/// A name becomes one word for each change of case, and for each keyword that stands at such a place.
fn split(name: &str, start: usize, words: &mut Vec<Word>) {
    let mut at = 0;
    while let Some(rest) = name.get(at..).filter(|it| !it.is_empty()) {
        let is_upper = rest.starts_with(|it: char| it.is_ascii_uppercase());
        let other = if is_upper { 'a'..='z' } else { 'A'..='Z' };
        let mut length = rest.find(|it| other.contains(&it)).unwrap_or(rest.len());
        let mut kind = if is_upper { Kind::Upper } else { Kind::Lower };
        // A keyword ends with the name; a digit or underscore is no beginning, and stays with what it follows.
        if let Some(keyword) = Kind::keyword(rest.as_bytes()) {
            (kind, length) = (keyword, rest.len());
        }
        let span = start + at..start + at + length;
        let value = rest.get(..length).unwrap_or_default().to_owned();
        words.push(Word { kind, value, span });
        at += length;
    }
}

/// A word at which a part of the grammar failed.
#[derive(Clone, Copy)]
struct Fault {
    at: usize,
    /// What had to follow; nothing where Go does not say.
    expected: &'static [Part],
}

enum Stop {
    Fault(Fault),
    TooLong,
}

/// How far a way has come, and the deepest fault that it has seen.
#[derive(Clone, Copy, Default)]
struct State {
    at: usize,
    deepest: Option<Fault>,
    depth: usize,
}

impl State {
    fn saw(&mut self, fault: Fault) {
        if self.at >= self.depth {
            (self.deepest, self.depth) = (Some(fault), self.at);
        }
    }

    /// A way from here has failed.
    fn gave_up(&mut self, way: &Self, fault: Fault) {
        if way.depth > self.depth {
            (self.deepest, self.depth) = (way.deepest, way.depth);
        } else if way.at >= self.depth {
            (self.deepest, self.depth) = (Some(fault), way.at.max(way.depth));
        }
    }

    /// A way from here is the right one.
    fn took(&mut self, way: &Self) {
        self.at = way.at;
        if way.depth >= self.depth {
            (self.deepest, self.depth) = (way.deepest, way.depth);
        }
    }

    fn deepest_or(&self, fault: Fault) -> Fault {
        if self.at >= self.depth { fault } else { self.deepest.unwrap_or(fault) }
    }
}

struct Walk<'w> {
    words: &'w [Word],
    steps: usize,
    depth: usize,
}

impl Walk<'_> {
    fn kind(&self, at: usize) -> Kind {
        self.words.get(at).map_or(Kind::End, |it| it.kind)
    }

    fn part(&mut self, part: &'static Part, state: &mut State) -> Result<bool, Stop> {
        self.steps += 1;
        if self.steps > STEPS_MAX || self.depth > DEPTH_MAX {
            return Err(Stop::TooLong);
        }
        self.depth += 1;
        let fits = self.one(part, state);
        self.depth -= 1;
        fits
    }

    /// Whether it is there; a fault if it has begun and does not go on.
    fn one(&mut self, part: &'static Part, state: &mut State) -> Result<bool, Stop> {
        match part {
            One(kind) => Ok(step(self.kind(state.at) == *kind, state)),
            Literal(text) => {
                let word = self.words.get(state.at).filter(|it| it.kind != Kind::End);
                Ok(step(word.is_some_and(|it| it.value == *text), state))
            }
            All(parts) => {
                for (at, part) in parts.iter().enumerate() {
                    if !self.part(part, state)? {
                        let expected = parts.get(at..).unwrap_or_default();
                        let fault = Fault { at: state.at, expected };
                        return if at == 0 { Ok(false) } else { Err(Stop::Fault(fault)) };
                    }
                }
                Ok(true)
            }
            Any(parts) => {
                let mut furthest: Option<(usize, Fault)> = None;
                for part in *parts {
                    let mut way = *state;
                    match self.part(part, &mut way) {
                        Ok(true) => {
                            state.took(&way);
                            return Ok(true);
                        }
                        Ok(false) => {}
                        Err(Stop::Fault(fault)) => {
                            state.gave_up(&way, fault);
                            if furthest.is_none_or(|it| way.at >= it.0) {
                                furthest = Some((way.at, fault));
                            }
                        }
                        Err(stop) => return Err(stop),
                    }
                }
                let Some((_, fault)) = furthest else { return Ok(false) };
                state.saw(fault);
                Err(Stop::Fault(fault))
            }
            Optional(part) => {
                self.another(part, state)?;
                Ok(true)
            }
            Repeated(part) => {
                while self.another(part, state)? {}
                Ok(true)
            }
            Not(part) => {
                let mut way = *state;
                match self.part(part, &mut way) {
                    Ok(true) => Err(Stop::Fault(Fault { at: state.at, expected: &[] })),
                    Err(Stop::TooLong) => Err(Stop::TooLong),
                    _ => Ok(true),
                }
            }
            Rule(name) => {
                let fits = self.part(name.rule(), state);
                if let Err(Stop::Fault(fault)) = &fits {
                    state.saw(*fault);
                }
                fits
            }
        }
    }

    /// Whether something that need not be there is.
    fn another(&mut self, part: &'static Part, state: &mut State) -> Result<bool, Stop> {
        let mut way = *state;
        match self.part(part, &mut way) {
            Ok(fits) => {
                state.took(&way);
                Ok(fits)
            }
            Err(Stop::Fault(fault)) => {
                state.saw(fault);
                state.gave_up(&way, fault);
                Ok(false)
            }
            Err(stop) => Err(stop),
        }
    }
}

fn step(fits: bool, state: &mut State) -> bool {
    state.at += usize::from(fits);
    fits
}

fn print_all(parts: &[Part], out: &mut String) {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        print(part, out);
    }
}

fn print(part: &Part, out: &mut String) {
    match part {
        One(kind) => {
            out.push('<');
            out.push_str(kind.name());
            out.push('>');
        }
        Literal(text) => out.push_str(&quote(text, false)),
        All(parts) => {
            out.push('(');
            print_all(parts, out);
            out.push(')');
        }
        Any(parts) => {
            out.push('(');
            print_either(parts, out);
            out.push(')');
        }
        Optional(part) => {
            print(part, out);
            out.push('?');
        }
        Repeated(part) => {
            print(part, out);
            out.push('*');
        }
        Not(part) => {
            out.push_str("(?! ");
            match part {
                Any(parts) => print_either(parts, out),
                part => print(part, out),
            }
            out.push(')');
        }
        // Writing to a text cannot fail.
        Rule(name) => _ = write!(out, "{name:?}"),
    }
}

fn print_either(parts: &[Part], out: &mut String) {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push_str(" | ");
        }
        print(part, out);
    }
}

#[cfg(test)]
mod tests {
    use crate::parse;

    /// Texts, and what the Collector 0.149 says of them.
    const RECORDED: [(&str, &str); 17] = [
        ("set(log.body, ", r#"1:13: unexpected token "," (expected ")" Key*)"#),
        ("append(log.=1, 1)", r#"1:8: unexpected token "log" (expected ")" Key*)"#),
        ("set(log.attributes[", r#"1:19: unexpected token "[" (expected ")" Key*)"#),
        (r#"set(a, Len(not"b"))"#, r#"1:11: unexpected token "(" (expected ")" Key*)"#),
        (
            r#"set(a, ParseJSON"[1, \"x\"]")"#,
            r#"1:17: unexpected token "[1, \"x\"]" (expected ")" Key*)"#,
        ),
        ("set(a, true TrimPrefix(a))", r#"1:13: unexpected token "T" (expected ")" Key*)"#),
        ("set(log.atXtributes, 1)", r#"1:11: unexpected token "X" (expected ")" Key*)"#),
        ("set(a, Murmur3Ha/h(a))", r#"1:17: unexpected token "/" (expected ")" Key*)"#),
        ("set(a)[\"r\"], 1)", r#"1:12: unexpected token ",""#),
        (
            "yes",
            r#"1:4: unexpected token "<EOF>" (expected "(" (Argument ("," Argument)*)? ")" Key*)"#,
        ),
        (
            "keep_keys log.attributes, 1)",
            r#"1:14: unexpected token "." (expected "(" (Argument ("," Argument)*)? ")" Key*)"#,
        ),
        ("+set(a, 1)", r#"1:1: unexpected token "+""#),
        ("set(a, (1+)*3)", r#"1:6: unexpected token "," (expected ")" Key*)"#),
        ("replace(a, , 1)", r#"1:10: unexpected token "," (expected ")" Key*)"#),
        (
            "set(a, 1) where log.body",
            r#"1:25: unexpected token "<EOF>" (expected <opcomparison> Value)"#,
        ),
        ("set(a, 1) were true", r#"1:11: unexpected token "were""#),
        ("", r#"1:1: unexpected token "<EOF>""#),
    ];

    #[test]
    fn what_is_no_statement_is_refused_in_the_words_of_go() {
        for (text, want) in RECORDED {
            let error = parse::statement(text).unwrap_err();
            assert_eq!(error.message, format!("statement has invalid syntax: {want}"), "{text}");
        }
    }

    #[test]
    fn brackets_without_end_are_given_up() {
        for text in
            ["set(a, (((((((((((((((((((((((((((((((1+", &"set(a, ".repeat(60), &"(".repeat(5000)]
        {
            assert!(parse::statement(text).is_err());
        }
    }
}
