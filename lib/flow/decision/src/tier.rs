//! How the rules of a policy will be evaluated, for those who write them.

use std::collections::BTreeSet;

use component::Signal;
use rego::Policy;

use crate::config::Speed;
use crate::plan::{Making, Plan};

/// How a rule is evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// `data.system.authz.allow`
    pub query: String,
    /// `compiled`, `interpreter, remembered: ...` or `interpreter: ...` with the reason; for each signal if they differ.
    pub how: String,
}

/// Of all rules of a policy that a section can ask for, by name.
pub fn tiers(policy: &Policy) -> Vec<Tier> {
    let mut names = BTreeSet::new();
    for (_, _, module) in policy.modules() {
        for rule in module.rules.iter().filter(|it| it.head.args.is_none()) {
            let Some(name) = rule.head.path().first().copied() else { continue };
            let package = module.package.iter().map(String::as_str);
            let path: Vec<&str> = std::iter::once("data").chain(package).chain([name]).collect();
            names.insert(path.join("."));
        }
    }
    let queries: Vec<String> = names.into_iter().collect();
    let speed = Speed::default();
    let making = Making {
        policy,
        queries: &queries,
        rules: &[],
        aliases: &[],
        hosts: &[],
        data: policy.data(),
        speed: &speed,
    };
    let plans = Signal::ALL.map(|signal| (signal, Plan::new(signal, &making)));
    let tier = |(at, query): (usize, &String)| {
        let of = |(signal, plan): &(Signal, Plan)| (*signal, plan.how(at));
        let all: Vec<(Signal, String)> = plans.iter().map(of).collect();
        let same = all.iter().all(|it| Some(&it.1) == all.first().map(|it| &it.1));
        let how = if same {
            all.into_iter().next().map(|it| it.1).unwrap_or_default()
        } else {
            let each = all.iter().map(|(signal, how)| format!("{signal}: {how}"));
            each.collect::<Vec<_>>().join("; ")
        };
        Tier { query: query.clone(), how }
    };
    queries.iter().enumerate().map(tier).collect()
}
