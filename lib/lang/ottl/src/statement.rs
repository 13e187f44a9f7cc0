//! Statements: what is done, and when.

use std::ops::Range;

use pdata::Place;

use crate::compile::{Compiler, Prefixes};
use crate::condition::ErrorMode;
use crate::context::{Around, Context, Request, Site};
use crate::editors::{Edit, Editors, Scratch};
use crate::error::Error;
use crate::functions::Test;
use crate::parse;
use crate::tree::{Node, Path};

/// A statement.
#[derive(Debug)]
pub struct Statement {
    /// With the names of contexts, as the Collector shows it.
    text: String,
    edit: Edit,
    test: Option<Test>,
    /// How often it looks for an attribute of what it is about.
    looks: usize,
}

impl Statement {
    /// Parses and compiles a text for a context.
    ///
    /// # Errors
    /// What is wrong with it, in the Collector's words, and where.
    pub fn new(
        text: &str,
        context: Context,
        prefixes: Prefixes,
        editors: Editors,
    ) -> Result<Self, Error> {
        let whole = match prefixes {
            Prefixes::Required => Prefixed { text: text.to_owned(), inserted: Vec::new() },
            Prefixes::Optional => Prefixed::new(text, context)?,
        };
        let compiled = whole.compile(context, editors);
        let (edit, test, looks) = compiled.map_err(|mut error| {
            error.span = whole.origin(error.span.start)..whole.origin(error.span.end);
            error.within(format_args!("unable to parse OTTL statement {:?}", whole.text))
        })?;
        Ok(Self { text: whole.text, edit, test, looks })
    }
}

impl Statement {
    /// Does what it says, if its condition holds: true if it does.
    ///
    /// # Errors
    /// Why it cannot, in the Collector's words.
    #[inline]
    pub fn run(
        &self,
        place: &mut Place<'_>,
        request: &Request<'_>,
        scratch: &mut Scratch,
    ) -> Result<bool, String> {
        self.run_at(Site::new(place, &Around::Request(request)), scratch)
    }

    #[inline]
    fn run_at(&self, site: Site<'_, '_>, scratch: &mut Scratch) -> Result<bool, String> {
        if let Some(test) = &self.test
            && !test.holds(site.scene())?
        {
            return Ok(false);
        }
        let Edit { editor, arguments, state } = &self.edit;
        editor.run(site, arguments, state, scratch)?;
        Ok(true)
    }
}

/// Statements that run one after another.
#[derive(Debug)]
pub struct Statements {
    list: Vec<Statement>,
    mode: ErrorMode,
    /// Attributes are looked for more than once, so it pays to list them first.
    lists: bool,
}

impl Statements {
    /// Parses and compiles texts for a context.
    ///
    /// # Errors
    /// Those that are wrong, with their position.
    pub fn new(
        texts: &[String],
        context: Context,
        prefixes: Prefixes,
        editors: Editors,
        mode: ErrorMode,
    ) -> Result<Self, Vec<(usize, Error)>> {
        let (mut list, mut wrong) = (Vec::new(), Vec::new());
        for (at, text) in texts.iter().enumerate() {
            match Statement::new(text, context, prefixes, editors) {
                Ok(it) => list.push(it),
                Err(error) => wrong.push((at, error)),
            }
        }
        let lists = list.iter().map(|it: &Statement| it.looks).sum::<usize>() > 1;
        if wrong.is_empty() { Ok(Self { list, mode, lists }) } else { Err(wrong) }
    }

    /// Runs all at a place.
    ///
    /// # Errors
    /// Why the payload has to be refused, in the Collector's words.
    #[inline]
    pub fn run(
        &self,
        place: &mut Place<'_>,
        request: &Request<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), String> {
        if self.lists {
            place.list_attributes();
        }
        let around = Around::Request(request);
        for statement in &self.list {
            if let Err(error) = statement.run_at(Site::new(place, &around), scratch) {
                self.failed(statement, error)?;
            }
        }
        Ok(())
    }

    #[cold]
    fn failed(&self, statement: &Statement, error: String) -> Result<(), String> {
        let statement = &statement.text;
        match self.mode {
            ErrorMode::Silent => {}
            ErrorMode::Ignore => {
                tracing::warn!(error, statement, "failed to execute statement");
            }
            ErrorMode::Propagate => {
                return Err(format!("failed to execute statement: {statement}, {error}"));
            }
        }
        Ok(())
    }
}

/// A statement in which each path says its context, whether the user wrote it or not.
struct Prefixed {
    text: String,
    /// Where in `text` there is what the user did not write.
    inserted: Vec<Range<usize>>,
}

impl Prefixed {
    fn new(text: &str, context: Context) -> Result<Self, Error> {
        let tree = parse::statement(text)?;
        let mut starts = Vec::new();
        tree.visit(&mut |it| {
            if let Node::Path(path) = &it.node
                && !is_prefixed(path, context)
                && let Some(first) = path.fields.first()
            {
                starts.push(first.span.start);
            }
        });
        starts.sort_unstable();
        let prefix = format!("{context}.");
        let mut whole = Self { text: String::new(), inserted: Vec::new() };
        let mut done = 0;
        for start in starts {
            whole.text.push_str(text.get(done..start).unwrap_or_default());
            let at = whole.text.len();
            whole.text.push_str(&prefix);
            whole.inserted.push(at..whole.text.len());
            done = start;
        }
        whole.text.push_str(text.get(done..).unwrap_or_default());
        Ok(whole)
    }

    fn compile(
        &self,
        context: Context,
        editors: Editors,
    ) -> Result<(Edit, Option<Test>, usize), Error> {
        let tree = parse::statement(&self.text)?;
        let prefixes = Prefixes::Required;
        let mut compiler = Compiler { text: &self.text, context, prefixes };
        let edit = compiler.edit(editors, &tree.editor)?;
        let test = tree.condition.as_ref().map(|it| compiler.test(it)).transpose()?;
        // Only `set` writes without reading.
        let mut looks = usize::from(tree.editor.name != "set");
        tree.visit(&mut |it| {
            if let Node::Path(path) = &it.node
                && let [first, second, ..] = path.fields.as_slice()
            {
                looks += usize::from(first.name == context.name() && second.name == "attributes");
            }
        });
        Ok((edit, test, looks))
    }

    /// Where in the user's text a position is.
    fn origin(&self, at: usize) -> usize {
        let before = self.inserted.iter().map(|it| it.end.min(at).saturating_sub(it.start));
        at - before.sum::<usize>()
    }
}

/// The path begins with a context that there is here.
fn is_prefixed(path: &Path, context: Context) -> bool {
    let [first, _, ..] = path.fields.as_slice() else { return false };
    path.is_of_request()
        || Context::named(&first.name).is_some_and(|it| context.within().contains(&it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::infer_statements;

    #[track_caller]
    fn refused(text: &str, prefixes: Prefixes, message: &str, at: &str) {
        let error = Statement::new(text, Context::Log, prefixes, Editors::Transform).unwrap_err();
        let (head, tail) = message.split_once('|').unwrap_or(("", message));
        let whole = if head.is_empty() {
            tail.to_owned()
        } else {
            format!("unable to parse OTTL statement {head:?}: {tail}")
        };
        assert_eq!(
            (error.message.as_str(), &text[error.span.clone()]),
            (whole.as_str(), at),
            "{text}"
        );
    }

    #[test]
    fn statements_of_all_forms_are_taken() {
        for text in [
            "set(attributes[\"a\"], body)",
            "set(log.body, {\"a\": [1, {\"b\": nil}], \"c\": resource.attributes[\"x\"][0]}) where true",
            "append(attributes[\"list\"], values=[1, \"b\"])",
            "keep_keys(attributes, [\"a\", Concat([\"b\", \"c\"], \"\")])",
            "flatten(attributes, depth=2, resolveConflicts=true)",
            "truncate_all(attributes, 10, utf8_safe=false, truncation_marker=\"..\")",
            "replace_pattern(body, \"a\", \"b\", SHA256)",
            "replace_all_patterns(attributes, \"key\", \"a\", \"b\", function=SHA256, replacement_format=\"x-%s\")",
            "delete_index(attributes[\"list\"], 0, Len(attributes[\"list\"]) - 1)",
            "limit(scope.attributes, 3, [])\n  where cache[\"x\"] != nil and not (flags == 1)",
        ] {
            Statement::new(text, Context::Log, Prefixes::Optional, Editors::Transform).unwrap();
        }
    }

    #[test]
    fn what_the_user_did_not_write_is_told_and_not_counted() {
        let optional = Prefixes::Optional;
        refused("sett(body, 1)", optional, "sett(log.body, 1)|undefined function \"sett\"", "sett");
        refused(
            "set(attributes[body], resource.foo) where flags == 1",
            optional,
            "set(log.attributes[log.body], resource.foo) where log.flags == 1|error while parsing arguments for call to \"set\": invalid argument at position 1: segment \"foo\" from path \"resource.foo\" is not a valid path nor a valid OTTL keyword for the resource context - review https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/pkg/ottl/contexts/ottlresource to see all valid paths",
            "foo",
        );
        refused(
            "set(body, 1) where flagz == 1",
            optional,
            "set(log.body, 1) where log.flagz == 1|segment \"flagz\" from path \"log.flagz\" is not a valid path nor a valid OTTL keyword for the log context - review https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/pkg/ottl/contexts/ottllog to see all valid paths",
            "flagz",
        );
    }

    /// A statement, what is wrong with it, and where.
    const MISTAKES: &[(&str, &str, &str)] = &[
        (
            "set(\"a\", 1)",
            "error while parsing arguments for call to \"set\": invalid argument at position 0: must be a path",
            "\"a\"",
        ),
        (
            "limit(log.attributes, \"a\", [])",
            "error while parsing arguments for call to \"limit\": invalid argument at position 1: must be an int",
            "\"a\"",
        ),
        (
            "limit(log.attributes, 1, [1])",
            "error while parsing arguments for call to \"limit\": invalid argument at position 2: error while parsing list argument at index 0: must be a string",
            "1",
        ),
        (
            "limit(log.attributes, 1, log.body)",
            "error while parsing arguments for call to \"limit\": invalid argument at position 2: must be a list of type string",
            "log.body",
        ),
        (
            "flatten(log.attributes, resolve_conflicts=1)",
            "error while parsing arguments for call to \"flatten\": invalid argument at position 1: must be a bool",
            "1",
        ),
        (
            "replace_match(log.body, \"a\", \"b\", SHA255)",
            "error while parsing arguments for call to \"replace_match\": undefined function SHA255",
            "SHA255",
        ),
        (
            "replace_match(log.body, \"a\", \"b\", \"c\")",
            "error while parsing arguments for call to \"replace_match\": invalid function name given",
            "\"c\"",
        ),
        (
            "replace_match(log.body, \"a\", \"b\", Concat)",
            "error while parsing arguments for call to \"replace_match\": incorrect number of arguments. Expected: 2 Received: 1",
            "Concat",
        ),
        (
            "convert_sum_to_gauge()",
            "undefined function \"convert_sum_to_gauge\"",
            "convert_sum_to_gauge",
        ),
        (
            "set(log.body)",
            "error while parsing arguments for call to \"set\": incorrect number of arguments. Expected: 2 Received: 1",
            "set",
        ),
        (
            "Len(log.body) where true",
            "editor names must start with a lowercase letter but got 'Len'",
            "Len",
        ),
        (
            "set(log.body, 1)[0][\"a\"]",
            "only paths and converters may be indexed, not editors, but got set[0][a]",
            "[0][\"a\"]",
        ),
        (
            "set(log.body, delete_key(log.body, 1))",
            "converter names must start with an uppercase letter but got 'delete_key'",
            "delete_key",
        ),
        (
            "set log.body",
            "statement has invalid syntax: 1:8: unexpected token \".\" (expected \"(\" (Argument (\",\" Argument)*)? \")\" Key*)",
            "log",
        ),
        (
            "set(log.body, 1) were true",
            "statement has invalid syntax: 1:18: unexpected token \"were\"",
            "were",
        ),
        (
            "set(log.body, 1) where log.body",
            "statement has invalid syntax: 1:32: unexpected token \"<EOF>\" (expected <opcomparison> Value)",
            "",
        ),
    ];

    #[test]
    fn mistakes_are_refused_in_the_collectors_words_and_with_their_place() {
        let required = Prefixes::Required;
        for (text, message, at) in MISTAKES {
            refused(text, required, &format!("{text}|{message}"), at);
        }
    }

    #[test]
    fn statements_and_conditions_say_together_what_they_are_about() {
        let known = [
            Context::Resource,
            Context::Scope,
            Context::Metric,
            Context::DataPoint,
            Context::Exemplar,
        ];
        let of = |statements: &[&str], conditions: &[&str]| {
            let own = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
            let (statements, conditions) = (own(statements), own(conditions));
            infer_statements(&statements, &conditions, Editors::Transform, &known)
                .map_err(|it| it.1.message)
        };
        let set = "set(resource.attributes[\"a\"], 1)";
        assert_eq!(of(&[set], &[]), Ok(Context::Resource));
        assert_eq!(of(&[set], &["metric.name == \"a\""]), Ok(Context::Metric));
        assert_eq!(
            of(&[set, "set(datapoint.flags, 1)"], &["metric.name == \"a\""]),
            Ok(Context::DataPoint)
        );
        assert_eq!(
            of(&["convert_sum_to_gauge() where resource.attributes[\"a\"] == 1"], &[]),
            Ok(Context::Metric)
        );
        assert_eq!(
            of(&["merge_histogram_buckets(1.0) where metric.name == \"a\""], &[]),
            Ok(Context::DataPoint)
        );
        let of_exemplar = &["set(exemplar.time, datapoint.time)", set];
        assert_eq!(of(of_exemplar, &[]), Ok(Context::Exemplar));
        assert_eq!(
            of(&["replace_pattern(metric.name, \"a\", \"b\", SHA256)"], &[]),
            Ok(Context::Metric)
        );
        let refused = of(&["convert_sum_to_gauge() where datapoint.flags == 1"], &[]);
        assert_eq!(
            refused.unwrap_err(),
            "unable to infer a valid context ([\"resource\" \"scope\" \"metric\" \"datapoint\" \"exemplar\"]) from statements [\"convert_sum_to_gauge() where datapoint.flags == 1\"] and conditions []: inferred context \"datapoint\" does not support the function \"convert_sum_to_gauge\""
        );
        assert!(
            of(&["set(log.body, 1)"], &[])
                .unwrap_err()
                .ends_with("inferred context \"log\" is not a valid candidate")
        );
        assert!(
            of(&["set(log.body, "], &[])
                .unwrap_err()
                .ends_with("1:13: unexpected token \",\" (expected \")\" Key*)")
        );
        assert!(of(&["copy_metric(name=\"a\")"], &[]).unwrap_err().starts_with(
            "unable to infer context from statements [\"copy_metric(name=\\\"a\\\")\"]"
        ));
    }
}
