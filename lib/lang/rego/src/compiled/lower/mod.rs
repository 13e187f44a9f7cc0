//! From the syntax tree to a program.

mod body;
mod expr;
mod names;
mod rules;
mod state;

use crate::policy::Policy;
use crate::translate;

use super::program::Program;
use state::Lower;

/// Lowers what a query needs.
///
/// # Errors
/// Why it cannot be lowered.
pub fn program(
    policy: &Policy,
    query: &str,
    is_readable: &dyn Fn(&[&str]) -> bool,
) -> Result<Program, String> {
    let below = query.trim().strip_prefix("data.").unwrap_or_default();
    let path: Vec<String> = below.split('.').map(str::to_owned).collect();
    let is_name =
        |it: &String| !it.is_empty() && it.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !path.iter().all(is_name) {
        return Err("the query is no plain path of a rule".into());
    }
    if policy.modules().any(|it| {
        it.2.rules
            .iter()
            .any(|rule| rule.head.path().first().is_some_and(|it| translate::is_keyword(it)))
    }) {
        return Err("a rule is named like a keyword".into());
    }
    let mut lower = Lower::new(policy, is_readable);
    let query = lower.rule_at(&path)?.ok_or("there is no rule of this name")?;
    let mut program = lower.program;
    program.query = query;
    program.has_locals = program.rules.iter().chain(&program.functions).any(|it| it.slots > 0);
    Ok(program)
}
