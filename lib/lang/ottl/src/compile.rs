//! A tree to a program: names get their meaning.

use std::ops::Range;

use crate::compare;
use crate::context::{Context, Scene};
use crate::editors::{self, Edit, Editors};
use crate::enums;
use crate::error::Error;
use crate::functions::{
    Call, Getter, Given, Key, Kind, Lambda, Parameter, Slot, State, Target, Test, find, names,
};
use crate::path;
use crate::tree::{self, Argument, Expr, Node};
use crate::value::Value;

/// Whether paths say which context they are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefixes {
    /// `log.body`, always.
    Required,
    /// `body` is `log.body`.
    Optional,
}

/// Compiles one text.
pub(crate) struct Compiler<'t> {
    pub(crate) text: &'t str,
    pub(crate) context: Context,
    pub(crate) prefixes: Prefixes,
}

impl Compiler<'_> {
    pub(crate) fn test(&mut self, expr: &Expr) -> Result<Test, Error> {
        Ok(match &expr.node {
            Node::Bool(it) => Test::Const(*it),
            Node::Not(inside) => match self.test(inside)? {
                Test::Const(it) => Test::Const(!it),
                other => Test::Not(Box::new(other)),
            },
            Node::And(list) => self.joined(list, false, Test::All)?,
            Node::Or(list) => self.joined(list, true, Test::Any)?,
            Node::Compare(how, left, right) => {
                let sides = (self.getter(left)?, self.getter(right)?);
                match (sides.0.constant(), sides.1.constant()) {
                    (Some(left), Some(right)) => Test::Const(compare::holds(*how, left, right)),
                    (_, Some(Value::Int(constant))) => match sides.0 {
                        Getter::Field(field) if path::is_int(field) => {
                            Test::Int(field, *how, *constant)
                        }
                        _ => Test::Compare(*how, Box::new(sides)),
                    },
                    _ => Test::Compare(*how, Box::new(sides)),
                }
            }
            _ => match self.getter(expr)? {
                Getter::Const(Value::Bool(it)) => Test::Const(it),
                other => Test::Call(other),
            },
        })
    }

    /// All or any of a list; `decided` is the result that ends the search.
    fn joined(
        &mut self,
        list: &[Expr],
        decided: bool,
        make: fn(Vec<Test>) -> Test,
    ) -> Result<Test, Error> {
        let mut tests = Vec::new();
        let mut constant = false;
        for expr in list {
            match self.test(expr)? {
                Test::Const(it) => constant |= it == decided,
                test => tests.push(test),
            }
        }
        Ok(match tests.pop() {
            _ if constant => Test::Const(decided),
            None => Test::Const(!decided),
            Some(only) if tests.is_empty() => only,
            Some(last) => {
                tests.push(last);
                make(tests)
            }
        })
    }

    pub(crate) fn getter(&mut self, expr: &Expr) -> Result<Getter, Error> {
        Ok(match &expr.node {
            Node::Nil => Getter::Const(Value::Nil),
            Node::Bool(it) => Getter::Const(Value::Bool(*it)),
            Node::Int(it) => Getter::Const(Value::Int(*it)),
            Node::Float(it) => Getter::Const(Value::Double(*it)),
            Node::Text(it) => Getter::Const(it.clone().into()),
            Node::Bytes(it) => Getter::Const(Value::Bytes(it.clone().into())),
            Node::Enum(name) => {
                let number = enums::number(self.context, name).map_err(|it| {
                    Error::said(expr.span.clone(), it).one_of(enums::names(self.context))
                })?;
                Getter::Const(Value::Int(number))
            }
            Node::Function(name) => {
                let message = format!("function {name} is not a value");
                return Err(Error::said(expr.span.clone(), message));
            }
            Node::Path(path) => self.path(path)?,
            Node::Local(local) => self.local(local, &expr.span)?,
            Node::Call(call) => self.call(call)?,
            Node::List(list) => constant(Getter::List(
                list.iter().map(|it| self.getter(it)).collect::<Result<_, _>>()?,
            )),
            Node::Map(entries) => {
                let entries = entries.iter().map(|(key, it)| Ok((key.clone(), self.getter(it)?)));
                constant(Getter::Map(entries.collect::<Result<_, Error>>()?))
            }
            Node::Math(how, left, right) => {
                constant(Getter::Math(*how, Box::new((self.getter(left)?, self.getter(right)?))))
            }
            Node::Negative(it) => constant(Getter::Negative(Box::new(self.getter(it)?))),
            Node::Lambda(_) => {
                let message =
                    "lambda expressions can only be passed to function arguments that accept them";
                return Err(Error::said(expr.span.clone(), message));
            }
            Node::Compare(..) | Node::Not(_) | Node::And(_) | Node::Or(_) => {
                return Err(Error::said(expr.span.clone(), "a condition is not a value"));
            }
        })
    }

    fn path(&mut self, path: &tree::Path) -> Result<Getter, Error> {
        if path.is_of_request() {
            let (part, keys) = path::OfRequest::resolve(self.text, path)?;
            return Ok(Getter::Request(part, self.keys(keys)?));
        }
        let Target { field, keys } = self.target(path)?;
        Ok(if keys.is_empty() { Getter::Field(field) } else { Getter::Keyed(field, keys) })
    }

    /// What a lambda around it was given.
    fn local(&mut self, local: &tree::Local, span: &Range<usize>) -> Result<Getter, Error> {
        let [field] = local.path.fields.as_slice() else {
            let text = self.text.get(span.clone()).unwrap_or_default();
            let message =
                format!("local identifier {text:?} cannot use \".\" to access nested fields");
            return Err(Error::said(span.clone(), message));
        };
        let keys = self.keys(&field.keys)?;
        let (name, up, at) = (field.name.clone(), local.up, local.at);
        Ok(Getter::Given(Box::new(Given { name, up, at, keys })))
    }

    fn lambda(&mut self, lambda: &tree::Lambda, span: &Range<usize>) -> Result<Lambda, Error> {
        let names = &lambda.parameters;
        let mut before = names.iter();
        while let Some(name) = before.next_back() {
            if name != "_" && before.as_slice().contains(name) {
                let message = format!("duplicate local identifier {name:?}");
                return Err(Error::said(span.clone(), message));
            }
        }
        let body = match lambda.body.node {
            Node::Compare(..) | Node::Not(_) | Node::And(_) | Node::Or(_) => {
                Getter::Test(Box::new(self.test(&lambda.body)?))
            }
            _ => self.getter(&lambda.body)?,
        };
        Ok(Lambda { parameters: names.len(), body })
    }

    fn target(&mut self, path: &tree::Path) -> Result<Target, Error> {
        let (context, fields) = self.split(path)?;
        let (field, keys) = path::resolve(self.text, path, (context, self.context), fields)?;
        Ok(Target { field, keys: self.keys(keys)? })
    }

    /// The context that a path is in, and its fields there.
    fn split<'p>(&self, path: &'p tree::Path) -> Result<(Context, &'p [tree::Field]), Error> {
        let [first, rest @ ..] = path.fields.as_slice() else {
            return Ok((self.context, &path.fields));
        };
        let within = self.context.within();
        if let Some(context) = Context::named(&first.name).filter(|it| within.contains(it))
            && !rest.is_empty()
        {
            return Ok((context, rest));
        }
        if self.prefixes == Prefixes::Optional {
            return Ok((self.context, &path.fields));
        }
        let end = path.fields.last().map_or(first.span.end, |it| it.span.end);
        let span = first.span.start..end;
        let text = path::shown(self.text, path);
        let mut names: Vec<&str> = within.iter().map(|it| it.name()).collect();
        if within.contains(&Context::Scope) {
            names.push("instrumentation_scope");
        }
        names.push("otelcol");
        if rest.is_empty() {
            let options: Vec<String> = names.iter().map(|it| format!("\"{it}.{text}\"")).collect();
            let message = format!(
                "missing context name for path {text:?}, possibly valid options are: {}",
                options.join(", ")
            );
            return Err(Error::said(span, message));
        }
        let options: Vec<String> = names.iter().map(|it| format!("\"{it}\"")).collect();
        let message = format!(
            "context {:?} from path {text:?} is not valid, it must be replaced by one of: {}",
            first.name,
            options.join(", ")
        );
        Err(Error::said(first.span.clone(), message).one_of(names))
    }

    fn keys(&mut self, keys: &[Expr]) -> Result<Vec<Key>, Error> {
        let key = |it: &Expr| {
            Ok(match self.getter(it)? {
                Getter::Const(Value::Text(it)) => Key::Text(it.into_owned()),
                Getter::Const(Value::Int(it)) => Key::Int(it),
                other => Key::Getter(other),
            })
        };
        keys.iter().map(key).collect()
    }

    fn call(&mut self, call: &tree::Call) -> Result<Getter, Error> {
        let span = call.name_span.clone();
        let Some(function) = find(self.context, &call.name) else {
            let message = format!("undefined function {:?}", call.name);
            return Err(Error::said(span, message).one_of(names(self.context)));
        };
        let arguments = self.arguments(function.parameters, call)?;
        let state = match function.prepare {
            Some(prepare) => prepare(&arguments)
                .map_err(|it| Error::said(span, format!("couldn't create function: {it}")))?,
            None => State::None,
        };
        let fixed = function.pure && arguments.iter().all(is_constant);
        let getter = Getter::Call(Box::new(Call { function, arguments, state }));
        let getter = if fixed { constant(getter) } else { getter };
        let keys = self.keys(&call.keys)?;
        Ok(if keys.is_empty() { getter } else { Getter::Indexed(Box::new(getter), keys) })
    }

    /// The arguments of a call, one per parameter.
    fn arguments(&mut self, of: &[Parameter], call: &tree::Call) -> Result<Vec<Slot>, Error> {
        self.slots(of, call).map_err(|it| {
            it.within(format_args!("error while parsing arguments for call to {:?}", call.name))
        })
    }

    fn slots(&mut self, parameters: &[Parameter], call: &tree::Call) -> Result<Vec<Slot>, Error> {
        let given = &call.arguments;
        let named = given.iter().position(|it| it.name.is_some()).unwrap_or(given.len());
        if let Some(late) = given.iter().skip(named).find(|it| it.name.is_none()) {
            let message = "unnamed argument used after named argument";
            return Err(Error::said(late.value.span.clone(), message));
        }
        let required = parameters.iter().filter(|it| !it.optional).count();
        if given.len() < required || given.len() > parameters.len() {
            let message = format!(
                "incorrect number of arguments. Expected: {} Received: {}",
                parameters.len(),
                given.len()
            );
            return Err(Error::said(call.name_span.clone(), message));
        }
        let mut slots: Vec<Slot> = parameters.iter().map(|_| Slot::Absent).collect();
        for (position, argument) in given.iter().enumerate() {
            let at = match &argument.name {
                None => position,
                Some(name) => {
                    let found = parameters.iter().position(|it| is_name(it.name, name));
                    found.ok_or_else(|| {
                        let message = format!("no such parameter: {name}");
                        let known = parameters.iter().map(|it| it.name);
                        Error::said(argument.value.span.clone(), message).one_of(known)
                    })?
                }
            };
            let (Some(slot), Some(parameter)) = (slots.get_mut(at), parameters.get(at)) else {
                continue;
            };
            *slot = if parameter.kind == Kind::Function {
                self.function(&argument.value)?
            } else {
                self.argument(parameter.kind, argument).map_err(|it| {
                    it.within(format_args!("invalid argument at position {position}"))
                })?
            };
        }
        Ok(slots)
    }

    /// The converter that an argument names.
    fn function(&self, named: &Expr) -> Result<Slot, Error> {
        let wrong = |message: String| Error::said(named.span.clone(), message);
        let (Node::Enum(name) | Node::Function(name)) = &named.node else {
            return Err(wrong("invalid function name given".to_owned()));
        };
        let Some(function) = find(self.context, name) else {
            return Err(wrong(format!("undefined function {name}")).one_of(names(self.context)));
        };
        let parameters = function.parameters.len();
        if parameters != 1 {
            let message =
                format!("incorrect number of arguments. Expected: {parameters} Received: 1");
            return Err(wrong(message));
        }
        Ok(Slot::Function(function))
    }

    fn argument(&mut self, kind: Kind, argument: &Argument) -> Result<Slot, Error> {
        let value = &argument.value;
        let wrong = |message: &str| Error::said(value.span.clone(), message);
        if kind.is_target() {
            let Node::Path(path) = &value.node else { return Err(wrong("must be a path")) };
            if path.is_of_request() {
                let shown = self.text.get(value.span.clone()).unwrap_or_default();
                return Err(wrong(&format!("{shown:?} is read-only and cannot be modified")));
            }
            return self.target(path).map(Slot::Target);
        }
        if kind == Kind::Lambda {
            let Node::Lambda(lambda) = &value.node else {
                return Err(wrong("must be a lambda expression"));
            };
            return self.lambda(lambda, &value.span).map(Slot::Lambda);
        }
        if let Some(message) = kind.each() {
            let Node::List(list) = &value.node else { return Err(wrong(message)) };
            let getters = list.iter().enumerate().map(|(at, it)| {
                self.checked(kind, it).map_err(|it| {
                    it.within(format_args!("error while parsing list argument at index {at}"))
                })
            });
            return Ok(Slot::Each(getters.collect::<Result<_, _>>()?));
        }
        self.checked(kind, value).map(Slot::One)
    }

    /// A constant of a wrong type is refused at once, and so is what has to be a constant and is none.
    fn checked(&mut self, kind: Kind, at: &Expr) -> Result<Getter, Error> {
        let getter = self.getter(at)?;
        let constant = getter.constant();
        if let Some((go_type, message)) = kind.literal() {
            let fits = constant.is_some_and(|it| it.go_type() == go_type);
            return if fits { Ok(getter) } else { Err(Error::said(at.span.clone(), message)) };
        }
        if let Some(constant) = constant {
            kind.coerce(constant.clone()).map_err(|it| Error::said(at.span.clone(), it))?;
        }
        Ok(getter)
    }

    /// An editor with its arguments.
    pub(crate) fn edit(&mut self, of: Editors, call: &tree::Call) -> Result<Edit, Error> {
        let span = call.name_span.clone();
        let Some(editor) = editors::find(of, self.context, &call.name) else {
            let message = format!("undefined function {:?}", call.name);
            return Err(Error::said(span, message).one_of(editors::names(of, self.context)));
        };
        let arguments = self.arguments(editor.parameters, call)?;
        let state = match editor.prepare {
            Some(prepare) => prepare(&arguments)
                .map_err(|it| Error::said(span, format!("couldn't create function: {it}")))?,
            None => editors::State::None,
        };
        Ok(Edit { editor, arguments, state })
    }
}

/// Go takes the name of a field of a struct in any spelling that becomes it: `utf8_safe`, `utf8Safe`.
fn is_name(parameter: &str, given: &str) -> bool {
    let plain = |it: &str| it.replace('_', "").to_ascii_lowercase();
    parameter == given || (!given.starts_with('_') && plain(parameter) == plain(given))
}

fn is_constant(slot: &Slot) -> bool {
    match slot {
        Slot::Absent => true,
        Slot::One(it) => it.constant().is_some(),
        Slot::Each(list) => list.iter().all(|it| it.constant().is_some()),
        Slot::Target(_) | Slot::Function(_) | Slot::Lambda(_) => false,
    }
}

/// Works out what is the same for all items, if it can be worked out: what fails does so each time.
fn constant(getter: Getter) -> Getter {
    let fixed = match &getter {
        Getter::List(list) => list.iter().all(|it| it.constant().is_some()),
        Getter::Map(entries) => entries.iter().all(|it| it.1.constant().is_some()),
        Getter::Math(_, sides) => sides.0.constant().is_some() && sides.1.constant().is_some(),
        Getter::Negative(it) => it.constant().is_some(),
        _ => true,
    };
    let value = if fixed { getter.get(Scene::default()).ok().map(Value::into_owned) } else { None };
    value.map_or(getter, Getter::Const)
}
