//! Builtins of the engine, called as its interpreter calls them.

use std::sync::OnceLock;

use regorus::Value;
use regorus::unstable::{BUILTINS, BuiltinFcn, Expr, NodeRef, Span};

use super::args::{Answer, Failure};

/// Most arguments of a builtin.
pub const ARGUMENTS_MAX: usize = 8;

/// The answer; `strict` makes an error of what is undefined otherwise.
///
/// # Errors
/// The engine's.
pub fn call(function: &BuiltinFcn, arguments: &[Value], strict: bool) -> anyhow::Result<Value> {
    static PLACE: OnceLock<Option<(Span, Vec<NodeRef<Expr>>)>> = OnceLock::new();
    let place = PLACE.get_or_init(|| {
        let source = regorus::Source::from_contents("builtin".into(), " ".into()).ok()?;
        let span = Span { source, line: 1, col: 1, start: 0, end: 0 };
        let null = || NodeRef::new(Expr::Null { span: span.clone(), value: Value::Null, eidx: 0 });
        let parameters = (0..ARGUMENTS_MAX).map(|_| null()).collect();
        Some((span, parameters))
    });
    let parts = place.as_ref().and_then(|it| Some((&it.0, it.1.get(..arguments.len())?)));
    let (span, parameters) = parts.ok_or_else(|| anyhow::anyhow!("too many arguments"))?;
    function.0(span, parameters, arguments, strict)
}

/// The same by its name, for builtins of ours that look at the arguments first.
pub fn named(name: &str, arguments: &[Value]) -> Answer {
    let Some(function) = BUILTINS.get(name) else {
        return Err(Failure::Failed("it is not there".into()));
    };
    call(function, arguments, true).map_err(|error| {
        let text = error.to_string();
        // Where it stands is the place of the call.
        let text = text.split_once("error: ").map_or(text.as_str(), |it| it.1);
        Failure::Failed(text.trim().to_owned())
    })
}
