//! Expressions.

use regorus::Value;

use super::super::call::Call;
use super::super::program::{Collect, Collected, Comparison, Each, Ex, Lit, Table, Target};
use super::state::{Found, Lower};
use crate::builtins::operators;
use crate::syntax::{Body, Expr, ExprKind, Literal, LiteralKind, Part};

impl<'p> Lower<'p> {
    /// An expression that has one value at most.
    pub fn ground(&mut self, expr: &'p Expr) -> Result<Ex, String> {
        let mut loops = Vec::new();
        let it = self.expr(expr, &mut loops)?;
        if loops.is_empty() { Ok(it) } else { Err("it walks where one value is wanted".into()) }
    }

    /// The value of a default.
    pub fn constant(&mut self, expr: &'p Expr) -> Result<Value, String> {
        self.enter(None);
        let it = self.ground(expr)?;
        self.leave();
        match it {
            Ex::Const(value) => Ok(value),
            _ => Err("a default is no constant".into()),
        }
    }

    /// An expression; the walks over items that it needs go before.
    pub fn expr(&mut self, expr: &'p Expr, out: &mut Vec<Lit>) -> Result<Ex, String> {
        if let Some((_, slot)) = self.bound.iter().find(|it| std::ptr::eq(it.0, expr)) {
            return Ok(Ex::Local(*slot));
        }
        self.deeper(|lower| lower.expr_within(expr, out))
    }

    fn expr_within(&mut self, expr: &'p Expr, out: &mut Vec<Lit>) -> Result<Ex, String> {
        Ok(match &expr.kind {
            ExprKind::Null => Ex::Const(Value::Null),
            ExprKind::Bool(it) => Ex::Const((*it).into()),
            ExprKind::Number(it) => {
                Ex::Const(Value::from_numeric_string(it).map_err(|_| "it has an odd number")?)
            }
            ExprKind::String(it) => Ex::Const(it.as_str().into()),
            ExprKind::Template(parts) => self.template(parts)?,
            ExprKind::Var(_) => self.reference(expr, &[], out)?,
            ExprKind::Ref(head, keys) => self.reference(head, keys, out)?,
            ExprKind::Call(name, arguments) => self.call(name, arguments, out)?,
            ExprKind::Array(items) => folded(Ex::Array(self.all(items, out)?)),
            ExprKind::Set(items) => folded(Ex::Set(self.all(items, out)?)),
            ExprKind::Object(entries) => {
                let mut all = Vec::new();
                for (key, value) in entries {
                    all.push((self.expr(key, out)?, self.expr(value, out)?));
                }
                folded(Ex::Object(all))
            }
            ExprKind::ArrayComprehension(value, body) => {
                self.collect(Collected::Array, None, value, body)?
            }
            ExprKind::SetComprehension(value, body) => {
                self.collect(Collected::Set, None, value, body)?
            }
            ExprKind::ObjectComprehension(key, value, body) => {
                self.frame.may_stop = true;
                self.collect(Collected::Object, Some(key), value, body)?
            }
            ExprKind::Infix(operator, left, right) => self.infix(operator, left, right, out)?,
            ExprKind::In(None, value, domain) => {
                let value = Box::new(self.expr(value, out)?);
                Ex::In(value, Box::new(self.expr(domain, out)?))
            }
            ExprKind::In(Some(_), ..) => return Err("it looks a key and a value up with in".into()),
        })
    }

    fn all(&mut self, items: &'p [Expr], out: &mut Vec<Lit>) -> Result<Vec<Ex>, String> {
        items.iter().map(|it| self.expr(it, out)).collect()
    }

    fn infix(
        &mut self,
        operator: &str,
        left: &'p Expr,
        right: &'p Expr,
        out: &mut Vec<Lit>,
    ) -> Result<Ex, String> {
        let left = Box::new(self.expr(left, out)?);
        let right = Box::new(self.expr(right, out)?);
        if operator != "="
            && let Some(comparison) = Comparison::of(operator)
        {
            return Ok(Ex::Compare(comparison, left, right));
        }
        match operators::of(operator) {
            Some((_, sign)) => Ok(Ex::Operator(sign, left, right)),
            None => Err(format!("it uses {operator} within an expression")),
        }
    }

    fn collect(
        &mut self,
        kind: Collected,
        key: Option<&'p Expr>,
        value: &'p Expr,
        body: &'p Body,
    ) -> Result<Ex, String> {
        self.enter(Some(body));
        let body = self.literals(body)?;
        let key = key.map(|it| self.ground(it)).transpose()?.map(Box::new);
        let value = Box::new(self.ground(value)?);
        self.leave();
        Ok(Ex::Collect(Collect { kind, key, value, body }))
    }

    fn template(&mut self, parts: &'p [Part]) -> Result<Ex, String> {
        let mut all = Vec::new();
        for part in parts {
            all.push(match part {
                Part::Text(text, _) => Ex::Const(text.as_str().into()),
                Part::Value(literal, _) => {
                    let Literal { kind: LiteralKind::Expr(expr), with, .. } = &**literal else {
                        return Err("a template has a condition in it".into());
                    };
                    if !with.is_empty() {
                        return Err("it uses with".into());
                    }
                    // A set, so that there may be none.
                    let value = self.ground(expr)?;
                    let slot = self.frame.slot();
                    let body = vec![Lit::Bind(slot, value)];
                    let value = Box::new(Ex::Local(slot));
                    Ex::Collect(Collect { kind: Collected::Set, key: None, value, body })
                }
            });
        }
        let call = Call::of("internal.template_string", 1)?;
        Ok(Ex::Call(call, vec![Ex::Array(all)]))
    }

    fn call(
        &mut self,
        name: &'p Expr,
        arguments: &'p [Expr],
        out: &mut Vec<Lit>,
    ) -> Result<Ex, String> {
        let path = name.constant_path();
        let (Some(dotted), Some((first, rest))) = (name.dotted(), path.split_first()) else {
            return Err("it calls what has no name".into());
        };
        let global = match *first {
            "data" => Some(vec!["data"]),
            first => self.global(first),
        };
        let mut all = self.all(arguments, out)?;
        if let Some(global) = global {
            let full: Vec<&str> = global.into_iter().chain(rest.iter().copied()).collect();
            let below = full.strip_prefix(&["data"]).unwrap_or_default();
            let function = self.function_at(below, arguments.len())?;
            let function = function.ok_or_else(|| format!("it calls {dotted}"))?;
            self.frame.may_stop |=
                self.program.functions.get(function).is_some_and(|it| it.may_stop);
            return Ok(Ex::Function(function, all));
        }
        if dotted == "regex.match"
            && let [Ex::Const(Value::String(pattern)), _] = all.as_slice()
            && let Some(call) = Call::matching(pattern)
        {
            all.remove(0);
            return Ok(Ex::Call(call, all));
        }
        let call = Call::of(&dotted, arguments.len())?;
        self.frame.may_stop |= call.may_stop();
        Ok(Ex::Call(call, all))
    }

    /// `head.a["b"][c]`.
    fn reference(
        &mut self,
        head: &'p Expr,
        keys: &'p [Expr],
        out: &mut Vec<Lit>,
    ) -> Result<Ex, String> {
        let ExprKind::Var(name) = &head.kind else {
            let base = self.expr(head, out)?;
            return self.below(base, false, keys, out);
        };
        let prefix = match (self.frame.find(name), name.as_str()) {
            (Found::Bound(slot), _) => return self.below(Ex::Local(slot), false, keys, out),
            (Found::Unbound, _) | (Found::Unknown, "_") => {
                return Err(format!("{name} has no value yet"));
            }
            (Found::Unknown, "input") => vec!["input"],
            (Found::Unknown, "data") => vec!["data"],
            (Found::Unknown, _) => {
                self.global(name).ok_or_else(|| format!("{name} has no value yet"))?
            }
        };
        let constants = keys.iter().map_while(|it| match &it.kind {
            ExprKind::String(text) => Some(text.as_str()),
            _ => None,
        });
        let path: Vec<&str> = prefix.iter().copied().chain(constants).collect();
        let named = path.len() - prefix.len();
        let (first, below) = path.split_first().ok_or("a reference has no parts")?;
        let rest = keys.get(named..).unwrap_or_default();
        if *first == "input" {
            let field = self.field(below)?;
            return self.below(Ex::Field(field), false, rest, out);
        }
        if let Some((lookup, length)) = self.lookup(below) {
            let key = below.get(length).map(|it| Ex::Const((*it).into()));
            let (key, rest) = match (key, rest.split_first()) {
                (Some(key), _) => (key, rest),
                (None, Some((key, rest))) => (self.expr(key, out)?, rest),
                (None, None) => return Err("it reads a whole document of the host".into()),
            };
            let mut base = Ex::Lookup(lookup, Box::new(key));
            for it in below.iter().skip(length + 1) {
                base = Ex::Index(Box::new(base), Box::new(Ex::Const((*it).into())));
            }
            return self.below(base, false, rest, out);
        }
        let (mut base, used) = self.document(below)?;
        for it in below.iter().skip(used) {
            base = Ex::Index(Box::new(base), Box::new(Ex::Const((*it).into())));
        }
        self.below(base, true, rest, out)
    }

    /// The document of the host at the beginning of a path, and how many parts that is.
    fn lookup(&self, path: &[&str]) -> Option<(usize, usize)> {
        let fits =
            |it: &&[String]| path.len() >= it.len() && it.iter().zip(path).all(|(a, b)| a == b);
        let at = self.lookups.iter().position(fits)?;
        Some((at, self.lookups.get(at)?.len()))
    }

    /// What keys choose of a value; a variable without a value walks over all.
    fn below(
        &mut self,
        base: Ex,
        is_data: bool,
        keys: &'p [Expr],
        out: &mut Vec<Lit>,
    ) -> Result<Ex, String> {
        let mut base = base;
        for key in keys {
            let is_wildcard = matches!(&key.kind, ExprKind::Var(name) if name == "_");
            if is_wildcard || self.unbound(key).is_some() {
                let target = match self.unbound(key) {
                    Some(name) => Some(Target::Local(self.frame.bind(name)?)),
                    None => None,
                };
                let slot = self.frame.slot();
                let value = Some(Target::Local(slot));
                out.push(Lit::Each(Each { domain: base, key: target, value }));
                base = Ex::Local(slot);
                continue;
            }
            let key = self.expr(key, out)?;
            let is_text = matches!(key, Ex::Const(Value::String(_)));
            if is_data && !is_text {
                // A number finds the key that is its text, too.
                self.frame.may_stop = true;
            }
            base = index(base, key, is_data && !is_text);
        }
        Ok(base)
    }
}

/// A key of a value.
fn index(base: Ex, key: Ex, is_data: bool) -> Ex {
    let table = match (&base, &key) {
        (Ex::Const(_), Ex::Const(_)) => None,
        (Ex::Const(value), _) => Table::new(value, is_data),
        _ => None,
    };
    match table {
        Some(table) => Ex::Pick(Box::new(table), Box::new(key)),
        None if is_data => Ex::DataIndex(Box::new(base), Box::new(key)),
        None => Ex::Index(Box::new(base), Box::new(key)),
    }
}

/// Collections of constants are constants.
fn folded(it: Ex) -> Ex {
    let constant = |it: &Ex| match it {
        Ex::Const(value) => Some(value.clone()),
        _ => None,
    };
    let value = match &it {
        Ex::Array(items) => items.iter().map(constant).collect::<Option<Vec<_>>>().map(Value::from),
        Ex::Set(items) => items
            .iter()
            .map(constant)
            .collect::<Option<std::collections::BTreeSet<_>>>()
            .map(Value::from),
        Ex::Object(entries) => entries
            .iter()
            .map(|(key, value)| Some((constant(key)?, constant(value)?)))
            .collect::<Option<std::collections::BTreeMap<_, _>>>()
            .map(Value::from),
        _ => None,
    };
    value.map_or(it, Ex::Const)
}
