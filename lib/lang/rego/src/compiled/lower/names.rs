//! What a path below `data` stands for.

use regorus::Value;

use super::super::program::Ex;
use super::state::Lower;
use crate::syntax::{Module, Rule};

impl<'p> Lower<'p> {
    /// All rules with their paths and modules.
    pub fn all_rules(
        &self,
    ) -> impl Iterator<Item = (Vec<&'p str>, &'p Module, &'p Rule)> + use<'p> {
        let modules = self.modules.clone();
        modules.into_iter().flat_map(|module| {
            module.rules.iter().map(move |rule| {
                let package = module.package.iter().map(String::as_str);
                (package.chain(rule.head.path()).collect(), module, rule)
            })
        })
    }

    /// A path below `data`, with the number of its parts that the expression stands for.
    pub fn document(&mut self, path: &[&str]) -> Result<(Ex, usize), String> {
        for length in (1..=path.len()).rev() {
            let part = path.get(..length).unwrap_or_default();
            let owned: Vec<String> = part.iter().map(|it| (*it).to_owned()).collect();
            if let Some(rule) = self.rule_at(&owned)? {
                let made = self.program.rules.get(rule);
                self.frame.may_stop |= made.is_some_and(|it| it.may_stop);
                let same = made.and_then(super::super::program::Rule::same_for_all);
                return Ok((same.map_or(Ex::Rule(rule), Ex::Const), length));
            }
        }
        let touches = |other: &[&str]| path.iter().zip(other).all(|(a, b)| a == b);
        let has_rules = self.all_rules().any(|it| touches(&it.0))
            || self.modules.iter().any(|it| {
                path.len() <= it.package.len() && it.package.iter().zip(path).all(|(a, b)| a == b)
            });
        let has_lookup = self.lookups.iter().any(|it| {
            let lookup: Vec<&str> = it.iter().map(String::as_str).collect();
            touches(&lookup)
        });
        if has_rules || has_lookup || path.is_empty() {
            return Err(format!("it reads data.{} as a whole", path.join(".")));
        }
        let mut found = self.data;
        for name in path {
            found = found
                .as_object()
                .ok()
                .and_then(|it| it.get(&(*name).into()))
                .unwrap_or(&Value::Undefined);
        }
        Ok((Ex::Const(found.clone()), path.len()))
    }

    /// Whether the base document has something at a path.
    pub fn has_data(&self, path: &[String]) -> bool {
        let mut found = self.data;
        for name in path {
            match found.as_object().ok().and_then(|it| it.get(&name.as_str().into())) {
                Some(below) => found = below,
                None => return false,
            }
        }
        true
    }

    /// The path below `data` of a name in the module: of a rule in its package, or of an import.
    pub fn global(&self, name: &str) -> Option<Vec<&'p str>> {
        let module = self.module?;
        let import = module.imports.iter().find(|it| it.name() == Some(name));
        if let Some(import) = import {
            return Some(import.path.iter().map(String::as_str).collect());
        }
        let package: Vec<&str> = module.package.iter().map(String::as_str).collect();
        let is_rule = self.all_rules().any(|(path, ..)| {
            path.strip_prefix(package.as_slice()).and_then(<[&str]>::first) == Some(&name)
        });
        if !is_rule {
            return None;
        }
        let named = self.all_rules().find_map(|(path, ..)| {
            let found = *path.strip_prefix(package.as_slice())?.first()?;
            (found == name).then_some(found)
        });
        Some(std::iter::once("data").chain(package).chain(named).collect())
    }
}
