//! What `sluice rego check` warns of: paths of `input` that no record has, and rules that no entry point needs.

use rego::Policy;

use crate::console::complain;

/// Says all of it.
pub fn warn(policy: &Policy, entry_points: &[String]) {
    // Tests write inputs of their own.
    let modules = policy.modules().filter(|it| !it.0.ends_with("_test.rego"));
    let modules: Vec<_> = modules.collect();
    for unknown in decision::unknown_paths(modules.iter().copied()) {
        let known = unknown.known.iter().map(String::as_str);
        let meant = confmap::closest(&unknown.name, known.clone());
        let help = match meant {
            Some(it) => format!("did you mean {it}?"),
            None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
        };
        complain(format_args!("warning: {}\n\t{help}", unknown.error));
    }
    if entry_points.is_empty() {
        return;
    }
    for error in policy.unused_rules(entry_points) {
        complain(format_args!("warning: {error}"));
    }
}
